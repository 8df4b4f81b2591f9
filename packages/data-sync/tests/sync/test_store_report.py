from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli.store_lines import format_report
from aibs_informatics_aws_lambda.handlers.data_sync.store_items import Item
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.store_report import find_change
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table

Files = Mapping[str, str]
ARRAY: Files = {"x/zarr.json": "{}", "x/c/0": "zero", "x/c/1": "one"}


@table(
    "files, actions, replaces, kind, change",
    {
        "all files are new": (2, {"transfer": 2, "added": 2}, False, "Zarr", "new"),
        "files are added": (3, {"transfer": 2, "added": 1, "keep": 1}, False, "Zarr", "appended"),
        "a data file is replaced": (3, {"transfer": 1}, True, "Zarr", "rewritten in place"),
        "a table never replaces its data": (3, {"transfer": 1}, True, "Delta", "appended"),
        "files are deleted": (3, {"keep": 3, "delete": 1}, False, "Zarr", "reduced"),
        "all files are deleted": (0, {"delete": 4}, False, "Zarr", "deleted"),
        "nothing changes": (3, {"keep": 3}, False, "Zarr", "unchanged"),
        "files are moved away": (0, {"remove": 3}, False, "Zarr", "unchanged"),
    },
)
def test_change_of_a_store(files, actions, replaces, kind, change):
    item = Item("x/", 0, files, actions=actions, replaces=replaces, kind=kind)
    assert find_change(item) == change


@pytest.fixture
def sync(tmp_path) -> Callable[..., Any]:
    """Sync files to a destination that has others, and return the result."""

    def run(source: Files, destination: Files, **fields: Any) -> Any:
        for name, files in (("src", source), ("dst", destination)):
            for path, content in files.items():
                (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name / path).write_text(content)
        request = DataSyncRequest(
            source_path=str(tmp_path / "src"),
            destination_path=str(tmp_path / "dst"),
            local_mirror=True,
            stores=True,
            **fields,
        )
        return Engine().sync(request).result

    return run


def test_dry_run_returns_stores(sync, tmp_path):
    old = {**ARRAY, "x/c/1": "old", "x/c/9": "gone"}
    result = sync({**ARRAY, "a": "a"}, old, dry_run=True)
    [store] = result.stores
    assert result.store_count == 1
    assert store.to_dict() == {
        "path": f"{tmp_path}/dst/x/",
        "kind": "Zarr",
        "version": "3",
        "files": 3,
        "size": 9,
        "actions": {"transfer": 1, "delete": 1, "keep": 2},
        "bytes_transferred": 3,
        "change": "rewritten in place",
    }
    assert result.details is None
    assert (tmp_path / "dst" / "x" / "c" / "9").exists()


def test_version_is_read_at_the_source_of_a_new_store(sync):
    metadata = '{"attributes": {"ome": {"version": "0.5", "multiscales": []}}}'
    result = sync({**ARRAY, "x/zarr.json": metadata}, {}, dry_run=True)
    [store] = result.stores
    assert (store.kind, store.version, store.change) == ("OME-Zarr", "0.5", "new")


def test_version_of_a_deleted_store_is_read_at_the_destination(sync):
    result = sync({"a": "a"}, {"n/attributes.json": '{"n5": "2.5.1"}', "n/0": "0"}, dry_run=True)
    [store] = result.stores
    assert (store.kind, store.version, store.change) == ("N5", "2.5.1", "deleted")


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_report_has_a_line_for_each_store_and_each_other_file(sync, tmp_path):
    source = {**ARRAY, "b.bam": "b", "b.bam.bai": "i", "c": "c"}
    result = sync(source, {"c": "old"}, report_path=str(tmp_path / "report.jsonl"))
    indexed, file, store = lines(tmp_path / "report.jsonl")
    assert (indexed["kind"], indexed["files"]) == ("BAM", 2)
    assert (file["action"], file["destination"]) == ("transfer", f"{tmp_path}/dst/c")
    assert (store["action"], store["change"]) == ("store", "new")
    assert [each.kind for each in result.stores] == ["BAM", "Zarr"]


def test_comparison_returns_stores_without_a_change(sync):
    result = sync(ARRAY, {"x/zarr.json": "{}", "x/c/2": "two"}, verify=True)
    [store] = result.stores
    assert store.actions == {"missing": 2, "extra": 1, "equal": 1}
    assert store.change is None
    assert store.bytes_transferred is None


def test_response_lists_the_first_hundred_stores(sync, tmp_path):
    arrays = {f"{number:03}/.zarray": "{}" for number in range(103)}
    result = sync(arrays, {}, dry_run=True, report_path=str(tmp_path / "report.jsonl"))
    assert (len(result.stores), result.store_count) == (100, 103)
    assert len(lines(tmp_path / "report.jsonl")) == 103


def shown(*report: Mapping[str, Any]) -> list[str]:
    return list(format_report(map(json.dumps, report)))


STORE: Mapping[str, Any] = {
    "action": "store",
    "path": "s3://b/x/",
    "kind": "Zarr",
    "version": "3",
    "files": 1200,
    "size": 2048,
}


@table(
    "line, text",
    {
        "a store that is appended": (
            {
                **STORE,
                "actions": {"transfer": 3, "delete": 1, "keep": 20},
                "bytes_transferred": 1536,
                "change": "appended",
            },
            "store s3://b/x/ (Zarr 3, 1,200 files, 2.0 KiB): "
            "transfer 3 (1.5 KiB), delete 1, 20 unchanged; appended",
        ),
        "a store that is compared": (
            {**STORE, "version": None, "actions": {"missing": 2, "extra": 1, "equal": 3}},
            "store s3://b/x/ (Zarr, 1,200 files, 2.0 KiB): "
            "2 missing at the destination, 1 only at the destination, 3 equal",
        ),
        "a file that is uploaded": (
            {
                "action": "transfer",
                "reason": "missing",
                "source": "/a",
                "destination": "s3://b/a",
                "size": 2,
            },
            "upload /a -> s3://b/a (2 B, missing)",
        ),
        "a file that is deleted": (
            {"action": "delete", "destination": "/a", "size": 2},
            "delete /a (2 B, extraneous)",
        ),
        "a file that is removed": (
            {"action": "remove", "reason": "equal", "source": "s3://b/a", "size": 2},
            "remove s3://b/a (2 B, moved)",
        ),
        "a file that is missing": (
            {"action": "missing", "source": "/a", "destination": "/b", "size": 2},
            "missing /a",
        ),
        "a file that is extra": ({"action": "extra", "destination": "/b", "size": 2}, "extra /b"),
    },
)
def test_lines_of_a_report(line, text):
    assert shown(line) == [text]


def test_unchanged_and_failed_files_have_no_line():
    kept = {"action": "keep", "source": "/a", "destination": "/b", "size": 2}
    failed = {**kept, "action": "transfer", "error": "denied"}
    assert shown(kept, failed) == []
