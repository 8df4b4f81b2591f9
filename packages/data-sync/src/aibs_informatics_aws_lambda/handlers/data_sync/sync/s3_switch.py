"""The switch of a destination in S3: a new prefix, and a pointer object that names it."""

from __future__ import annotations

import heapq
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError

from ..entries import Entry
from ..locations import Root
from ..progress import NullProgress
from ..s3 import requests
from ..s3.client import S3
from ..s3.listing import find_object, list_below
from . import pointer as pointers
from .context import ExecutionContext
from .deadline import OutOfTimeError
from .deletions import Deletion, delete_objects
from .diff import Step
from .executor import execute
from .plain_request import PlainObjectSettings
from .planner import Plan
from .report import Report
from .request import SyncRequest
from .resolve import ResolvedSync
from .result import Outcome
from .resumption import Resumption
from .routes import Route

logger = logging.getLogger(__name__)


class TakenOverError(AWSError):
    """Another sync has begun, or has switched, since this one has read the pointer."""


class PointerObject:
    """The pointer object of a destination; each change depends on the one that was read.

    Args:
        s3: the S3 client.
        target: the destination; its key ends in a slash.

    Raises:
        ValueError: the destination is a whole bucket, or the object is not a pointer.
        AWSError: it cannot be read.
    """

    def __init__(self, s3: S3, target: Root) -> None:
        folder, _, self.name = target.path.rstrip("/").rpartition("/")
        if not self.name:
            raise ValueError(
                f"switch needs a prefix, beside which its pointer and versions are: "
                f"{target.name()} is a whole bucket"
            )
        self._s3 = s3
        self._bucket = target.bucket or ""
        self.folder = Root(target.bucket, f"{folder}/" if folder else "")
        self._key = f"{self.folder.path}{self.name}{pointers.SUFFIX}"
        self._etag = ""
        self.found = self._read()
        self.value = self.found or pointers.Pointer(self.name)

    @property
    def uri(self) -> str:
        """The S3 URI of the object."""
        return self.folder.name(f"{self.name}{pointers.SUFFIX}")

    def write(self, value: pointers.Pointer) -> None:
        """Replace the pointer, unless another sync has.

        Raises:
            TakenOverError: another sync has.
            AWSError: it cannot be written.
        """
        condition = {"If-Match": f'"{self._etag}"'} if self._etag else {"If-None-Match": "*"}
        request = requests.put_text(self._bucket, self._key, value.to_text())
        headers = {**condition, "Content-Type": "application/json"}
        try:
            self._s3.ask(request._replace(headers=headers))
        except AWSError as error:
            before = self._etag
            # The response to a request that was sent again may be about the first one.
            if self._read() != value:
                raise (self._taken_over() if self._etag != before else error) from error
        else:
            if self._read() != value:
                raise self._taken_over()
        self.value = value

    def _read(self) -> pointers.Pointer | None:
        request = requests.Request(
            "GetObject", "s3:GetObject", self._bucket, self._key, keeps_headers=True
        )
        # Unlike the request, the listing tells "not there" from "not allowed".
        if find_object(self._s3, self._bucket, self._key) is None:
            self._etag = ""
            return None
        try:
            response = self._s3.ask(request)
        except ResourceNotFoundError:
            self._etag = ""
            return None
        self._etag = requests.read_stored(response, is_head=True).etag
        try:
            return pointers.read_pointer(response.body.decode(), self.name)
        except ValueError as error:
            raise ValueError(
                f"{self.uri} is not the pointer of {self.name}: {error}. Move it away, or choose "
                "another destination"
            ) from None

    def _taken_over(self) -> TakenOverError:
        return TakenOverError(
            f"{self.uri} was changed by another sync with --switch: nothing was switched. Let one "
            "sync to a destination run at a time"
        )


