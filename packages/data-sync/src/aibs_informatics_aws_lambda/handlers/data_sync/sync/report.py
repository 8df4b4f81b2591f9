"""The report of a sync: one line of JSON for each entry, in the order of their paths."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final, Literal, NamedTuple, TypeAlias

from aibs_informatics_aws_lambda.common.files import (
    filename_in_errors,
    is_replaceable,
    unwritable_reason,
)
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ..external_sort import sort_externally
from ..local.delete import delete_file
from ..local.staging import path_beside, temporary_path
from ..locations import Location, add_suffix
from ..s3.client import S3
from ..s3.requests import Request
from ..settings import DEFAULT_BUCKET_NAME_ENV_VAR
from .diff import Step
from .request import SyncRequest
from .routes import Route

ReportAction: TypeAlias = Literal[
    "transfer", "keep", "archived", "delete", "remove", "equal", "different", "missing", "extra"
]
"""Transferred; unchanged; archived and left out; deleted from the destination; removed from the
source. Of a comparison: its result, ``missing`` and ``extra`` at the destination."""

Shape: TypeAlias = Callable[[Path, IO[str]], None]
"""Rewrites a report: takes one whose lines are in order, and the file to write to."""

CHANGES: Final[frozenset[ReportAction]] = frozenset({"transfer", "delete", "remove"})
"""The actions that change one of both sides."""


class Evidence(NamedTuple):
    """What is known of the content of an entry.

    Args:
        checksum: the kind of a checksum, a colon, and the checksum.
        verified: whether the content was compared, or verified by a checksum in transit.
        etag: the ETag of the object that was stored, if it is known.
        seconds: the duration of the transfer.
        finished: its end, in seconds since 1970 UTC.
    """

    checksum: str | None = None
    verified: bool = False
    etag: str = ""
    seconds: float | None = None
    finished: float | None = None


NO_EVIDENCE = Evidence()
"""Nothing is known of the content."""


class Report:
    """Receives what was done with each entry, and discards it.

    Attributes:
        is_read: whether the report is written, so that checksums are worth a request.
    """

    is_read = False

    def add(
        self,
        route: Route,
        step: Step,
        action: ReportAction,
        evidence: Evidence = NO_EVIDENCE,
        error: BaseException | None = None,
    ) -> None:
        """Add one entry, with the error that it has ended in, if any."""

    def secure(self) -> None:
        """Write what was added, as far as it can be, before anything is deleted.

        Raises:
            OSError: it cannot be written.
            AWSError: it cannot be uploaded.
        """


class ForwardedReport(Report):
    """Passes what it receives on to several reports."""

    def __init__(self, *receivers: Report) -> None:
        self.is_read = any(receiver.is_read for receiver in receivers)
        self._receivers = receivers

    def add(
        self,
        route: Route,
        step: Step,
        action: ReportAction,
        evidence: Evidence = NO_EVIDENCE,
        error: BaseException | None = None,
    ) -> None:
        """Add one entry to all of them."""
        for receiver in self._receivers:
            receiver.add(route, step, action, evidence, error)

    def secure(self) -> None:
        """Secure all of them."""
        for receiver in self._receivers:
            receiver.secure()


class Publisher:
    """Publishes a report.

    Args:
        path: the path of a new file, whose content is published at the end.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def publish_early(self, path: str) -> bool:  # noqa: ARG002
        """Publish the lines so far, as far as that shows whether a report can be published.

        Args:
            path: the file with these lines, in order.

        Returns:
            Whether only later lines are to be published at the end.
        """
        return False


