"""Syncs from one local path to another: mirrors, filters, and how files are compared."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import Folder
from aibs_informatics_aws_lambda.handlers.data_sync.sync import executor
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncResult
from tables import table
from trees import read_tree as read, write_tree as write


def sync(source: str | Path, destination: str | Path, **options) -> DataSyncResult:
    paths = {"source_path": str(source), "destination_path": str(destination)}
    return Engine().sync(DataSyncRequest(**paths, **options)).result


@table(
    "options, left",
    {
        "by default nothing is deleted": ({}, "a d/b log old"),
        "a mirror deletes extraneous files": ({"local_mirror": True}, "a d/b log"),
        "a mirror merges without delete": (
            {"local_mirror": True, "delete": False},
            "a d/b log old",
        ),
        "a mirror obeys filters": (
            {"local_mirror": True, "filter_config": {"exclude": "log"}},
            "a d/b",
        ),
        "excluded files are protected": (
            {
                "local_mirror": True,
                "filter_config": {"exclude": "log|old"},
                "protect_excluded": True,
            },
            "a d/b old",
        ),
        "a dry run changes nothing": ({"local_mirror": True, "dry_run": True}, "old"),
    },
)
def test_what_a_local_sync_leaves(tmp_path, options, left):
    write(tmp_path / "src", {"a": "1", "d/b": "2", "log": "3"})
    write(tmp_path / "dst", {"old": "4"})
    sync(tmp_path / "src", tmp_path / "dst", **options)
    assert sorted(read(tmp_path / "dst")) == left.split()


def test_filters_need_a_mirror(tmp_path):
    write(tmp_path / "src", {"a": "1"})
    with pytest.raises(ValueError, match=r"filters .* set local_mirror: true"):
        sync(tmp_path / "src", tmp_path / "dst", filter_config={"include": ".*"})
    assert read(tmp_path) == {"src/a": "1"}


def test_move_does_not_mirror(tmp_path):
    write(tmp_path, {"src/a": "1", "dst/b": "2"})
    with pytest.raises(ValueError, match="cannot delete extraneous files"):
        sync(tmp_path / "src", tmp_path / "dst", local_mirror=True, retain_source_data=False)
    assert read(tmp_path) == {"src/a": "1", "dst/b": "2"}


def test_move_obeys_filters(tmp_path):
    write(tmp_path, {"src/a": "1", "src/d/b": "2", "dst/c": "3"})
    options = {"local_mirror": True, "retain_source_data": False, "delete": False}
    sync(tmp_path / "src", tmp_path / "dst", filter_config={"include": "d/.*"}, **options)
    assert read(tmp_path) == {"src/a": "1", "dst/c": "3", "dst/d/b": "2"}
    assert not (tmp_path / "src" / "d").exists()


@table(
    "options, transferred",
    {
        "contents are compared": ({}, 1),
        "sizes alone are compared": ({"size_only": True}, 0),
        "all files are transferred by force": ({"force": True}, 2),
    },
)
def test_how_local_files_are_compared(tmp_path, options, transferred):
    write(tmp_path / "src", {"a": "same", "b": "new"}, age=100)
    write(tmp_path / "dst", {"a": "same", "b": "old"})
    assert sync(tmp_path / "src", tmp_path / "dst", **options).files_transferred == transferred


class TestSizeOnly:
    @pytest.mark.parametrize("is_there", [True, False])
    def test_object_that_changes_after_its_listing_or_download_is_transferred_next_time(
        self, bucket, tmp_path, is_there
    ):
        bucket.put_all({"src/a": b"one", "src/b": b"one"}, 1000)
        if is_there:
            write(tmp_path, {"a": "one", "b": "one"}, age=500)
        sync("s3://bucket/src/", tmp_path, size_only=True)
        bucket.put("src/b", b"two")
        sync("s3://bucket/src/", tmp_path, size_only=True)
        assert read(tmp_path) == {"a": "one", "b": "two"}

    def test_files_in_sync_are_not_transferred_again(self, bucket, tmp_path):
        bucket.put("src/a", b"one")
        moved = [
            sync("s3://bucket/src/", tmp_path, size_only=True).files_transferred for _ in range(4)
        ]
        assert moved == [1, 0, 0, 0]

    def test_kept_files_are_as_young_as_the_listing(self, bucket, tmp_path):
        bucket.put_all({"src/a": b"one"}, 1000)
        write(tmp_path, {"a": "one"}, age=500)
        start = time.time()
        sync("s3://bucket/src/", tmp_path, size_only=True)
        # A second before the listing, which may start long after the sync.
        assert start - 2 <= (tmp_path / "a").stat().st_mtime <= time.time() - 1

    @pytest.mark.parametrize("size_only", [True, False])
    def test_file_of_another_user_is_not_made_younger_than_changes(
        self, bucket, tmp_path, monkeypatch, size_only
    ):
        bucket.put_all({"src/a": b"one"}, 1000)
        write(tmp_path, {"a": "one"}, age=500)

        set_really = executor.set_modified

        def refuse(folder: Folder, name: str, seconds: float | None = None) -> None:
            if seconds is not None:
                raise PermissionError(1, "Operation not permitted", name)
            set_really(folder, name)

        monkeypatch.setattr(executor, "set_modified", refuse)
        start = time.time()
        sync("s3://bucket/src/", tmp_path, size_only=size_only)
        is_younger = (tmp_path / "a").stat().st_mtime >= start - 1
        assert is_younger is not size_only

    @pytest.mark.parametrize("error", [errno.EACCES, errno.EPERM, errno.EROFS])
    @pytest.mark.parametrize("size_only", [True, False])
    def test_file_in_sync_whose_time_cannot_be_changed_is_in_sync(
        self, bucket, tmp_path, monkeypatch, caplog, size_only, error
    ):
        bucket.put_all({"src/a": b"one", "src/b": b"two"}, 1000)
        write(tmp_path, {"a": "one", "b": "two"}, age=500)

        def refuse(folder: Folder, name: str, seconds: float | None = None) -> None:
            raise OSError(error, os.strerror(error), folder.path + name)

        monkeypatch.setattr(executor, "set_modified", refuse)
        done = sync("s3://bucket/src/", tmp_path, size_only=size_only)
        assert (done.files_transferred, done.files_unchanged) == (0, 2)
        # About one of both, as they are compared side by side.
        warned = [f": {os.strerror(error)}. A scan" in line for line in caplog.messages]
        assert warned == ([] if size_only else [True])

    def test_disk_that_fails_as_a_file_is_touched_is_an_error(self, bucket, tmp_path, monkeypatch):
        bucket.put_all({"src/a": b"one"}, 1000)
        write(tmp_path, {"a": "one"}, age=500)

        def fail(folder: Folder, name: str, seconds: float | None = None) -> None:
            number = errno.EIO if seconds is None else errno.EPERM
            raise OSError(number, os.strerror(number), folder.path + name)

        monkeypatch.setattr(executor, "set_modified", fail)
        with pytest.raises(OSError, match="Input/output error"):
            sync("s3://bucket/src/", tmp_path)
