from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

from aibs_informatics_aws_lambda.handlers.data_sync import store_items
from aibs_informatics_aws_lambda.handlers.data_sync.store_items import Item, Stores
from tables import table


def told(paths: str, location: str = "", *, lists_files: bool = False) -> str:
    """Each store with its kind, version, number of files and bytes, which are those of paths."""
    stores = Stores(location, lists_files=lists_files)
    items = (Item(path, len(path), 1, 1.0) for path in sorted(paths.split()))
    found = [
        f"{item.path}:{item.kind}:{item.version}:{item.object_count}:{item.size_bytes}"
        for item in stores.find(items)
    ]
    return " ".join([*found, f"others:{stores.others.object_count}:{stores.others.size_bytes}"])


@table(
    "paths, stores",
    {
        "nothing": ("", "others:0:0"),
        "files that are in no store": ("a b/c", "others:2:4"),
        "an array": ("x/.zarray x/0 a", "x/:Zarr:2:2:12 others:1:1"),
        "an array in a folder": ("d/x/c/0 d/x/zarr.json d/a", "d/x/:Zarr:3:2:20 others:1:3"),
        "arrays of a group are part of it": (
            "g/a/.zarray g/a/0 g/.zgroup b",
            "g/:Zarr:2:3:25 others:1:1",
        ),
        "a group that comes after many arrays": (
            "g/a/c/0 g/a/zarr.json g/b/c/0 g/b/zarr.json g/zarr.json h/zarr.json",
            "g/:Zarr:3:5:51 h/:Zarr:3:1:11 others:0:0",
        ),
        "a table": ("t/_delta_log/0.json t/x.parquet", "t/:Delta:None:2:30 others:0:0"),
        "N5": ("n/attributes.json n/0/0", "n/:N5:None:2:22 others:0:0"),
        "attributes of something else": ("n/attributes.json n/a", "others:2:20"),
        "Parquet": ("p/_metadata p/a.parquet", "p/:Parquet:None:2:22 others:0:0"),
        "the mark of a job that wrote text": ("p/_SUCCESS p/part-0", "others:2:18"),
        "Lance": (
            "l/_versions/1.manifest l/data/a.lance",
            "l/:Lance:None:2:36 others:0:0",
        ),
        "TileDB": (
            "a/__commits/__1_1_0a_22.wrt a/__fragments/__1_1_0a_22/a.tdb",
            "a/:TileDB:22:2:58 others:0:0",
        ),
        "Icechunk 2": ("r/repo r/snapshots/A", "r/:Icechunk:2:2:19 others:0:0"),
        "Icechunk 1": (
            "r/refs/branch.main/ref.json r/snapshots/A",
            "r/:Icechunk:1:2:40 others:0:0",
        ),
        "a precomputed volume": (
            "v/8_8_8/0-64_-64-0_0-64.gz v/info",
            "v/:Precomputed:None:2:32 others:0:0",
        ),
        "a precomputed volume of shards": (
            "v/8_8_8/0.shard v/info",
            "v/:Precomputed:None:2:21 others:0:0",
        ),
        "a file called info": ("v/0-64_0-64 v/info", "others:2:17"),
        "a file called repo": ("r/repo r/a", "others:2:9"),
        "the root": ("zarr.json c/0", ":Zarr:3:2:12 others:0:0"),
        "a file with an index": ("x.bam x.bam.bai y", "x.bam:BAM:None:2:14 others:1:1"),
        "files with and without an index": (
            "x.bam y.bam y.bam.csi z.cram z.cram.crai",
            "y.bam:BAM:None:2:14 z.cram:CRAM:None:2:17 others:1:5",
        ),
        "a file with two indexes": (
            "v.vcf.gz v.vcf.gz.gzi v.vcf.gz.tbi",
            "v.vcf.gz:VCF:None:3:32 others:0:0",
        ),
        "a genome with its indexes": (
            "g.fa.gz g.fa.gz.fai g.fa.gz.gzi h.fa",
            "g.fa.gz:FASTA:None:3:29 others:1:4",
        ),
        "an index without its file": ("x.bam.bai y", "others:2:10"),
        "an indexed file in a store": (
            "s/.zgroup s/x.bam s/x.bam.bai",
            "s/:Zarr:2:3:27 others:0:0",
        ),
    },
)
def test_stores_of_a_tree(paths, stores):
    assert told(paths) == stores


@table(
    "paths, items",
    {
        "files and stores in order": (
            "a d/x/c/0 d/x/zarr.json d/y e",
            "a:None:None:1:1 d/x/:Zarr:3:2:20 d/y:None:None:1:3 e:None:None:1:1 others:3:5",
        ),
        "files of a store are not listed": ("x/a/b x/zarr.json", "x/:Zarr:3:2:16 others:0:0"),
        "an indexed file before a folder": (
            "x.bam x.bam.bai x.d/a",
            "x.bam:BAM:None:2:14 x.d/a:None:None:1:5 others:1:5",
        ),
    },
)
def test_listed_files(paths, items):
    assert told(paths, lists_files=True) == items


def test_part_of_a_store_is_the_store():
    paths, location = "1.json 2.json", "s3://bucket/t/_delta_log"
    assert told(paths, location) == ":Delta:None:2:12 others:0:0"


def test_names_that_are_not_utf8_are_kept():
    [store] = Stores().find([Item("\udcff/.zarray", 1, 1)])
    assert store.path == "\udcff/"


def test_the_last_commits_are_the_entry_files_of_a_table():
    commits = [Item(f"_delta_log/{number:03}.json", 1, 1) for number in range(40)]
    [table] = Stores().find(commits)
    assert len(table.entry_files) == 16
    assert table.entry_files[-1] == "_delta_log/039.json"


def test_memory_does_not_grow_with_the_number_of_stores(monkeypatch):
    monkeypatch.setattr(store_items, "_IN_MEMORY_BYTES", 2**10)

    def files() -> Iterator[Item]:
        for number in range(500):
            yield Item(f"d/{number:06}/c/0", 1, 1)
            yield Item(f"d/{number:06}/zarr.json", 1, 1)
            yield Item(f"d/{number:06}x", 1, 1)

    tracemalloc.start()
    count = sum(1 for _ in Stores(lists_files=True).find(files()))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1000
    assert most < 100_000
