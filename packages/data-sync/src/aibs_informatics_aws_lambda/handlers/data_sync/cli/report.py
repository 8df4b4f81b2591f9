"""One report of syncs that several processes have done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from aibs_informatics_aws_lambda.common.files import naming, why_unwritable
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..locations import Location, resolve
from ..sync.engine import Engine

_KEPT: Final = '{"action": "keep"'


class Reports:
    """Gives each sync a report of its own, if there is to be one.

    Args:
        folder: where these are; `None` if there is to be none.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._parts: list[tuple[Path, bool]] = []

    def report(self, sync: DataSyncRequest, *, leaves_out_kept: bool = False) -> DataSyncRequest:
        """Return a sync that writes a report, which comes after those of earlier ones.

        Args:
            sync: the sync.
            leaves_out_kept: leave out what it finds in its location, which has been reported.
        """
        path = None
        if self._folder is not None:
            path = self._folder / f"{len(self._parts)}.jsonl"
            self._parts.append((path, leaves_out_kept))
        return sync.model_copy(update={"report_path": path})

    def write(self, target: Path) -> None:
        """Write all reports that there are to one file, line by line."""
        with naming(target), target.open("w", encoding="ascii") as joined:
            for path, leaves_out_kept in self._parts:
                if path.exists():
                    with path.open(encoding="ascii") as lines:
                        joined.writelines(
                            line for line in lines if not leaves_out_kept or _is_news(line)
                        )


@contextmanager
def joined_report(request: DataSyncRequest) -> Iterator[Reports]:
    """Give what makes the syncs report that a sync is divided into; then put all in its location.

    Raises:
        ValueError: nothing can be written there; nothing was done.
        OSError: the report cannot be written.
        AWSError: it cannot be sent.
    """
    if request.report_path is None:
        yield Reports()
        return
    _check(resolve(request.report_path))
    with TemporaryDirectory(prefix="data-sync-") as name:
        reports, joined = Reports(Path(name)), Path(name, "report.jsonl")
        try:
            yield reports
        finally:
            reports.write(joined)
            Engine().sync(
                DataSyncRequest(source_path=joined, destination_path=request.report_path)
            )


def _check(location: Location) -> None:
    if isinstance(location, S3Path):
        if not location.key or location.has_folder_suffix():
            raise ValueError(f"{location} names no object to write the report to")
    elif reason := why_unwritable(location):
        raise ValueError(f"cannot write the report to {location}: {reason}")


def _is_news(line: str) -> bool:
    return not line.startswith(_KEPT)
