"""Stores that real libraries write are recognized, and what their metadata promise is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.housekeeping.stores import StoresAtPath
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from store_kinds import APPENDS, DELETIONS

pytestmark = [pytest.mark.stores, pytest.mark.filterwarnings("default")]

FORMATS = {
    "Zarr 2": "Zarr 2",
    "Zarr 2, consolidated": "Zarr 2",
    "Zarr 3": "Zarr 3",
    "Zarr 3, consolidated": "Zarr 3",
    "Zarr 3, whole shards": "Zarr 3",
    "Zarr 2, library 2": "Zarr 2",
    "Zarr 2, library 2, consolidated": "Zarr 2",
    "N5": "N5 2.0.0",
    "OME-Zarr, two levels": "OME-Zarr 0.5",
    "Parquet by `_metadata`": "Parquet 2",
    "Delta, three commits": "Delta 1.2",
    "Lance, three versions": "Lance 2.2",
    "TileDB": "TileDB 22",
    "Icechunk": "Icechunk 2",
    "BAM, another sample": "BAM 1.6",
    "CRAM, another sample": "CRAM 3.1",
    "VCF, another sample": "VCF 4.2",
}

DATA = {
    "Zarr 2": ("values/3", "values/: chunk (3,)"),
    "Zarr 3": ("values/c/3", "values/: chunk (3,)"),
    "Zarr 3, whole shards": ("values/c/1", "values/: chunk (1,)"),
    "OME-Zarr, two levels": ("s1/c/0/1/0", "s1/: chunk (0, 1, 0)"),
    "N5": ("values/3", "values/: chunk (3,)"),
    "Parquet by `_metadata`": ("part-0-2.parquet", ": part-0-2.parquet"),
    "Delta, three commits": ("*.parquet", ": part-"),
}
"""A data file of a store, and how it is named if it is on one side only."""


def create(name: str, folder: Path) -> None:
    kind = {**APPENDS, **DELETIONS}[name]
    if kind.version is None:
        pytest.skip(f"{kind.library} {kind.major or ''} is not in this environment")
    folder.mkdir()
    kind.create(folder)


@pytest.mark.parametrize("name", FORMATS)
def test_store_is_recognized_with_its_version(tmp_path, name):
    create(name, tmp_path / "store")
    stores = StoresAtPath(tmp_path)
    [store] = stores
    assert f"{store.kind} {store.version}" == FORMATS[name]
    assert store.object_count == sum(path.is_file() for path in tmp_path.rglob("*"))
    assert stores.others.object_count == 0


def verify(folder: Path) -> tuple[list[str], list[str]]:
    """Return what is on one side only, and what is damaged or not checked."""
    request = DataSyncRequest(
        source_path=str(folder / "src"),
        destination_path=str(folder / "dst"),
        local_mirror=True,
        verify=True,
        stores=True,
        report_path=str(folder / "report.jsonl"),
    )
    Engine().sync(request)
    one_sided, others = [], []
    for line in map(json.loads, (folder / "report.jsonl").read_text().splitlines()):
        if line["action"] == "check":
            path = line["path"].removeprefix(f"{folder}/dst/")
            one_sided += [f"{path}: {example}" for example in line.get("examples", ())]
            others += line.get("damaged", [])
            others += [line["not_checked"]] if "not_checked" in line else []
    return one_sided, others


@pytest.mark.parametrize("name", DATA)
def test_promised_file_is_missing_on_one_side(tmp_path, name):
    create(name, tmp_path / "src")
    shutil.copytree(tmp_path / "src", tmp_path / "dst")
    assert verify(tmp_path) == ([], [])
    pattern, text = DATA[name]
    next((tmp_path / "dst").glob(pattern)).unlink()
    [found], others = verify(tmp_path)
    assert found.startswith(text)
    assert found.endswith("is missing at the destination")
    assert others == []


def test_files_that_a_table_does_not_name_any_more_are_not_promised(tmp_path):
    create("Delta, vacuumed", tmp_path / "src")
    import deltalake

    table = deltalake.DeltaTable(str(tmp_path / "src"))
    table.optimize.compact()
    shutil.copytree(tmp_path / "src", tmp_path / "dst")
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert verify(tmp_path) == ([], [])


def test_log_that_goes_on_from_a_checkpoint_is_read(tmp_path):
    create("Delta, vacuumed", tmp_path / "src")
    import deltalake

    table = deltalake.DeltaTable(str(tmp_path / "src"))
    table.create_checkpoint()
    for commit in sorted((tmp_path / "src" / "_delta_log").glob("*.json"))[:-1]:
        commit.unlink()
    shutil.copytree(tmp_path / "src", tmp_path / "dst")
    assert verify(tmp_path) == ([], [])
    next((tmp_path / "dst").glob("*.parquet")).unlink()
    [found], _ = verify(tmp_path)
    assert found.endswith("is missing at the destination")
