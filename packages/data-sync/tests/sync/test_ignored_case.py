"""A destination on a file system that ignores case: no content is lost, and none is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import FaultyS3
from ignored_case import IgnoredCase


@pytest.fixture(autouse=True)
def ignored_case(monkeypatch: pytest.MonkeyPatch) -> None:
    ignored = IgnoredCase()
    monkeypatch.setattr(os, "stat", ignored.stat)
    monkeypatch.setattr(os, "replace", ignored.replace)


def sync(source: str | Path, destination: Path, **options):
    request = DataSyncRequest(source_path=source, destination_path=destination, **options)
    return Engine().sync(request).result


def test_move_of_names_that_differ_in_case_keeps_its_source(tmp_path: Path):
    source, destination = tmp_path / "src", tmp_path / "dst"
    source.mkdir()
    (source / "A").write_bytes(b"111")
    (source / "a").write_bytes(b"222")
    with pytest.raises(FileExistsError, match="exists under a name in other case"):
        sync(source, destination, retain_source_data=False)
    assert {file.name: file.read_bytes() for file in source.iterdir()} == {
        "A": b"111",
        "a": b"222",
    }
    assert len(list(destination.iterdir())) == 1


@pytest.mark.parametrize("size", [3, 300_000])
def test_download_of_a_file_whose_name_changed_case_deletes_nothing(
    s3: FaultyS3, tmp_path: Path, size
):
    s3.put("bucket", "src/README", b"n" * size)
    (tmp_path / "Readme").write_bytes(b"old")
    with pytest.raises(FileExistsError, match=f"{tmp_path}/README exists under a name in other"):
        sync("s3://bucket/src/", tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"Readme": b"old"}


def test_one_failed_file_leaves_the_others(s3: FaultyS3, tmp_path: Path):
    s3.put("bucket", "src/A", b"one")
    s3.put("bucket", "src/a", b"two")
    s3.put("bucket", "src/b", b"three")
    done = sync("s3://bucket/src/", tmp_path, continue_on_error=True)
    assert (done.files_transferred, done.files_failed) == (2, 1)
