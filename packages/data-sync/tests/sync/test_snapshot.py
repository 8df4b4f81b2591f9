"""Syncs of a source that an S3 Inventory report lists: nothing is lost by what changed since."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.file_system import GetDataPathStatsHandler
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.handler import (
    PrepareBatchDataSyncHandler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from s3_inventory import MANIFEST, csv_file, report, row_of

INVENTORY = f"s3://reports/{MANIFEST}"
OLD = 1_000_000_000.0


class World:
    """A bucket, and a report about what it had."""

    def __init__(self, s3, tmp_path: Path) -> None:
        self.s3 = s3
        self.folder = tmp_path / "target"

    def put(self, objects) -> None:
        for key, content in objects.items():
            self.s3.put("bucket", key, content, OLD)

    def take_inventory(self) -> None:
        rows = [
            row_of(key, found.content, found.modified)
            for (bucket, key), found in self.s3.objects.items()
            if bucket == "bucket"
        ]
        for key, content in report([csv_file(rows)]).items():
            self.s3.put("reports", key, content)
        self.s3.calls.clear()

    def sync(self, destination=None, source="s3://bucket/data/", **options):
        request = DataSyncRequest(
            source_path=source,
            destination_path=destination or self.folder,
            inventory=INVENTORY,
            **options,
        )
        return Engine().sync(request).result

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def write(self, files) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def operations(self, bucket="bucket", prefix="") -> Counter[str]:
        calls = (call for call in self.s3.calls if call.bucket == bucket)
        return Counter(call.operation for call in calls if call.key.startswith(prefix))


@pytest.fixture
def world(s3, tmp_path) -> World:
    made = World(s3, tmp_path)
    made.put({"data/a": b"a", "data/b/c": b"c" * 300_000, "data/empty": b"", "else": b"x"})
    made.take_inventory()
    return made


def test_source_is_synced_without_a_listing(world):
    result = world.sync()

    assert result.files_transferred == 3
    assert world.files() == {"a": b"a", "b/c": b"c" * 300_000, "empty": b""}
    assert world.operations() == {"GetObject": 2, "HeadObject": 1}


def test_unchanged_objects_cost_no_request(world):
    world.sync()
    world.s3.calls.clear()

    result = world.sync()

    assert (result.files_transferred, result.files_unchanged) == (0, 3)
    assert world.operations() == {}


def test_dry_run_reads_the_inventory_as_well(world):
    assert world.sync(dry_run=True).files_transferred == 3
    assert world.files() == {}
    assert world.operations()["ListObjectsV2"] == 0


@pytest.mark.parametrize("size", [0, 7, 300_000, 9 * 2**20])
@pytest.mark.parametrize("before", ["data/a", "data/b/c", "data/empty"])
def test_object_that_was_replaced_is_transferred_as_it_is_now(world, before, size):
    world.put({before: b"n" * size})

    result = world.sync(include_detailed_response=True, report_path=world.folder.parent / "r")

    assert world.files()[before.removeprefix("data/")] == b"n" * size
    assert result.bytes_transferred == sum(map(len, world.files().values()))
    assert not [name for name in world.files() if name.endswith(".tmp")]


def test_object_that_was_replaced_is_copied_within_s3_as_it_is_now(world):
    world.put({"data/b/c": b"new"})

    world.sync("s3://copies/x/")

    found = world.s3.read("copies", "x/")
    assert found == {"a": b"a", "b/c": b"new", "empty": b""}


@pytest.mark.parametrize("continues", [True, None])
def test_object_that_no_longer_exists_is_counted_and_left_out(world, caplog, continues, tmp_path):
    for key in ("data/b/c", "data/empty"):
        del world.s3.objects["bucket", key]

    result = world.sync(continue_on_error=continues, report_path=tmp_path / "report")

    assert (result.files_transferred, result.files_vanished, result.files_failed) == (1, 2, None)
    assert world.files() == {"a": b"a"}
    assert "no longer exists" in caplog.text
    assert (
        '"error": "cannot read the metadata of s3://bucket/data/'
        in (tmp_path / "report").read_text()
    )


def test_extraneous_file_is_deleted_only_if_the_source_does_not_have_it(world, caplog):
    world.sync()
    world.put({"data/new": b"written since"})
    world.write({"new": b"from another sync", "old": b"extraneous", "b/old": b"x"})
    world.s3.calls.clear()

    result = world.sync(delete=True)

    assert result.files_deleted == 2
    assert sorted(world.files()) == ["a", "b/c", "empty", "new"]
    assert "1 entries at the destination, such as" in caplog.text
    assert world.operations() == {"HeadBucket": 1, "HeadObject": 3}


def test_dry_run_says_what_would_be_deleted(world):
    world.sync()
    world.put({"data/new": b"written since"})
    world.write({"new": b"x", "old": b"x"})

    assert world.sync(delete=True, dry_run=True).files_deleted == 1
    assert "old" in world.files()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_nothing_is_deleted_if_the_source_cannot_be_looked_up(world, status, monkeypatch):
    world.sync()
    world.write({"old": b"x"})
    # A gateway that knows no bucket has no object either.
    world.s3.fault = lambda call, respond: (
        type(respond())(status) if call.operation.startswith("Head") else respond()
    )

    with pytest.raises(AWSError):
        world.sync(delete=True, retries=0)
    assert "old" in world.files()


def test_deletions_within_s3_are_looked_up_below_a_prefix(world):
    world.put({"data/b/new": b"written since"})
    for key in ("x/b/c", "x/b/new", "x/b/old", "x/other"):
        world.s3.put("copies", key, b"x")

    world.sync("s3://copies/x/", "s3://bucket/data/b/", source_path_prefix="data/", delete=True)

    assert sorted(world.s3.read("copies", "x/")) == ["b/c", "b/new"]


def test_files_that_no_object_can_be_are_deleted_without_a_look(world):
    world.sync()
    (world.folder / "no-\udcff").write_bytes(b"x")
    deep = "/".join(["d" * 200] * 6)
    world.write({deep: b"x"})

    assert world.sync(delete=True).files_deleted == 2


def test_excluded_files_are_deleted_whether_the_source_has_them_or_not(world):
    world.write({"a": b"a", "b/c": b"x"})

    world.sync(delete=True, filter_config={"exclude": "b/.*"})

    assert sorted(world.files()) == ["a", "empty"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"retain_source_data": False, "delete": False}, "a move needs a listing"),
        ({"switch": True}, "switch and inventory are mutually exclusive"),
        ({"source": "/data", "destination": "s3://copies/x/"}, "is a local path"),
    ],
)
def test_syncs_that_a_snapshot_cannot_serve_are_refused(world, options, reason):
    with pytest.raises(ValueError, match=reason):
        world.sync(**options)
    assert world.files() == {}


def test_damaged_report_changes_nothing(world):
    world.write({"old": b"x"})
    world.s3.put("reports", "inventory/bucket/daily/data/0.csv.gz", b"damaged")

    with pytest.raises(ValueError, match="MD5"):
        world.sync(delete=True)
    assert world.files() == {"old": b"x"}


def test_stats_are_read_from_the_inventory(world):
    handler = GetDataPathStatsHandler()

    found = handler.handle(
        handler.deserialize_request({"path": "s3://bucket/data/", "inventory": INVENTORY})
    )

    assert found.path_stats.object_count == 3
    assert {name: stats.size_bytes for name, stats in found.children.items()} == {
        "a": 1,
        "b": 300_000,
        "empty": 0,
    }
    assert world.operations() == {}


def test_preparation_reads_the_inventory_and_parts_are_listed(world):
    handler = PrepareBatchDataSyncHandler()
    request = {
        "source_path": "s3://bucket/data/",
        "destination_path": "s3://copies/x/",
        "inventory": INVENTORY,
        "delete": False,
    }

    whole = handler.handle(handler.deserialize_request(request))
    split = handler.handle(
        handler.deserialize_request({**request, "batch_size_bytes_limit": 100_000})
    )

    syncs = [sync for batch in split.requests for sync in batch.requests]
    assert [sync.inventory for batch in whole.requests for sync in batch.requests] == [INVENTORY]
    assert {sync.inventory for sync in syncs} == {None}
    assert len(syncs) == 3
    assert world.operations() == {}


def test_part_that_was_deleted_since_the_inventory_is_left_out(world, caplog):
    handler = PrepareBatchDataSyncHandler()
    request = {
        "source_path": "s3://bucket/data/",
        "destination_path": "s3://copies/x/",
        "inventory": INVENTORY,
        "delete": True,
        "batch_size_bytes_limit": 1,
    }
    world.s3.put("copies", "x/a", b"old", OLD)
    del world.s3.objects["bucket", "data/a"]

    prepared = handler.handle(handler.deserialize_request(request))
    syncs = [sync for batch in prepared.requests for sync in batch.requests]
    results = [Engine().sync(sync).result for sync in syncs]

    assert sum(result.files_transferred for result in results) == 2
    assert "s3://bucket/data/a does not exist: nothing is synced" in caplog.text
    assert sorted(world.s3.read("copies", "x/")) == ["a", "b/c", "empty"]
