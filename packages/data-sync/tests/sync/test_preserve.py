"""Syncs that preserve mode, owner and times of files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

TIME = 1577934245123456789
LARGE = 300 * 2**10


def sync(source, destination, **options):
    fields = {"delete": False, "preserve": True, **options}
    request = DataSyncRequest(source_path=str(source), destination_path=str(destination), **fields)
    result = Engine().sync(request).result
    return result.files_transferred, result.files_unchanged


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a file of each kind of transfer."""
    root = tmp_path / "src"
    root.mkdir()
    for name, content in {"a": b"a", "empty": b"", "large": bytes(LARGE)}.items():
        (root / name).write_bytes(content)
        (root / name).chmod(0o640)
        os.utime(root / name, ns=(TIME, TIME))
    return root


def attributes(folder: Path) -> dict[str, tuple[int, int]]:
    found = ((path.name, path.stat()) for path in folder.iterdir())
    return {name: (stat.S_IMODE(one.st_mode), one.st_mtime_ns) for name, one in found}


def metadata(bucket, key: str) -> dict[str, str]:
    return bucket.client.head_object(Bucket="bucket", Key=key)["Metadata"]


ALL = {"a": (0o640, TIME), "empty": (0o640, TIME), "large": (0o640, TIME)}


def test_attributes_come_back_and_nothing_is_transferred_again(bucket, tree, tmp_path: Path):
    there = tmp_path / "dst"
    assert sync(tree, "s3://bucket/p/") == (3, 0)
    found = metadata(bucket, "p/a")
    assert (found["mtime"], found["mode"]) == ("1577934245.123456789", "100640")
    assert (found["uid"], found["gid"]) == (str(os.getuid()), str(tree.stat().st_gid))
    assert sync(tree, "s3://bucket/p/") == (0, 3)
    assert sync("s3://bucket/p/", there) == (3, 0)
    assert attributes(there) == ALL
    assert sync("s3://bucket/p/", there) == (0, 3)
    assert attributes(there) == ALL


def test_attributes_that_changed_are_stored_and_restored_without_a_transfer(
    bucket, tree, tmp_path: Path
):
    there = tmp_path / "dst"
    settings = {"content_type": "text/x", "metadata": {"kept": "k"}, "tags": {"t": "v"}}
    sync(tree, "s3://bucket/p/", object_settings=settings)
    sync("s3://bucket/p/", there)
    (tree / "a").chmod(0o600)
    os.utime(tree / "large", ns=(1, 2 * 10**9))
    assert sync(tree, "s3://bucket/p/") == (0, 3)
    head = bucket.client.head_object(Bucket="bucket", Key="p/a")
    assert (head["ContentType"], head["Metadata"]["kept"]) == ("text/x", "k")
    assert head["Metadata"]["mode"] == "100600"
    tags = bucket.client.get_object_tagging(Bucket="bucket", Key="p/a")["TagSet"]
    assert tags == [{"Key": "t", "Value": "v"}]
    assert sync("s3://bucket/p/", there) == (0, 3)
    assert attributes(there) == {**ALL, "a": (0o600, TIME), "large": (0o640, 2 * 10**9)}


def test_dry_run_changes_no_attributes(bucket, tree):
    sync(tree, "s3://bucket/p/")
    (tree / "a").chmod(0o600)
    assert sync(tree, "s3://bucket/p/", dry_run=True) == (0, 3)
    assert metadata(bucket, "p/a")["mode"] == "100640"


def test_content_that_changed_is_transferred(bucket, tree, tmp_path: Path):
    sync(tree, "s3://bucket/p/")
    (tree / "a").write_text("b")
    assert sync(tree, "s3://bucket/p/") == (1, 2)
    assert bucket.get("p/a") == b"b"
    os.utime(tree / "a", ns=(TIME, TIME))
    sync(tree, "s3://bucket/p/")
    (tree / "a").write_text("c")
    os.utime(tree / "a", ns=(TIME, TIME))
    # As for rclone, a file of the same size and time is taken for the same, unless it is read.
    assert sync(tree, "s3://bucket/p/") == (0, 3)
    assert sync(tree, "s3://bucket/p/", ignore_times=True) == (1, 2)
    assert bucket.get("p/a") == b"c"


def test_objects_without_attributes_are_compared_by_content(bucket, tmp_path: Path):
    bucket.put("p/a", "a")
    assert sync("s3://bucket/p/", tmp_path / "dst") == (1, 0)
    assert sync("s3://bucket/p/", tmp_path / "dst") == (0, 1)


def test_attributes_of_s3cmd_are_restored(bucket, tmp_path: Path):
    attrs = "gid:0/md5:x/mode:33152/mtime:1577934245/uid:0"
    bucket.client.put_object(
        Bucket="bucket", Key="p/a", Body=b"a", Metadata={"s3cmd-attrs": attrs}
    )
    sync("s3://bucket/p/", tmp_path / "dst")
    assert attributes(tmp_path / "dst") == {"a": (0o600, 1577934245 * 10**9)}


def test_copies_within_s3_keep_them(bucket, tree, tmp_path: Path):
    sync(tree, "s3://bucket/p/")
    assert sync("s3://bucket/p/", "s3://bucket/q/") == (3, 0)
    assert sync("s3://bucket/p/", "s3://bucket/q/") == (0, 3)
    assert metadata(bucket, "q/a") == metadata(bucket, "p/a")


def test_local_copies_keep_times_too(tree, tmp_path: Path):
    there = tmp_path / "dst"
    assert sync(tree, there) == (3, 0)
    assert attributes(there) == ALL
    (tree / "a").chmod(0o600)
    os.utime(there / "large", ns=(1, 1))
    assert sync(tree, there) == (0, 3)
    assert attributes(there) == {**ALL, "a": (0o600, TIME)}


def test_attributes_are_left_alone_by_default(bucket, tree, tmp_path: Path):
    sync(tree, "s3://bucket/p/", preserve=None)
    assert metadata(bucket, "p/a") == {}
    sync(tree, "s3://bucket/q/")
    sync("s3://bucket/q/", tmp_path / "dst", preserve=None)
    assert attributes(tmp_path / "dst")["a"][1] != TIME
