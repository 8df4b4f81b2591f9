"""One report made of the reports of many syncs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..locations import resolve
from ..s3.client import S3
from ..s3.crt_clients import DEFAULT_CONNECTIONS
from ..sync.report import Publisher, join_reports, publishing


class PartialReports:
    """Gives each sync a temporary report, if a report is requested.

    Args:
        folder: the folder for the reports, or `None` to write none.
        publisher: publishes them as one.
    """

    def __init__(self, folder: Path | None = None, publisher: Publisher | None = None) -> None:
        self._folder = folder
        self._publisher = publisher
        self._parts: list[tuple[Path, bool]] = []
        self._count = 0

    def add(self, sync: DataSyncRequest, *, omit_unchanged: bool = False) -> DataSyncRequest:
        """Return a sync that writes a report, to be joined after those added before.

        Args:
            sync: the sync.
            omit_unchanged: leave out unchanged entries, which an earlier report has.
        """
        path = None
        if self._folder is not None:
            path = self._next_path(self._folder)
            self._parts.append((path, omit_unchanged))
        return sync.model_copy(update={"report_path": path})

    def secure(self) -> None:
        """Write what was reported, as far as it can be, before anything is deleted.

        Raises:
            OSError: it cannot be written.
            AWSError: it cannot be uploaded.
        """
        if self._folder is not None and self._publisher is not None:
            joined = self._next_path(self._folder)
            join_reports(self._parts, joined)
            is_published = self._publisher.publish_early(str(joined))
            self._parts = [] if is_published else [(joined, False)]

    def finish(self) -> None:
        """Write the lines of all reports to the file that is published, in the order of paths."""
        if self._publisher is not None:
            join_reports(self._parts, Path(self._publisher.path))

    def _next_path(self, folder: Path) -> Path:
        self._count += 1
        return folder / f"{self._count}.jsonl"


@contextmanager
def joined_report(request: DataSyncRequest) -> Iterator[PartialReports]:
    """Collect the reports of the syncs that run inside the block, and write them as one.

    Raises:
        ValueError: the report path is not writable. Nothing has been done.
        OSError: the report cannot be written.
        AWSError: the report cannot be uploaded.
    """
    if request.report_path is None:
        yield PartialReports()
        return
    listed = (request.source_path, request.destination_path)
    client = partial(S3, DEFAULT_CONNECTIONS)
    publish = publishing(resolve(request.report_path), client, listed)
    with publish as publisher, TemporaryDirectory(prefix="data-sync-") as name:
        reports = PartialReports(Path(name), publisher)
        try:
            yield reports
        finally:
            reports.finish()
