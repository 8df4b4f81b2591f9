"""Progress of a sync."""

from __future__ import annotations

from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

SIZE = 20 * 2**20


class RecordedProgress:
    """Records progress."""

    def __init__(self) -> None:
        self.planned: list[tuple[int, int]] = []
        self.advanced: list[tuple[int, int]] = []

    def plan(self, files: int, size: int) -> None:
        self.planned.append((files, size))

    def advance(self, files: int, size: int) -> None:
        self.advanced.append((files, size))


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("{tmp}/src", "s3://bucket/dst"),
        ("s3://bucket/src", "{tmp}/dst"),
        ("{tmp}/src", "{tmp}/dst"),
    ],
)
def test_progress_within_a_large_file_adds_up(bucket, tmp_path: Path, source, destination):
    (tmp_path / "src").mkdir()
    for name, size in (("large", SIZE), ("small", 10)):
        (tmp_path / "src" / name).write_bytes(b"x" * size)
        bucket.put(f"src/{name}", b"x" * size)
    recorded = RecordedProgress()
    Engine(recorded).sync(
        DataSyncRequest(
            source_path=source.format(tmp=tmp_path),
            destination_path=destination.format(tmp=tmp_path),
        )
    )
    assert recorded.planned == [(2, SIZE + 10)]
    assert sum(files for files, _ in recorded.advanced) == 2
    assert sum(size for _, size in recorded.advanced) == SIZE + 10
    # From and to S3, the library tells once a second, and at the end.
    assert any(files == 0 and size for files, size in recorded.advanced)