class S3Switch:
    """The switch of a destination in S3.

    Args:
        s3: the S3 client of the destination.
        route: the route of the sync.
        purpose: what a new version is built for.
    """

    def __init__(self, s3: S3, route: Route, purpose: str) -> None:
        self._s3 = s3
        self._route = route
        self._object = PointerObject(s3, route.target)
        number = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(4).hex()}"
        prefix = pointers.version_prefix(self._object.name, number)
        before = self._object.value
        self._begun = pointers.begin(before, purpose, prefix)
        building = self._begun.building
        self._version = self._at(building.prefix if building else prefix)
        self.is_resumed = building is not None and building.prefix != prefix
        self._base = self._at(before.current or f"{self._object.name}/")
        self._is_claimed = False
        self.is_done = False

    @property
    def changes_pointer(self) -> bool:
        """Whether the pointer says that this sync is building a version."""
        return self._is_claimed and not self.is_done

    def redirect(self, resolved: ResolvedSync) -> ResolvedSync:
        """Return the sync, which is compared with `there`."""
        return resolved

    def there(self) -> Iterator[Entry]:
        """Yield the current objects; in place of them those that were already transferred."""
        written = list_below(self._s3, *self._place(self._version)) if self.is_resumed else ()
        yield from _overlaid(written, list_below(self._s3, *self._place(self._base)))

    def prepare(self, plans: Sequence[Plan], context: ExecutionContext) -> Outcome | None:
        """Copy the unchanged objects to the new prefix, and let the plans write there.

        Returns:
            `None`, or the outcome of a sync that ends here: nothing differs, or the deadline
            passed before all were copied.

        Raises:
            TakenOverError: another sync has begun meanwhile.
            AWSError: an object cannot be copied.
            OutOfTimeError: the deadline passed before any was.
        """
        [plan] = plans
        is_first = self._object.found is None and (plan.there or len(plan.steps))
        if not (is_first or self.is_resumed or plan.pending or len(plan.extraneous)):
            return None
        if not is_first and not self.is_resumed and self._may_be_equal(plan, context):
            found = self._compare(plan, context)
            if found is not None:
                return found
        self._object.write(self._begun)
        self._is_claimed = True
        copies = Plan(Route(self._base, self._version))
        try:
            for entry in self._to_copy(plan):
                copies.steps.append(Step("transfer", "missing", entry.relative, entry))
            outcome = execute([copies], self._copying(context))
        finally:
            copies.close()
        if not outcome.is_complete:
            if not outcome.counts.files_transferred:
                raise OutOfTimeError
            before = plan.resumption or Resumption()
            return Outcome(is_complete=False, resumption=before, carries=True)
        plan.route = replace(self._route, target=self._version)
        self._context = context
        return None

    def publish(self, outcome: Outcome) -> None:
        """Let the pointer name the new version.

        Raises:
            TakenOverError: another sync has switched meanwhile.
            AWSError: the pointer cannot be written.
        """
        if not self._is_claimed:
            return
        counts = outcome.counts
        is_changed = counts.files_transferred or counts.files_deleted
        if not (is_changed or self.is_resumed) and self._object.found is not None:
            # Comparisons have shown that nothing differs.
            self._object.write(pointers.abandon(self._begun))
            self.is_done = True
            return
        found = self._object.found
        deleted = self._delete_all(found.previous if found else ())
        self._object.write(pointers.publish(self._begun, deleted))
        self.is_done = True
        logger.info("%s names %s", self._object.uri, self._version.name())

    def renamed(self, report: Report) -> Report:
        """Return the report, which names the new objects."""
        return report

    def stop(self) -> None:
        """Let another sync complete the new version.

        Raises:
            AWSError: the pointer cannot be written.
        """
        if self.changes_pointer:
            self._object.write(pointers.stop(self._begun))
            logger.warning(
                "%s still names the previous version, since the sync is not complete: sync again "
                "to complete %s",
                self._object.uri,
                self._version.name(),
            )

    def _may_be_equal(self, plan: Plan, context: ExecutionContext) -> bool:
        """Return whether only comparisons are left, which need no copies of unchanged objects."""
        # With little time, comparisons go on in the next call, where copies are as well.
        is_compared = all(step.action != "transfer" for step in plan.steps)
        return is_compared and not plan.extraneous and not context.budget.is_limited

    def _compare(self, plan: Plan, context: ExecutionContext) -> Outcome | None:
        """Compare the source with the current version. Return the outcome if they are equal."""
        plan.route = replace(self._route, target=self._base)
        looking = context._replace(
            changes=False, progress=NullProgress(), report=Report(), publish=None
        )
        found = execute([plan], looking)
        if found.counts.files_transferred or not context.may_delete:
            return None
        self.is_done = True
        # With a report, each comparison is made once more, for its line.
        return execute([plan], context._replace(publish=None)) if context.report.is_read else found

    def _to_copy(self, plan: Plan) -> Iterator[Entry]:
        """Yield the objects of the current version that the new one lacks, and keeps."""
        replaced = (step.target for step in plan.steps if step.action == "transfer")
        leaving = heapq.merge(replaced, (step.target for step in plan.extraneous))
        if self.is_resumed:
            written = list_below(self._s3, *self._place(self._version))
            leaving = heapq.merge(leaving, (entry.relative for entry in written))
        return _without(list_below(self._s3, *self._place(self._base)), leaving)

    def _copying(self, context: ExecutionContext) -> ExecutionContext:
        return context._replace(
            source_s3=self._s3,
            target_s3=self._s3,
            progress=NullProgress(),
            report=Report(),
            object_settings=PlainObjectSettings(keep=True),
            failures=None,
            publish=None,
        )

    def _delete_all(self, prefixes: Iterable[str]) -> list[str]:
        """Delete versions that were replaced before, and return which are gone."""
        deleted = []
        for prefix in prefixes:
            root = self._at(prefix)
            objects = (
                Deletion(root.at(entry.relative), Step("extraneous", "", entry.relative, entry))
                for entry in list_below(self._s3, *self._place(root))
            )
            try:
                delete_objects(root, objects, self._context, lambda _: None, self._s3)
            except OutOfTimeError:
                break
            deleted.append(prefix)
        return deleted

    def _at(self, prefix: str) -> Root:
        folder = self._object.folder
        return Root(folder.bucket, folder.path + prefix)

    def _place(self, root: Root) -> tuple[str, str]:
        return root.bucket or "", root.path


