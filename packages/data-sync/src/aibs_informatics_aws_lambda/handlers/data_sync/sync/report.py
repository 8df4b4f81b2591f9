"""The report of a sync: one line of JSON for each entry, in the order of their paths."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
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
"""Writes a report anew: takes one whose lines are in order, and the file to write to."""

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


class _Lines(Report):
    """Writes the lines of a report to a new file, in the order in which entries are done.

    Args:
        path: the path of the file.
    """

    is_read = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open(path, "x", encoding="ascii")  # noqa: PTH123, SIM115 - see `close`
        self._failure: OSError | None = None

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

    def close(self) -> None:
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
    location: Location | None, s3: Callable[[], S3], shape: Shape | None = None
) -> Iterator[Report]:
    """Write a report, and publish it at the end, also if the sync fails.

    Args:
        location: the location of the report; `None` if it is only shaped.
        s3: makes the S3 client, if the location is in S3.
        shape: writes the report from one whose lines are in the order of their paths.

    Raises:
        ValueError: nothing can be written to the location.
        OSError: the report cannot be written.
        AWSError: it cannot be uploaded.
    """
    publish: AbstractContextManager[str]
    if location is None:
        publish = _dropped()
    else:
        check_report_location(location)
        if isinstance(location, S3Path):
            publish = _uploaded(location, s3())
        else:
            publish = _renamed(location) if is_replaceable(location) else _copied(location)
    with publish as path, _in_order(path, shape) as report:
        yield report


@contextmanager
def _in_order(path: str, shape: Shape | None) -> Iterator[Report]:
    """Write a report to a new file, and its lines in order to another one at the end."""
    unordered = temporary_path(path)
    report = _Lines(unordered)
    try:
        try:
            yield report
        finally:
            report.close()
            join_reports([(Path(unordered), False)], Path(path), shape)
    finally:
        delete_file(unordered)


@contextmanager
def _dropped() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder:
        yield f"{folder}/report.jsonl"


@contextmanager
def _renamed(location: Path) -> Iterator[str]:
    target = str(location.absolute())
    temporary = path_beside(target)
    try:
        try:
            yield temporary
        finally:
            if os.path.exists(temporary):  # noqa: PTH110
                os.replace(temporary, target)  # noqa: PTH105
    finally:
        delete_file(temporary)


@contextmanager
def _copied(location: Path) -> Iterator[str]:
    """Write a report to a device or a pipe, which a file must not replace."""
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder:
        path = f"{folder}/report.jsonl"
        try:
            yield path
        finally:
            with (
                filename_in_errors(location),
                open(path, "rb") as report,  # noqa: PTH123
                location.open("wb") as target,
            ):
                shutil.copyfileobj(report, target)


@contextmanager
def _uploaded(location: S3Path, s3: S3) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder:
        path = f"{folder}/report.jsonl"
        try:
            yield path
        finally:
            request = Request(
                "PutObject",
                "s3:PutObject",
                location.bucket,
                location.key,
                "PUT",
                headers={"Content-Type": "application/x-ndjson"},
                send_file=path,
                size=os.stat(path).st_size,  # noqa: PTH116
            )
            s3.ask(request)


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
    name = f"data-sync-report-{uuid.uuid4()}.jsonl"
    bucket = os.environ.get(DEFAULT_BUCKET_NAME_ENV_VAR)
    if bucket:
        return S3Path.build(bucket, f"scratch/{name}")
    return Path(tempfile.gettempdir()) / name
