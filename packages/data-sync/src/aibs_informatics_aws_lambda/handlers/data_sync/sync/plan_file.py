"""Plan files: what a sync would do, written as JSON Lines and executed later.

The first line is the header: the version of the format, the request, and where the plan was made.
A line for each action follows, with what was found at both sides. The last line has the totals:
without it, the file is incomplete.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from aibs_informatics_aws_lambda.common.files import filename_in_errors, is_replaceable

from ..entries import Entry
from ..local.delete import delete_file
from ..local.staging import path_beside
from .diff import Step
from .planner import Plan
from .report import CHANGES, NO_EVIDENCE, Evidence, Report, ReportAction
from .request import SyncRequest
from .routes import Route

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

VERSION: Final = 1
"""The version of the format. A file of another version is not executed."""

_VERSION_FIELD = "data_sync_plan"
_TOTALS_FIELD = "totals"

PlannedAction: TypeAlias = Literal["upload", "download", "copy", "delete", "remove"]
"""A transfer, by its direction; deletion from the destination; removal from the source."""


class PlanError(ValueError):
    """A plan file is invalid."""


class Planned(NamedTuple):
    """An action of a plan.

    Args:
        action: the action.
        reason: the reason in one word.
        source: the S3 URI or path of the source entry, if there is one.
        destination: the S3 URI or path at the destination, unless the source is removed.
        size: in bytes.
    """

    action: PlannedAction
    reason: str
    source: str | None
    destination: str | None
    size: int


def describe(route: Route, step: Step, action: ReportAction) -> Planned:
    """Return an action of a sync, as users are shown it."""
    if action == "delete":
        name = route.target.text(step.target)
        return Planned("delete", "extraneous", None, name, step.entry.size)
    source = route.source.text(step.entry.relative)
    if action == "remove":
        return Planned("remove", "moved", source, None, step.entry.size)
    target = route.target.text(step.target)
    return Planned(_direction(route), step.reason, source, target, step.entry.size)


def _direction(route: Route) -> PlannedAction:
    if route.is_remote_to_local:
        return "download"
    return "copy" if route.is_local or route.source.bucket is not None else "upload"


class PlanWriter(Report):
    """Writes the actions of a dry run to a plan file.

    Args:
        file: the file.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._counts: Counter[str] = Counter()

    def add(
        self,
        route: Route,
        step: Step,
        action: ReportAction,
        evidence: Evidence = NO_EVIDENCE,  # noqa: ARG002
        error: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        """Write an action; what is unchanged is no action."""
        if action not in CHANGES:
            return
        planned = describe(route, step, action)
        self._counts[planned.action] += 1
        self._counts["bytes"] += planned.size if action == "transfer" else 0
        found = {
            "found": _state(step.entry),
            "replaces": _state(step.there) if step.there else None,
        }
        self._write({**planned._asdict(), **found})

    def write_header(self, request: SyncRequest, connection: Mapping[str, str]) -> None:
        """Write the first line."""
        header = {"request": request.to_dict(), "connection": dict(connection)}
        self._write({_VERSION_FIELD: VERSION, **header})

    def write_totals(self) -> None:
        """Write the last line."""
        self._write({_TOTALS_FIELD: dict(sorted(self._counts.items()))})

    def _write(self, document: Mapping[str, Any]) -> None:
        kept = {name: value for name, value in document.items() if value is not None}
        self._file.write(json.dumps(kept) + "\n")


@contextmanager
def written_plan(
    path: Path, request: SyncRequest, connection: Mapping[str, str]
) -> Iterator[Report]:
    """Write what happens inside the block, a dry run, to a plan file, if it does not fail.

    Args:
        path: the path of the file.
        request: the sync that the plan is of.
        connection: profile, region and endpoint, for the next use of the plan.

    Raises:
        OSError: the file cannot be written.
    """
    target = str(path.absolute())
    is_replaced = is_replaceable(path)
    # A device or a pipe is written to itself.
    written = path_beside(target) if is_replaced else target
    try:
        with filename_in_errors(target), open(written, "w", encoding="ascii") as file:  # noqa: PTH123
            writer = PlanWriter(file)
            writer.write_header(request, connection)
            yield writer
            writer.write_totals()
        if is_replaced:
            Path(written).replace(target)
    finally:
        if is_replaced:
            delete_file(written)


class PlanFile:
    """A plan file, to be executed.

    Args:
        path: the path of the file.

    Raises:
        PlanError: the file is invalid or incomplete, or of another version.
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unmatched: set[bytes] = set()
        self.request, self.connection = self._read_header()
        totals: Any = None
        for document in self._documents():
            totals = document.get(_TOTALS_FIELD)
            if totals is None:
                self._unmatched.add(_fingerprint(document))
        if totals is None:
            raise PlanError(f"{path} is incomplete: it does not end in totals. Plan again")

    def restrict(self, plans: Sequence[Plan]) -> None:
        """Drop all steps of plans that are not in the file, or whose entries have changed since.

        If an entry that was to be transferred has changed, nothing is deleted: it may have been
        renamed to the one that has changed. Nor are entry files of stores transferred: the entry
        may be part of what they name.
        """
        for plan in plans:
            plan.keep(lambda step, route=plan.route: self._has(route, step))  # type: ignore[misc]
        if any(planned.action != "delete" for planned in self.changed()):
            for plan in plans:
                plan.keep_data()

    def changed(self) -> Iterator[Planned]:
        """Yield the actions that `restrict` has not found: what they are about has changed."""
        if not self._unmatched:
            return
        seen: set[bytes] = set()
        for document in self._documents():
            if _TOTALS_FIELD not in document:
                fingerprint = _fingerprint(document)
                if fingerprint in self._unmatched and fingerprint not in seen:
                    seen.add(fingerprint)
                    yield _planned(document)

    def _has(self, route: Route, step: Step) -> bool:
        action: ReportAction = "delete" if step.action == "extraneous" else "transfer"
        planned = describe(route, step, action)
        replaced = _state(step.there) if step.there else None
        fingerprint = _digest(planned.source, planned.destination, _state(step.entry), replaced)
        removed = _digest(planned.source, None, _state(step.entry), replaced)
        found = {fingerprint, removed} & self._unmatched
        self._unmatched -= found
        return bool(found)

    def _read_header(self) -> tuple[DataSyncRequest, dict[str, str]]:
        with self._path.open(encoding="ascii") as file:
            header = self._parse(file.readline())
        version = header.get(_VERSION_FIELD)
        if version != VERSION:
            raise PlanError(
                f"{self._path} is not a plan of version {VERSION}: it must start with "
                f'"{_VERSION_FIELD}": {VERSION}. Write one with data-sync --plan'
            )
        # Plans are written without models.
        from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

        return DataSyncRequest.from_dict(header["request"]), header.get("connection", {})

    def _documents(self) -> Iterator[dict[str, Any]]:
        with self._path.open(encoding="ascii") as file:
            file.readline()
            for line in file:
                yield self._parse(line)

    def _parse(self, line: str) -> dict[str, Any]:
        try:
            document = json.loads(line)
        except ValueError as error:
            raise PlanError(f"{self._path} is not a plan: {error}") from None
        if not isinstance(document, dict):
            raise PlanError(f"{self._path} is not a plan: a line is not a JSON object")
        return document


def _planned(document: Mapping[str, Any]) -> Planned:
    action, reason, size = (document.get(name) for name in ("action", "reason", "size"))
    source, destination = document.get("source"), document.get("destination")
    return Planned(action or "copy", reason or "", source, destination, size or 0)


def _state(entry: Entry) -> dict[str, Any]:
    """Return what must not have changed of an entry."""
    state: dict[str, Any] = {"size": entry.size, "modified": entry.modified}
    return state if entry.etag is None else {**state, "etag": entry.etag}


def _fingerprint(document: Mapping[str, Any]) -> bytes:
    names = ("source", "destination", "found", "replaces")
    return _digest(*(document.get(name) for name in names))


def _digest(*values: Any) -> bytes:
    """Return a digest of JSON values: 16 bytes an action let millions fit in memory."""
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=16).digest()
