"""Archived objects are known before anything is changed, and can be left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.sync.archived import describe, is_archived
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResult
from faulty_s3 import FaultyS3, StoredObject, faulty_s3
from servers import aws_settings
from tables import table

OLD = 1_000_000_000.0
TIERED = "INTELLIGENT_TIERING"


@pytest.fixture
def s3(no_aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """A server with three objects of ten bytes, of which none is archived."""
    with faulty_s3() as server:
        for name, value in aws_settings(server.url).items():
            monkeypatch.setenv(name, value)
        for name in "abc":
            put(server, name)
        yield server


def put(s3: FaultyS3, name: str, storage_class: str = "STANDARD", *, archived: bool = False):
    content = name.encode() * 10
    s3.objects["bucket", f"src/{name}"] = StoredObject(
        content, modified=OLD, storage_class=storage_class, archived=archived
    )


def sync(destination: object, **options) -> DataSyncResult:
    request = DataSyncRequest(
        source_path="s3://bucket/src/", destination_path=str(destination), **options
    )
    return Engine().sync(request).result


def arrived(s3: FaultyS3, destination: str) -> list[str]:
    if destination.startswith("s3://"):
        return sorted(s3.read("bucket", "dst/"))
    folder = Path(destination)
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


@pytest.fixture(params=["local", "s3"])
def destination(request, tmp_path: Path) -> str:
    return "s3://bucket/dst/" if request.param == "s3" else str(tmp_path / "dst")


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_nothing_is_changed_where_objects_are_archived(s3, destination, storage_class):
    put(s3, "b", storage_class, archived=True)
    put(s3, "d", storage_class, archived=True)
    with pytest.raises(AWSError) as raised:
        sync(destination)
    assert str(raised.value) == (
        "2 objects (20 bytes), such as s3://bucket/src/b, are archived and must be restored "
        "first: use S3 Batch Operations, or aws s3api restore-object. Nothing was changed. To "
        "sync all other objects, set skip_archived: true"
    )
    assert arrived(s3, destination) == []


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE", TIERED])
@pytest.mark.parametrize("dry_run", [False, True])
def test_archived_objects_are_left_out_and_counted(
    s3, destination, tmp_path, storage_class, dry_run, caplog
):
    put(s3, "b", storage_class, archived=True)
    report = tmp_path / "report.jsonl"
    result = sync(destination, skip_archived=True, dry_run=dry_run, report_path=str(report))
    counts = result.files_transferred, result.files_archived, result.bytes_archived
    assert counts == (2, 1, 10)
    assert arrived(s3, destination) == ([] if dry_run else ["a", "c"])
    lines = map(json.loads, report.read_text().splitlines())
    assert [line["action"] for line in lines] == ["transfer", "archived", "transfer"]
    assert "1 object, s3://bucket/src/b, is archived and must be restored first" in caplog.text


@pytest.mark.parametrize("storage_class", ["GLACIER", TIERED])
def test_dry_run_counts_archived_objects_and_says_what_to_do(
    s3, destination, storage_class, caplog
):
    put(s3, "b", storage_class, archived=True)
    result = sync(destination, dry_run=True)
    assert (result.files_transferred, result.files_archived) == (2, 1)
    assert "restore-object" in caplog.text


@pytest.mark.parametrize("storage_class", ["GLACIER", TIERED, "GLACIER_IR", "STANDARD_IA"])
def test_objects_that_can_be_read_are_synced(s3, destination, storage_class):
    put(s3, "b", storage_class)
    result = sync(destination)
    assert (result.files_transferred, result.files_archived) == (3, None)
    assert arrived(s3, destination) == ["a", "b", "c"]


def test_object_in_an_archive_tier_is_an_error_that_says_what_to_do(s3, destination):
    put(s3, "b", TIERED, archived=True)
    with pytest.raises(AWSError, match=r"src/b.*InvalidObjectState.*restore it, then try again"):
        sync(destination)


def test_archived_objects_that_are_in_sync_need_not_be_restored(s3, destination):
    sync(destination)
    put(s3, "b", "GLACIER", archived=True)
    result = sync(destination)
    assert (result.files_unchanged, result.files_archived) == (3, None)


def test_copy_of_an_archived_object_stays_where_others_are_deleted(s3, destination):
    sync(destination)
    s3.objects["bucket", "src/b"] = StoredObject(
        b"longer now", modified=OLD * 2, storage_class="GLACIER", archived=True
    )
    del s3.objects["bucket", "src/c"]
    result = sync(destination, skip_archived=True, delete=True)
    assert (result.files_archived, result.files_deleted) == (1, 1)
    assert arrived(s3, destination) == ["a", "b"]


@pytest.mark.parametrize("storage_class", ["GLACIER", TIERED])
def test_move_removes_no_archived_object(s3, storage_class):
    put(s3, "b", storage_class, archived=True)
    options = {"skip_archived": True, "retain_source_data": False}
    if storage_class == TIERED:
        with pytest.raises(AWSError, match="restore it"):
            sync("s3://bucket/dst/", **options)
        assert sorted(s3.read("bucket", "src/")) == ["a", "b", "c"]
        return
    result = sync("s3://bucket/dst/", **options)
    assert (result.files_removed, result.files_archived) == (2, 1)
    assert sorted(s3.read("bucket", "src/")) == ["b"]
    assert arrived(s3, "s3://bucket/dst/") == ["a", "c"]


@table(
    "headers, archived",
    {
        "an object of Glacier": ({"x-amz-storage-class": "GLACIER"}, True),
        "an object of Deep Archive": ({"x-amz-storage-class": "DEEP_ARCHIVE"}, True),
        "one that is being restored": (
            {"x-amz-storage-class": "GLACIER", "x-amz-restore": 'ongoing-request="true"'},
            True,
        ),
        "one that is restored": (
            {
                "x-amz-storage-class": "GLACIER",
                "x-amz-restore": 'ongoing-request="false", expiry-date="Fri, 1 Jan 2027"',
            },
            False,
        ),
        "one in an archive tier": (
            {"x-amz-storage-class": TIERED, "x-amz-archive-status": "DEEP_ARCHIVE_ACCESS"},
            True,
        ),
        "one in another tier": ({"x-amz-storage-class": TIERED}, False),
        "one of Glacier Instant Retrieval": ({"x-amz-storage-class": "GLACIER_IR"}, False),
        "one of the standard class, which has no header": ({}, False),
    },
)
def test_what_the_metadata_of_an_object_tells(headers, archived):
    assert is_archived(headers) is archived


def test_one_object_is_described_in_the_singular():
    assert describe(1, 5, "s3://b/k").startswith("1 object, s3://b/k, is archived and must be")
    assert describe(2000, 5000, "s3://b/k").startswith(
        "2,000 objects (5,000 bytes), such as s3://"
    )