class _Lines(Report):
    """Writes the lines of a report to new files, in the order in which entries are done.

    Args:
        publisher: publishes the report.
        shape: writes the report from one whose lines are in order.
    """

    is_read = True

    def __init__(self, publisher: Publisher, shape: Shape | None) -> None:
        self._publisher = publisher
        self._shape = shape
        self._failure: OSError | None = None
        self._parts: list[str] = []
        self._open()

    def _open(self) -> None:
        self._path = temporary_path(self._publisher.path)
        self._file = open(self._path, "x", encoding="ascii")  # noqa: PTH123, SIM115 - see `close`
        self._parts.append(self._path)

    def add(
        self,
        route: Route,
        step: Step,
        action: ReportAction,
        evidence: Evidence = NO_EVIDENCE,
        error: BaseException | None = None,
    ) -> None:
        is_extraneous = action in ("delete", "extra")
        line = {
            "action": action,
            "reason": step.reason or None,
            "source": None if is_extraneous else route.source.text(step.entry.relative),
            "destination": None if action == "remove" else route.target.text(step.target),
            "size": step.entry.size,
            "checksum": evidence.checksum,
            "verified": None if is_extraneous or action == "remove" else evidence.verified,
            "seconds": evidence.seconds,
            "finished": evidence.finished,
            "error": None if error is None else str(error) or type(error).__name__,
        }
        kept = {name: value for name, value in line.items() if value is not None}
        try:
            self._file.write(json.dumps(kept) + "\n")
        except OSError as failure:
            failure.filename = self._path
            self._failure = failure
            raise

    def secure(self) -> None:
        """Put the lines so far in order, which takes the space that they need at the end."""
        self._close()
        ordered = temporary_path(self._publisher.path)
        unordered = list(self._parts)
        try:
            self._join(unordered, ordered)
        except BaseException:
            delete_file(ordered)
            raise
        self._parts.append(ordered)
        self._delete(unordered)
        if self._shape is None and self._publisher.publish_early(ordered):
            self._delete([ordered])
        self._open()

    def finish(self) -> None:
        """Write all lines in order to the path of the publisher.

        Raises:
            OSError: something could not be written, now or before.
        """
        self._close()
        self._join(self._parts, self._publisher.path, self._shape)

    def discard(self) -> None:
        """Delete all files."""
        self._file.close()
        self._delete(list(self._parts))

    def _join(self, parts: Sequence[str], target: str, shape: Shape | None = None) -> None:
        join_reports([(Path(part), False) for part in parts], Path(target), shape)

    def _delete(self, parts: Sequence[str]) -> None:
        for part in parts:
            delete_file(part)
            self._parts.remove(part)

    def _close(self) -> None:
        """Write what is still in memory; raise `OSError` if anything could not be written."""
        with filename_in_errors(self._path):
            self._file.close()
        # Python forgets what it could not write, or tries once more: that depends on its version.
        if self._failure is not None:
            raise self._failure


def join_reports(
    parts: Iterable[tuple[Path, bool]], target: Path, shape: Shape | None = None
) -> None:
    """Write the lines of several reports to one, in the order of their paths.

    Args:
        parts: the reports, and whether to leave out the lines of unchanged entries of each.
            Missing ones have no lines.
        target: the path of the joined report.
        shape: writes the report from one whose lines are in order.

    Raises:
        OSError: a report cannot be read or written.
    """
    with filename_in_errors(target), ExitStack() as stack:
        lines = (
            line
            for path, leaves_out_unchanged in parts
            if path.exists()
            for line in stack.enter_context(path.open(encoding="ascii"))
            if not leaves_out_unchanged or json.loads(line)["action"] != "keep"
        )
        if shape is None:
            _write_sorted(lines, target)
            return
        ordered = Path(f"{target}.ordered")
        stack.callback(delete_file, str(ordered))
        _write_sorted(lines, ordered)
        with target.open("w", encoding="ascii") as file:
            shape(ordered, file)


def _write_sorted(lines: Iterable[str], target: Path) -> None:
    """Write lines in the order of their paths, sorting all but the first thousands on disk."""
    ordered = sort_externally(lines, _path_of)
    with target.open("w", encoding="ascii") as file:
        file.writelines(ordered)


def _path_of(line: str) -> str:
    """Return what a line is sorted by: where its entry is, or was."""
    entry = json.loads(line)
    path: str = entry.get("destination") or entry["source"]
    return path


def check_report_location(location: Location) -> None:
    """Raise `ValueError` if no report can be written to a location."""
    if isinstance(location, S3Path):
        if not location.key or location.has_folder_suffix():
            raise ValueError(f"cannot write the report to {location}: it names no object")
    elif reason := unwritable_reason(location):
        raise ValueError(f"cannot write the report to {location}: {reason}")


@contextmanager
def written_report(
    location: Location | None,
    s3: Callable[[], S3],
    shape: Shape | None = None,
    listed: Iterable[DataLocation] = (),
) -> Iterator[Report]:
    """Write a report, and publish it at the end, also if the sync fails.

    Args:
        location: the location of the report; `None` if it is only shaped.
        s3: makes the S3 client, if the location is in S3.
        shape: writes the report from one whose lines are in the order of their paths.
        listed: what the sync lists, as `publishing` takes it.

    Raises:
        ValueError: nothing can be written to the location.
        OSError: the report cannot be written.
        AWSError: it cannot be uploaded.
    """
    with _dropped() if location is None else publishing(location, s3, listed) as publisher:
        report = _Lines(publisher, shape)
        try:
            try:
                yield report
            finally:
                report.finish()
        finally:
            report.discard()


