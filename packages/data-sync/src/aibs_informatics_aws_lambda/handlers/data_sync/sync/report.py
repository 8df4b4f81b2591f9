"""A report of a sync: one line of JSON for each entry."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from aibs_informatics_aws_lambda.common.files import filename_in_errors, unwritable_reason
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from aibs_informatics_aws_lambda.storage.paths import DataLocation, parse_data_path

from ..local.files import Folders, temporary_path
from ..locations import Location
from ..s3.client import S3, Request
from ..settings import DEFAULT_BUCKET_NAME_ENV_VAR
from .diff import Step
from .routes import Route

ReportAction: TypeAlias = Literal[
    "transfer", "keep", "delete", "remove", "equal", "different", "missing", "extra"
]
"""Transferred; left as it is; deleted at the destination; removed at the source. Where nothing but
a comparison was asked for: what that has found, ``missing`` and ``extra`` at the destination."""


class Evidence(NamedTuple):
    """What is known of the content of an entry.

    Args:
        checksum: the kind of a checksum, a colon, and the checksum.
        verified: whether the content was compared, or was verified by a checksum on its way.
    """

    checksum: str | None = None
    verified: bool = False


NO_EVIDENCE: Final = Evidence()
"""Nothing is known of the content."""


class Report:
    """Is told what was done with each entry, and forgets it.

    Attributes:
        is_read: whether anybody reads it, so that checksums are worth asking for.
    """

    is_read = False

    def add(
        self,
        route: Route,
        step: Step,
        done: ReportAction,
        evidence: Evidence = NO_EVIDENCE,
        error: BaseException | None = None,
    ) -> None:
        """Take one entry, and the error that it has ended with, if any."""


class _Lines(Report):
    """Writes a report to a new file.

    Args:
        path: where it is made.
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
        done: ReportAction,
        evidence: Evidence = NO_EVIDENCE,
        error: BaseException | None = None,
    ) -> None:
        is_extraneous = done in ("delete", "extra")
        line = {
            "action": done,
            "reason": step.reason or None,
            "source": None if is_extraneous else route.source.name(step.entry.relative),
            "destination": None if done == "remove" else route.target.name(step.target),
            "size": step.entry.size,
            "checksum": evidence.checksum,
            "verified": None if is_extraneous or done == "remove" else evidence.verified,
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


@contextmanager
def written_report(location: Location, s3: Callable[[], S3]) -> Iterator[Report]:
    """Make a report, and put it in its location at the end, also if the sync has failed.

    Args:
        location: where it is to be.
        s3: makes what sends it, if that is on S3.

    Raises:
        ValueError: nothing can be written there.
        OSError: the report cannot be written.
        AWSError: it cannot be sent.
    """
    check_report_location(location)
    if isinstance(location, S3Path):
        with _sent(location, s3()) as report:
            yield report
        return
    with _renamed(location) as report:
        yield report


def check_report_location(location: Location) -> None:
    """Raise `ValueError` if a report cannot be written to a location."""
    if not isinstance(location, S3Path):
        reason = unwritable_reason(location)
    elif not location.key or location.has_folder_suffix():
        reason = "the URI names no object"
    else:
        return
    if reason:
        raise ValueError(f"cannot write the report to {location}: {reason}")


@contextmanager
def _renamed(location: Path) -> Iterator[Report]:
    target = str(location.absolute())
    Folders().make_parent(target)
    temporary = temporary_path(target)
    report = _Lines(temporary)
    try:
        try:
            yield report
        finally:
            report.close()
            os.replace(temporary, target)  # noqa: PTH105
    finally:
        # What could not be written to its end.
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def _sent(location: S3Path, s3: S3) -> Iterator[Report]:
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder:
        path = f"{folder}/report.jsonl"
        report = _Lines(path)
        try:
            yield report
        finally:
            report.close()
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


def find_report_location(request: DataSyncRequest) -> DataLocation | None:
    """Return where the report of a call is to be, if there is to be one.

    The report of a call that continues another one has the number of the call in its name. By
    default a report goes to the bucket for scratch data, if there is one, or else to the folder
    for temporary files.
    """
    if request.report_path is None:
        return _new_path() if request.include_detailed_response else None
    if request.continuation is None:
        return request.report_path
    return with_suffix(request.report_path, str(request.continuation.calls + 1))


def with_suffix(path: DataLocation, suffix: str) -> DataLocation:
    """Return a path with a dash and a suffix at the end of its name, before what follows a dot."""
    folder, slash, name = str(path).rpartition("/")
    stem, dot, rest = name.partition(".")
    return parse_data_path(f"{folder}{slash}{stem}-{suffix}{dot}{rest}")


def _new_path() -> S3Path | Path:
    name = f"data-sync-report-{uuid.uuid4()}.jsonl"
    bucket = os.environ.get(DEFAULT_BUCKET_NAME_ENV_VAR)
    if bucket:
        return S3Path.build(bucket, f"scratch/{name}")
    return Path(tempfile.gettempdir()) / name
