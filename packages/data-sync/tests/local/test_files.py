from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.local.files import (
    FileChangedError,
    check_is_empty,
    check_length,
    check_unchanged,
    file_digest,
    same_content,
)
from tables import table

MIB = 2**20
TEN = b"0123456789"
LONG = bytes(MIB)


def no_deadline() -> None:
    """There is time enough."""


@table(
    "one, other, same",
    {
        "empty files are the same": (b"", b"", True),
        "the same bytes are the same": (TEN, TEN, True),
        "another last byte differs": (b"aa", b"ab", False),
        "another first byte differs": (b"ba", b"aa", False),
        "a longer file differs": (b"aa", b"a", False),
        "a shorter file differs": (b"a", b"aa", False),
        "several blocks are the same": (LONG + b"a", LONG + b"a", True),
        "another last block differs": (LONG + b"a", LONG + b"b", False),
        "a block more differs": (LONG, LONG + b"b", False),
    },
)
def test_same_content(tmp_path: Path, one, other, same):
    for name, content in (("one", one), ("other", other)):
        (tmp_path / name).write_bytes(content)
    assert same_content(str(tmp_path / "one"), str(tmp_path / "other"), no_deadline) is same


@pytest.mark.parametrize(("size", "blocks"), [(0, 0), (MIB, 1), (MIB + 1, 2), (3 * MIB, 3)])
def test_deadline_is_checked_at_each_block(tmp_path: Path, size, blocks):
    file = tmp_path / "file"
    file.write_bytes(bytes(size))
    checks: list[None] = []
    same_content(str(file), str(file), lambda: checks.append(None))
    assert len(checks) == 2 * blocks
    assert (
        file_digest(str(file), lambda: checks.append(None)) == hashlib.sha256(bytes(size)).digest()
    )
    assert len(checks) == 3 * blocks


@table(
    "size, modified, is_unchanged",
    {
        "size and time as listed": (10, 5.5, True),
        "another size": (11, 5.5, False),
        "another time": (10, 5.25, False),
    },
)
def test_file_is_unchanged_if_size_and_time_are(tmp_path: Path, size, modified, is_unchanged):
    file = tmp_path / "file"
    file.write_bytes(TEN)
    os.utime(file, (0, 5.5))
    entry = Entry("file", size, modified)
    if is_unchanged:
        check_unchanged(str(file), entry)
        return
    with pytest.raises(FileChangedError, match=f"{file} changed during the sync"):
        check_unchanged(str(file), entry)


@table(
    "entry, change",
    {
        "a larger file": (Entry("f", 9, 5.5), "it grew from 9 to 10 bytes"),
        "a smaller file": (Entry("f", 11, 5.5), "it shrank from 11 to 10 bytes"),
        "a file of another time": (Entry("f", 10, 4.0), "it was written to"),
        "another file": (Entry("f", 9, 5.5, inode=1), "another file replaced it"),
    },
)
def test_error_says_what_happened_to_a_file(tmp_path: Path, entry, change):
    file = tmp_path / "file"
    file.write_bytes(TEN)
    os.utime(file, (0, 5.5))
    with pytest.raises(FileChangedError, match=f"{file} changed during the sync: {change}. Sync"):
        check_unchanged(str(file), entry)


def test_file_that_is_gone_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/file was deleted or renamed"):
        check_unchanged(f"{tmp_path}/file", Entry("file", 0, 0.0))


def test_empty_file_has_no_content(tmp_path: Path):
    (tmp_path / "empty").touch()
    check_is_empty(str(tmp_path / "empty"))
    with pytest.raises(FileChangedError, match="/status was listed with 0 bytes and has more"):
        check_is_empty("/proc/self/status")


def test_number_of_bytes_that_were_read_is_that_of_the_listing():
    check_length("/data/f", 10, 10)
    with pytest.raises(FileChangedError, match="/data/f was listed with 10 bytes and has fewer"):
        check_length("/data/f", 10, 9)
    with pytest.raises(FileChangedError, match="/data/f was listed with 10 bytes and has more"):
        check_length("/data/f", 10, 11)