@contextmanager
def s3_switch(request: SyncRequest, route: Route, s3: S3, purpose: str) -> Iterator[S3Switch]:
    """Give the switch of a destination in S3.

    If the sync fails or its time is up, the pointer says so, and the next one may continue.

    Args:
        request: the sync.
        route: its route.
        s3: the S3 client of the destination.
        purpose: what a new version is built for.

    Raises:
        ValueError: the destination is a whole bucket, or the source is to be removed.
        AWSError: S3 refuses or cannot be reached, or another sync has taken over.
    """
    if not request.retain_source_data:
        raise ValueError(
            "switch does not move files to S3: sync with switch, and then remove the source"
        )
    switch = S3Switch(s3, route, purpose)
    try:
        yield switch
    except TakenOverError:
        raise
    except BaseException:
        try:
            switch.stop()
        except AWSError as error:
            logger.warning("The next sync starts over: %s", error)
        raise
    else:
        switch.stop()


def _overlaid(upper: Iterable[Entry], lower: Iterable[Entry]) -> Iterator[Entry]:
    """Yield entries of two listings in order; those of the first one hide those of the other."""
    last = None
    for entry in heapq.merge(upper, lower, key=_relative_of):
        if entry.relative != last:
            last = entry.relative
            yield entry


def _without(entries: Iterable[Entry], leaving: Iterable[str]) -> Iterator[Entry]:
    """Yield the entries whose paths are not among others; both are in order."""
    paths = iter(leaving)
    path = next(paths, None)
    for entry in entries:
        while path is not None and path < entry.relative:
            path = next(paths, None)
        if path != entry.relative:
            yield entry


def _relative_of(entry: Entry) -> str:
    return entry.relative
