from __future__ import annotations

import logging
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.stores import find_rule
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.rewrites import Rewrites
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table


def found(paths: str, replaced: str) -> str:
    """The stores among some files, of which some are replaced."""
    rewrites = Rewrites()
    for path in sorted(paths.split()):
        rule = find_rule(path)
        if rule is not None:
            rewrites.note_entry_file(path, rule)
        elif path in replaced.split():
            rewrites.note_replaced(path)
    assert rewrites.count == len(rewrites.found)
    return " ".join(rewrites.found)


@table(
    "paths, replaced, stores",
    {
        "nothing is replaced": ("a/.zarray a/0 a/1", "", ""),
        "an entry file before its data": ("a/.zarray a/0 a/1", "a/1", "a/"),
        "an entry file after its data": ("a/c/0 a/zarr.json", "a/c/0", "a/"),
        "a file that is in no store": ("a/.zarray a/0 b/0", "b/0", ""),
        "a file beside a store": ("a/c/0 a/zarr.json a0", "a0", ""),
        "a file before a store": ("A a/c/0 a/zarr.json", "A", ""),
        "stores of one group are one": (
            "g/a/.zarray g/a/0 g/b/.zarray g/b/0 g/.zgroup",
            "g/a/0 g/b/0",
            "g/",
        ),
        "stores of one group of format 3 are one": (
            "g/a/c/0 g/a/zarr.json g/b/c/0 g/b/zarr.json g/zarr.json",
            "g/a/c/0 g/b/c/0",
            "g/",
        ),
        "two stores": ("a/c/0 a/zarr.json b/c/0 b/zarr.json", "a/c/0 b/c/0", "a/ b/"),
        "parts of Parquet": ("t/_metadata t/part-0.parquet", "t/part-0.parquet", "t/"),
        "a file and its index": ("x.bam x.bam.bai y.bam y.bam.bai", "x.bam", "x.bam"),
        "chunks of a precomputed volume": (
            "v/8_8_8/0-64_0-64_0-64 v/8_8_8/provenance v/info",
            "v/8_8_8/0-64_0-64_0-64 v/8_8_8/provenance",
            "v/",
        ),
        "a file beside one called info": ("v/a v/info v/x", "v/a v/x", ""),
        "a file beside attributes of something else": ("v/attributes.json v/x", "v/x", ""),
        "a chunk after the attributes of its array": ("v/attributes.json v/x/0", "v/x/0", "v/"),
        "a file and its index beside one called info": (
            "v/info v/x.bam v/x.bam.bai",
            "v/x.bam",
            "v/x.bam",
        ),
        "a genome and its index": ("g.fa g.fa.fai", "g.fa", "g.fa"),
        "files of Delta are never replaced": ("_delta_log/1.json a.parquet", "a.parquet", ""),
    },
)
def test_stores_that_are_rewritten(paths, replaced, stores):
    assert found(paths, replaced) == stores


def test_number_of_stores_is_not_limited_by_what_is_kept():
    rewrites = Rewrites()
    rule = find_rule("zarr.json")
    assert rule is not None
    for number in range(1500):
        rewrites.note_replaced(f"{number:05}/c/0")
        rewrites.note_entry_file(f"{number:05}/zarr.json", rule)
    assert (len(rewrites.found), rewrites.count) == (1000, 1500)


@pytest.mark.parametrize("dry_run", [True, False])
def test_sync_says_that_a_store_is_rewritten(bucket, tmp_path: Path, caplog, dry_run):
    bucket.put_all({"dst/x/zarr.json": b"{}", "dst/x/c/0": b"old", "dst/x/c/1": b"same"}, 100)
    for name, text in {"zarr.json": "{}", "c/0": "newer", "c/1": "same", "c/2": "more"}.items():
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).write_text(text)
    request = {"source_path": str(tmp_path), "destination_path": "s3://bucket/dst/"}
    with caplog.at_level(logging.WARNING):
        Engine().sync(DataSyncRequest(**request, dry_run=dry_run))
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "store s3://bucket/dst/x/ is rewritten in place: readers may see a mixture of old and new "
        "files until the sync ends. With --switch (switch: true) they see one or the other"
    ]