def publishing(
    location: Location, s3: Callable[[], S3], listed: Iterable[DataLocation] = ()
) -> AbstractContextManager[Publisher]:
    """Return what publishes a report, at the end of its block.

    Args:
        location: the location of the report.
        s3: makes the S3 client, if the location is in S3.
        listed: what the sync lists: a report there, which may be extraneous, is written at the
            end only.

    Raises:
        ValueError: nothing can be written to the location.
    """
    check_report_location(location)
    if isinstance(location, S3Path):
        return _uploaded(
            location, s3(), is_early=not any(_is_below(location, it) for it in listed)
        )
    return _renamed(location) if is_replaceable(location) else _copied(location)


@contextmanager
def _dropped() -> Iterator[Publisher]:
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder:
        yield Publisher(f"{folder}/report.jsonl")


@contextmanager
def _renamed(location: Path) -> Iterator[Publisher]:
    target = str(location.absolute())
    temporary = path_beside(target)
    try:
        try:
            yield Publisher(temporary)
        finally:
            if os.path.exists(temporary):  # noqa: PTH110
                os.replace(temporary, target)  # noqa: PTH105
    finally:
        delete_file(temporary)


class _Copier(Publisher):
    """Writes a report to a device or a pipe, which a file must not replace.

    Args:
        path: the path of a new file.
        location: the device or the pipe.
    """

    def __init__(self, path: str, location: Path) -> None:
        super().__init__(path)
        self._location = location
        self._target: IO[bytes] | None = None

    def publish_early(self, path: str) -> bool:
        """Copy lines, which cannot be taken back."""
        self.copy(path)
        return True

    def copy(self, path: str) -> None:
        """Copy a file to the device or the pipe, which stays open for the next one."""
        with filename_in_errors(self._location), open(path, "rb") as report:  # noqa: PTH123
            self._target = self._target or self._location.open("wb")
            shutil.copyfileobj(report, self._target)
            self._target.flush()

    def close(self) -> None:
        """Close the device or the pipe."""
        if self._target is not None:
            with filename_in_errors(self._location):
                self._target.close()


@contextmanager
def _copied(location: Path) -> Iterator[Publisher]:
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder:
        copier = _Copier(f"{folder}/report.jsonl", location)
        try:
            try:
                yield copier
            finally:
                if os.path.exists(copier.path):  # noqa: PTH110
                    copier.copy(copier.path)
        finally:
            copier.close()


class _Uploader(Publisher):
    """Writes a report to an object.

    Args:
        path: the path of a new file.
        location: the object.
        s3: the S3 client.
        is_early: whether lines are uploaded before the end, too.
    """

    def __init__(self, path: str, location: S3Path, s3: S3, *, is_early: bool) -> None:
        super().__init__(path)
        self._location = location
        self._s3 = s3
        self._is_early = is_early

    def publish_early(self, path: str) -> bool:
        """Upload lines, which the whole report replaces at the end."""
        if self._is_early:
            self.upload(path)
        return False

    def upload(self, path: str) -> None:
        """Upload a file."""
        request = Request(
            "PutObject",
            "s3:PutObject",
            self._location.bucket,
            self._location.key,
            "PUT",
            headers={"Content-Type": "application/x-ndjson"},
            send_file=path,
            file_name="the report",
            size=os.stat(path).st_size,  # noqa: PTH116
        )
        self._s3.ask(request)


@contextmanager
def _uploaded(location: S3Path, s3: S3, *, is_early: bool) -> Iterator[Publisher]:
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder:
        uploader = _Uploader(f"{folder}/report.jsonl", location, s3, is_early=is_early)
        try:
            yield uploader
        finally:
            if os.path.exists(uploader.path):  # noqa: PTH110
                uploader.upload(uploader.path)


def _is_below(location: S3Path, root: DataLocation) -> bool:
    is_in_bucket = isinstance(root, S3Path) and root.bucket == location.bucket
    return is_in_bucket and location.key.startswith(S3Path(str(root)).with_folder_suffix.key)


def find_report_location(request: SyncRequest) -> DataLocation | None:
    """Return the location of the report of a call, or `None` if none is requested.

    The report of a call that continues another one has the number of the call in its name. The
    default is the bucket for scratch data, if there is one, or the directory for temporary files.
    """
    if request.report_path is None:
        return _default_location() if request.include_detailed_response else None
    if request.continuation is None:
        return request.report_path
    return add_suffix(request.report_path, str(request.continuation.calls + 1))


def _default_location() -> S3Path | Path:
    # Few reports need it, and it imports more.
    import uuid

    name = f"data-sync-report-{uuid.uuid4()}.jsonl"
    bucket = os.environ.get(DEFAULT_BUCKET_NAME_ENV_VAR)
    if bucket:
        return S3Path.build(bucket, f"scratch/{name}")
    return Path(tempfile.gettempdir()) / name
