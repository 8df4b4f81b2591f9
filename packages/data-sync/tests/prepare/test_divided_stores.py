"""Prepared syncs publish the entry files of split stores after all parts have arrived."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync import (
    batch_data_sync_handler,
    prepare_batch_data_sync_handler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.divided_stores import (
    set_entry_files_apart,
)
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node
from tables import table

ARRAY = {f"x/c/{n}/{m}": b"chunk" for n in range(3) for m in range(2)}
NEW = {**ARRAY, "x/zarr.json": b"new", "other": b"o" * 9, "y/1": b"y"}
OLD = {
    **{f"x/c/{n}/{m}": b"old" for n in range(5) for m in range(2)},
    "x/zarr.json": b"old",
    "gone": b"g",
}


def node(path: str) -> Node:
    return Node(path, 1, 1, 0.0, "folder" if path.endswith("/") else "entry")


@table(
    "parts, parallel, final, deleting",
    {
        "without stores nothing is final": ("a b/", "a b/", "", "a b/"),
        "a store is final as a whole": (
            "a x/c/0/ x/c/1/ x/zarr.json",
            "a x/c/0/ x/c/1/",
            "x/",
            "a x/",
        ),
        "a folder of entry files is part of a store": (
            "t/1.parquet t/2.parquet t/_delta_log/",
            "t/1.parquet t/2.parquet t/_delta_log/",
            "t/",
            "t/",
        ),
        "inner stores are part of the outer one": (
            ".zattrs .zgroup 0/.zarray 0/0 0/1 1/",
            "0/0 0/1 1/",
            "",
            "",
        ),
        "an index is final by itself": ("a.bam a.bam.bai b/", "a.bam b/", "a.bam.bai", None),
        "entry files alone are in order by themselves": (
            ".zattrs .zgroup",
            ".zattrs .zgroup",
            None,
            None,
        ),
    },
)
def test_parts_are_synced_in_order(parts, parallel, final, deleting):
    split = set_entry_files_apart([node(path) for path in sorted(parts.split())], "dst/")
    assert [part.relative for part in split.parallel] == parallel.split()
    if final is None:
        assert split.final == []
    elif "zgroup" in parts:
        assert [part.relative for part in split.final] == [""]
        assert all(split.is_split(part) for part in split.parallel)
    else:
        assert [part.relative for part in split.final] == final.split()
    if deleting:
        assert [part.relative for part in split.deleting()] == deleting.split()


def test_part_of_a_destination_within_a_store_belongs_to_it():
    split = set_entry_files_apart([node("1.json"), node("_sidecars/")], "t/_delta_log/")
    assert [part.relative for part in split.parallel] == ["_sidecars/"]
    assert [part.relative for part in split.final] == [""]


class Places:
    """A source in S3, and a destination in S3 or in a folder."""

    def __init__(self, bucket: Any, folder: Path | None) -> None:
        self.bucket, self.folder = bucket, folder
        bucket.put_all({f"src/{name}": body for name, body in NEW.items()}, 1000)
        if folder is None:
            bucket.put_all({f"dst/{name}": body for name, body in OLD.items()}, 2000)
        for name, body in OLD.items() if folder else ():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            os.utime(path, (time.time() - 2000,) * 2)

    @property
    def destination(self) -> str:
        return str(self.folder or "s3://bucket/dst/")

    def read(self) -> dict[str, bytes]:
        if self.folder is None:
            return self.bucket.read("dst/")
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}

    def event(self, **options: Any) -> dict[str, Any]:
        paths = {"source_path": "s3://bucket/src/", "destination_path": self.destination}
        return {**paths, "batch_size_bytes_limit": 10, **options}


@pytest.fixture(params=["s3", "local"])
def places(request, bucket, tmp_path) -> Places:
    return Places(bucket, tmp_path / "dst" if request.param == "local" else None)


@pytest.mark.parametrize("options", [{}, {"force": True}, {"size_only": True}])
def test_final_batch_publishes_what_the_others_have_brought(places, lambda_context, options):
    prepared = prepare_batch_data_sync_handler(places.event(**options), lambda_context)
    *parallel, final = prepared["requests"]
    assert prepared["final_batch"] == final

    moved = [batch_data_sync_handler(batch, lambda_context)["result"] for batch in parallel]
    found = places.read()
    assert found["x/zarr.json"] == b"old"
    assert {name: body for name, body in found.items() if name in ARRAY} == ARRAY
    assert OLD.keys() - {"gone"} <= found.keys()

    moved.append(batch_data_sync_handler(final, lambda_context)["result"])
    assert places.read() == NEW
    assert sum(result["files_transferred"] for result in moved) == len(NEW)
    assert sum(result["files_unchanged"] for result in moved) == 0
    assert sum(result["files_deleted"] for result in moved) == 5


def test_move_removes_a_split_store_with_its_final_batch(bucket, lambda_context):
    places = Places(bucket, None)
    event = places.event(retain_source_data=False)
    *parallel, final = prepare_batch_data_sync_handler(event, lambda_context)["requests"]
    for batch in parallel:
        batch_data_sync_handler(batch, lambda_context)
    assert set(bucket.keys("src/")) == {f"src/{name}" for name in [*ARRAY, "x/zarr.json"]}
    batch_data_sync_handler(final, lambda_context)
    assert bucket.keys("src/") == []
    assert places.read() == NEW


def test_final_batch_brings_what_changed_since(bucket, lambda_context):
    places = Places(bucket, None)
    *parallel, final = prepare_batch_data_sync_handler(places.event(), lambda_context)["requests"]
    for batch in parallel:
        batch_data_sync_handler(batch, lambda_context)
    bucket.put("src/x/c/0/0", b"changed")
    batch_data_sync_handler(final, lambda_context)
    assert bucket.get("dst/x/c/0/0") == b"changed"


@pytest.mark.parametrize("options", [{"dry_run": True}, {"verify": True}])
def test_what_changes_nothing_has_no_final_batch(bucket, lambda_context, options):
    prepared = prepare_batch_data_sync_handler(
        Places(bucket, None).event(**options), lambda_context
    )
    assert "final_batch" not in prepared


def test_stored_batches_say_how_many_are_parallel(bucket, lambda_context):
    scratch = {
        "response_path": "s3://bucket/scratch/r",
        "temporary_request_payload_path": "s3://bucket/scratch/q",
        "allow_partial_failure": True,
    }
    prepared = prepare_batch_data_sync_handler(
        Places(bucket, None).event(**scratch), lambda_context
    )
    final = prepared["final_batch"]
    assert (
        final["requests"] == f"s3://bucket/scratch/q/request_{prepared['parallel_batches']}.json"
    )
    assert final["allow_partial_failure"] is False
