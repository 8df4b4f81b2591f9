"""One report made of the reports of many syncs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..locations import resolve
from ..sync.engine import Engine
from ..sync.report import check_report_location, join_reports


class PartialReports:
    """Gives each sync a temporary report, if a report is requested.

    Args:
        folder: the folder for the reports, or `None` to write none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._parts: list[tuple[Path, bool]] = []

    def add(self, sync: DataSyncRequest, *, omit_unchanged: bool = False) -> DataSyncRequest:
        """Return a sync that writes a report, to be joined after those added before.

        Args:
            sync: the sync.
            omit_unchanged: leave out unchanged entries, which an earlier report has.
        """
        path = None
        if self._folder is not None:
            path = self._folder / f"{len(self._parts)}.jsonl"
            self._parts.append((path, omit_unchanged))
        return sync.model_copy(update={"report_path": path})

    def join(self, target: Path) -> None:
        """Write the lines of all reports to one file, in the order of their paths."""
        join_reports(self._parts, target)


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
    check_report_location(resolve(request.report_path))
    with TemporaryDirectory(prefix="data-sync-") as name:
        reports, joined = PartialReports(Path(name)), Path(name, "report.jsonl")
        try:
            yield reports
        finally:
            reports.join(joined)
            Engine().sync(
                DataSyncRequest(source_path=joined, destination_path=request.report_path)
            )
