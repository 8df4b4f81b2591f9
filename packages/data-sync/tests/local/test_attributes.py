"""Attributes of files, as rclone and s3cmd store them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import attributes
from aibs_informatics_aws_lambda.handlers.data_sync.local.attributes import (
    Attributes,
    apply,
    can_own,
    differ,
    from_headers,
    to_headers,
)
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import open_folder
from tables import table

# What rclone 1.72 and s3cmd 2.4 write for one file.
OF_RCLONE = {
    "x-amz-meta-mtime": "1577934245.123456789",
    "x-amz-meta-atime": "2026-11-29T12:12:19.990946609Z",
    "x-amz-meta-btime": "2026-11-29T12:12:30.5Z",
    "x-amz-meta-mode": "100640",
    "x-amz-meta-uid": "1234",
    "x-amz-meta-gid": "1235",
}
OF_S3CMD = {
    "x-amz-meta-s3cmd-attrs": "atime:1577934246/ctime:1577934247/gid:1235/gname:staff/"
    "md5:5d41402abc4b2a76b9719d911017c592/mode:33184/mtime:1577934245/uid:1234/uname:ada"
}


@table(
    "headers, found",
    {
        "rclone": (
            OF_RCLONE,
            Attributes(0o100640, 1234, 1235, 1577934245123456789, 1795954339990946609),
        ),
        "s3cmd": (
            OF_S3CMD,
            Attributes(0o100640, 1234, 1235, 1577934245 * 10**9, 1577934246 * 10**9),
        ),
        "both: names of their own come first": (
            {**OF_S3CMD, "x-amz-meta-mtime": "1", "x-amz-meta-mode": "100600"},
            Attributes(0o100600, 1234, 1235, 10**9, 1577934246 * 10**9),
        ),
        "a time as RFC 3339": (
            {"x-amz-meta-mtime": "2020-01-02T04:04:05.5+01:00"},
            Attributes(modified=1577934245500000000),
        ),
        "a time before 1970": ({"x-amz-meta-mtime": "-1.5"}, Attributes(modified=-1500000000)),
        "nothing": ({"content-type": "text/plain"}, Attributes()),
        "what is invalid": (
            {
                "x-amz-meta-mtime": "soon",
                "x-amz-meta-atime": "2020-13-02T04:04:05Z",
                "x-amz-meta-mode": "rw-r--r--",
                "x-amz-meta-uid": "-1",
                "x-amz-meta-gid": "4294967295",
            },
            Attributes(),
        ),
    },
)
def test_metadata_of_objects_is_read(headers, found):
    assert from_headers(headers) == found


def test_names_of_rclone_are_written():
    stored = Attributes(0o100640, 1234, 1235, 1577934245123456789, 1795954339990946609)
    assert to_headers(stored) == {k: v for k, v in OF_RCLONE.items() if "btime" not in k}


@pytest.mark.parametrize("time", [0, 1, -1, -1500000000, 10**9, 1577934245100000000, -(10**9)])
def test_times_are_read_as_they_were_written(time):
    stored = Attributes(modified=time, accessed=time)
    assert from_headers(to_headers(stored)) == stored


@table(
    "wanted, found, differs",
    {
        "the same": (Attributes(0o100600, 1, 1, 1, 1), Attributes(0o100600, 1, 1, 1, 9), False),
        "permissions": (Attributes(0o100640), Attributes(0o100600), True),
        "only the type": (Attributes(0o600), Attributes(0o100600), False),
        "owner": (Attributes(uid=1), Attributes(uid=2), True),
        "time": (Attributes(modified=1), Attributes(modified=2), True),
        "what is not stored": (Attributes(), Attributes(0o100600, 1, 1, 1, 1), False),
        "what is not there": (Attributes(0o600, modified=1), Attributes(), True),
    },
)
def test_difference_is_in_what_is_stored(wanted, found, differs):
    assert differ(wanted, found) is differs


def test_file_gets_permissions_and_times_but_no_set_user_id(tmp_path: Path):
    file = tmp_path / "a"
    file.write_text("x")
    apply(Attributes(0o104750, modified=123456789, accessed=5), open_folder(str(tmp_path)), "a")
    found = file.stat()
    assert stat.S_IMODE(found.st_mode) == 0o750
    assert (found.st_mtime_ns, found.st_atime_ns) == (123456789, 5)


def test_symbolic_link_is_left_alone(tmp_path: Path):
    (tmp_path / "target").write_text("x")
    (tmp_path / "a").symlink_to("target")
    apply(Attributes(0o100600, modified=1), open_folder(str(tmp_path)), "a")
    assert (tmp_path / "target").stat().st_mtime_ns != 1
    with pytest.raises(FileNotFoundError, match="gone"):
        apply(Attributes(modified=1), open_folder(str(tmp_path)), "gone")


def test_owner_is_set_by_root_alone_with_one_warning_for_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog
):
    owners: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "chown", lambda name, uid, gid, **_: owners.append((uid, gid)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "a").write_text("x")
    folder, other = open_folder(str(tmp_path)), Attributes(uid=12345, gid=12346)
    apply(other, folder, "a")
    assert owners == [(12345, 12346)]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    attributes._warn_of_owners.cache_clear()
    apply(other, folder, "a")
    apply(other, folder, "a")
    assert owners == [(12345, 12346)]
    assert caplog.text.count("Owners of files are not restored") == 1
    mine = attributes.attributes_of((tmp_path / "a").stat())
    assert can_own(mine, mine) == mine
