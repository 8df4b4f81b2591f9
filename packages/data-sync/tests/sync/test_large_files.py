"""Files that are larger than what S3 takes in one request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest, DataSyncResult
from sparse_s3 import MAX_REQUEST_BYTES, SparseS3, sparse_s3

pytestmark = pytest.mark.heavy

SIZE = MAX_REQUEST_BYTES + 12_345
# Where a file has content: at both ends, and on both sides of what one request takes.
MARKS = {0: b"first", MAX_REQUEST_BYTES - 3: b"across", SIZE - 4: b"last"}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, aws) -> Iterator[SparseS3]:
    with sparse_s3() as held:
        monkeypatch.setenv("AWS_ENDPOINT_URL", held.url)
        yield held


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    with path.open("wb") as made:
        made.truncate(SIZE)
        for location, content in MARKS.items():
            os.pwrite(made.fileno(), content, location)
    return path


def sync(source: object, destination: object) -> DataSyncResult:
    request = DataSyncRequest(source_path=str(source), destination_path=str(destination))
    return Engine().sync(request).result


def marks_of(path: Path) -> dict[int, bytes]:
    with path.open("rb") as read:
        return {
            location: os.pread(read.fileno(), len(text), location)
            for location, text in MARKS.items()
        }


def test_file_goes_up_and_its_copy_comes_down_once(service: SparseS3, file: Path, tmp_path: Path):
    locations = [file, "s3://bucket/up", "s3://bucket/copy", tmp_path / "down"]

    results = [sync(*pair) for pair in pairwise(locations)]
    again = [sync(*pair) for pair in pairwise(locations)]

    assert [result.bytes_transferred for result in results] == [SIZE] * 3
    assert service.objects["bucket/copy"].size == SIZE
    assert (tmp_path / "down").stat().st_size == SIZE
    assert marks_of(tmp_path / "down") == MARKS
    assert not service.uploads
    assert [result.files_unchanged for result in again] == [1] * 3


def test_file_that_differs_in_one_byte_is_sent_again(service: SparseS3, file: Path):
    sync(file, "s3://bucket/up")
    before = service.objects["bucket/up"].etag
    descriptor = os.open(file, os.O_WRONLY)
    os.pwrite(descriptor, b"A", MAX_REQUEST_BYTES)
    os.close(descriptor)

    assert sync(file, "s3://bucket/up").files_transferred == 1
    assert service.objects["bucket/up"].etag != before
