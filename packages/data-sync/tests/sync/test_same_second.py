"""Two syncs within one second: nothing is transferred twice, and a change in that second is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import FaultyS3


@pytest.fixture(params=["rounds down", "rounds up", "has a clock that is ahead"])
def s3(s3: FaultyS3, request) -> FaultyS3:
    s3.rounds_up = request.param == "rounds up"
    return s3


class Sides:
    """A source and a destination, each on S3 or on a disk."""

    def __init__(self, directions: str, s3: FaultyS3, folder: Path, ahead: float) -> None:
        self._s3, self._folder, self._ahead = s3, folder, ahead
        self._kind, destination = directions.split(" to ")
        self.source = self._path(self._kind, "src")
        self.destination = self._path(destination, "dst")

    def _path(self, kind: str, name: str) -> str:
        return f"s3://bucket/{name}/" if kind == "s3" else f"{self._folder}/{name}"

    def write(self, content: bytes, modified: float) -> None:
        if self._kind == "s3":
            self._s3.put("bucket", "src/file", content, modified + self._ahead)
            return
        file = Path(self.source, "file")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (modified, modified))

    def sync(self) -> int:
        request = DataSyncRequest(source_path=self.source, destination_path=self.destination)
        return Engine().sync(request).result.files_transferred

    @property
    def arrived(self) -> bytes:
        if self.destination.startswith("s3"):
            return self._s3.read("bucket", "dst/")["file"]
        return Path(self.destination, "file").read_bytes()


@pytest.mark.parametrize(
    "directions", ["local to s3", "s3 to local", "s3 to s3", "local to local"]
)
def test_second_sync_transfers_what_has_changed_and_nothing_else(
    s3: FaultyS3, tmp_path: Path, directions, request
):
    # Two objects have their times from one clock.
    is_ahead = "ahead" in request.node.name and directions != "s3 to s3"
    sides = Sides(directions, s3, tmp_path, ahead=100.0 if is_ahead else 0.0)
    now = time.time()
    sides.write(b"content", now)
    assert [sides.sync(), sides.sync(), sides.sync()] == [1, 0, 0]
    # The source may have its change in the very second of the first one.
    sides.write(b"changed", int(now) + 0.999)
    assert [sides.sync(), sides.sync(), sides.sync()] == [1, 0, 0]
    assert sides.arrived == b"changed"
