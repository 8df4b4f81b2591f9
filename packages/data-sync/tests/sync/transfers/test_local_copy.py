"""Copies of large files within one file system, which may share blocks."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import local_copy
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table

SIZE = 1_000_000
BEGINNING = 300_000


def copy(folder: Path) -> None:
    Engine().sync(DataSyncRequest(source_path=folder / "src", destination_path=folder / "dst"))


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    (tmp_path / "src").mkdir()
    content = random.Random(1).randbytes(SIZE)
    (tmp_path / "src" / "a").write_bytes(content)
    return content


def fails(number: int, *, after: int = 0):
    """Make a copy of ranges that fails after so many bytes."""

    def copy_range(source: int, target: int, count: int) -> int:
        done = os.lseek(source, 0, os.SEEK_CUR)
        if done >= after:
            raise OSError(number, os.strerror(number))
        return os.write(target, os.read(source, min(count, after - done)))

    return copy_range


@table(
    "copy_range",
    {
        "the system copies": os.copy_file_range,
        "two file systems": fails(errno.EXDEV),
        "a file system without such copies": fails(errno.EOPNOTSUPP),
        "one that stops half-way": fails(errno.EINVAL, after=BEGINNING),
        "one that copies nothing": lambda *_: 0,
    },
)
def test_copy_has_all_of_the_content(tmp_path: Path, content: bytes, monkeypatch, copy_range):
    monkeypatch.setattr(os, "copy_file_range", copy_range)
    monkeypatch.setattr(local_copy, "_RANGE_BYTES", 2**16)
    copy(tmp_path)
    assert (tmp_path / "dst" / "a").read_bytes() == content


def test_file_that_grows_while_it_is_copied_is_named(tmp_path: Path, content: bytes, monkeypatch):
    copy_range = os.copy_file_range

    def grow(source: int, target: int, count: int) -> int:
        with (tmp_path / "src" / "a").open("ab") as file:
            file.write(b"more")
        return copy_range(source, target, count)

    monkeypatch.setattr(os, "copy_file_range", grow)
    with pytest.raises(OSError, match=f"src/a was listed with {SIZE} bytes and has more"):
        copy(tmp_path)
    assert list((tmp_path / "dst").iterdir()) == []


def test_disk_that_is_full_is_named(tmp_path: Path, content: bytes, monkeypatch):
    monkeypatch.setattr(os, "copy_file_range", fails(errno.ENOSPC, after=BEGINNING))
    with pytest.raises(OSError, match=r"No space left.*src/a.*dst/a"):
        copy(tmp_path)
    assert list((tmp_path / "dst").iterdir()) == []
