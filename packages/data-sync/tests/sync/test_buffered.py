"""Memory of objects and files that are transferred as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync import executor
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.download import Download
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.streamed_copy import (
    StreamedCopy,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.upload import Upload
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import FaultyS3
from tables import table

KIB, MIB = 2**10, 2**20


@pytest.fixture
def in_flight(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many entries are in flight after each start."""
    counts, targets = [], set()

    def watch(method: type[Any]) -> None:
        start, publish = method.start, method.publish

        def noting_start(self: Any, step: Any, *arguments: Any) -> Any:
            targets.add(step.target)
            counts.append(len(targets))
            return start(self, step, *arguments)

        def noting_publish(self: Any, step: Any, *arguments: Any) -> Any:
            targets.remove(step.target)
            return publish(self, step, *arguments)

        monkeypatch.setattr(method, "start", noting_start)
        monkeypatch.setattr(method, "publish", noting_publish)

    for method in (Download, StreamedCopy, Upload):
        watch(method)
    return counts


def sync(source: Any, destination: Any, **options: Any) -> int:
    paths = {"source_path": str(source), "destination_path": str(destination)}
    request = DataSyncRequest.from_dict({**paths, "delete": False, **options})
    return Engine().sync(request).result.files_transferred


@table(
    "size, options, most",
    {
        "files": (MIB, {}, 4),
        "small files, which may be there twice": (256 * KIB, {}, 8),
        "files that fit in a part": (9 * MIB, {"object_settings": {"part_size": 10 * MIB}}, 2),
        "files in parts": (9 * MIB, {}, 9),
    },
)
def test_uploads_in_flight_fit_in_memory(
    s3: FaultyS3, monkeypatch, tmp_path: Path, in_flight, size, options, most
):
    monkeypatch.setattr(executor, "_MOST_BUFFERED_BYTES", 4 * MIB)
    for number in range(9):
        (tmp_path / str(number)).write_bytes(bytes(size))
    assert sync(tmp_path, "s3://bucket/up/", **options) == 9
    assert max(in_flight) == most


def test_files_that_fit_in_a_part_take_turns_in_a_function(
    s3: FaultyS3, monkeypatch, tmp_path: Path, in_flight
):
    monkeypatch.setattr(executor, "_MOST_BUFFERED_BYTES", 4 * MIB)
    monkeypatch.setattr(executor, "_HAS_MEMORY_OF_A_FUNCTION", True)
    for number in range(3):
        (tmp_path / str(number)).write_bytes(bytes(9 * MIB))
    sync(tmp_path, "s3://bucket/up/", object_settings={"part_size": 10 * MIB})
    assert max(in_flight) == 1


@table(
    "size, most",
    {
        "small objects": (256 * KIB, 4),
        "objects that are written as they arrive": (MIB, 9),
        "objects of two parts": (9 * MIB, 2),
        "larger objects": (17 * MIB, 3),
    },
)
def test_downloads_in_flight_fit_in_memory(
    s3: FaultyS3, monkeypatch, tmp_path: Path, in_flight, size, most
):
    monkeypatch.setattr(executor, "_MOST_BUFFERED_BYTES", MIB if size <= MIB else 9 * MIB)
    count = 9 if size <= MIB else 3
    for number in range(count):
        s3.put("bucket", f"down/{number}", bytes(size))
    assert sync("s3://bucket/down/", tmp_path / "down") == count
    assert max(in_flight) == most


def test_objects_that_pass_through_fit_in_memory(
    bucket, s3_server: FaultyS3, monkeypatch, in_flight
):
    s3_server.reset()
    monkeypatch.setattr(executor, "_MOST_BUFFERED_BYTES", 8 * MIB)
    for number in range(9):
        bucket.client.put_object(Bucket="bucket", Key=f"from/{number}", Body=bytes(MIB))
    elsewhere = {"endpoint_url": s3_server.url}
    assert sync("s3://bucket/from/", "s3://bucket/to/", destination_connection=elsewhere) == 9
    # Each is there up to four times.
    assert max(in_flight) == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of the GNU C library")
def test_large_blocks_go_back_to_the_system():
    """Once one was freed, the heap would keep the next one."""
    script = """
import ctypes, sys
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import streamed_copy

class Statistics(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd".split()]
    _fields_ += [("rest", ctypes.c_size_t * 5)]

library = ctypes.CDLL(None)
if not hasattr(library, "mallinfo2"):
    sys.exit("skip")
library.mallinfo2.restype = Statistics
streamed_copy._return_large_blocks()
del [bytes(8 * 2**20)][0]
before = library.mallinfo2().hblks
block = bytes(8 * 2**20)
print(library.mallinfo2().hblks - before)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    if found.stderr.strip() == "skip":
        pytest.skip("this C library does not tell")
    assert (found.stdout, found.stderr) == ("1\n", "")
