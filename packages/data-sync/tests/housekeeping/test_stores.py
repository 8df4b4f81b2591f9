from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.housekeeping.stores import find_stores
from tables import table


def told(paths: str, location: str = "") -> str:
    """Each store with its kind, version, number of files and bytes: those of their paths."""
    entries = [Entry(path, len(path), 1.0) for path in sorted(paths.split())]
    return " ".join(
        f"{store.path}:{store.kind}:{store.version}:{store.object_count}:{store.size_bytes}"
        for store in find_stores(entries, location)
    )


@table(
    "paths, stores",
    {
        "nothing": ("", ":None:None:0:0"),
        "files that are in no store": ("a b/c", ":None:None:2:4"),
        "an array": ("x/.zarray x/0 a", "x/:Zarr:2:2:12 :None:None:1:1"),
        "an array in a folder": ("d/x/c/0 d/x/zarr.json d/a", "d/x/:Zarr:3:2:20 :None:None:1:3"),
        "arrays of a group are part of it": (
            "g/a/.zarray g/a/0 g/.zgroup b",
            "g/:Zarr:2:3:25 :None:None:1:1",
        ),
        "a table": ("t/_delta_log/0.json t/x.parquet", "t/:Delta:None:2:30 :None:None:0:0"),
        "an Icechunk repository": ("r/repo r/chunks/A", "r/:Icechunk:2:2:16 :None:None:0:0"),
        "the root": ("zarr.json c/0", ":Zarr:3:2:12"),
        "an index makes no store": ("x.bam x.bam.bai", ":None:None:2:14"),
    },
)
def test_stores_of_a_tree(paths, stores):
    assert told(paths) == stores


def test_part_of_a_store_is_the_store():
    assert told("1.json 2.json", "s3://bucket/t/_delta_log") == ":Delta:None:2:12"
