from __future__ import annotations

from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.stores import RULES, find_rule, store_path
from tables import table


@table(
    "path, store, folder",
    {
        "an array of Zarr 2": ("a/b/.zarray", "Zarr", "a/b/"),
        "a store at the destination itself": (".zgroup", "Zarr", ""),
        "a node of Zarr 3": ("a/zarr.json", "Zarr", "a/"),
        "consolidated metadata": ("a/.zmetadata", "Zarr", "a/"),
        "a data set of N5": ("raw/attributes.json", "N5", "raw/"),
        "the statistics of Parquet": ("t/_metadata", "Parquet", "t/"),
        "the schema of Parquet": ("t/_common_metadata", "Parquet", "t/"),
        "a commit of Delta": ("t/_delta_log/00000000000000000001.json", "Delta", "t/"),
        "a checkpoint of Delta": ("_delta_log/_last_checkpoint", "Delta", ""),
        "a version of Lance": ("t.lance/_versions/1.manifest", "Lance", "t.lance/"),
        "the latest version of Lance": ("_versions/latest_version_hint.json", "Lance", ""),
        "a commit of TileDB": ("a/__commits/__1_1_x_22.wrt", "TileDB", "a/"),
        "the state of Icechunk 2": ("r/repo", "Icechunk", "r/"),
        "a branch of Icechunk 1": ("r/refs/branch.main/ref.json", "Icechunk", "r/"),
        "a precomputed volume": ("v/info", "Precomputed", "v/"),
        "the index of a BAM file": ("s/x.bam.bai", "BAM", "s/"),
        "the index of a CRAM file": ("x.cram.crai", "CRAM", ""),
        "the index of a FASTA file": ("g/x.fa.fai", "FASTA", "g/"),
    },
)
def test_entry_files_belong_to_a_store(path, store, folder):
    rule = find_rule(path)
    assert rule is not None
    assert (rule.store, store_path(path, rule)) == (store, folder)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/c/0/1",
        "a/0.0.0",
        "my.zarray.txt",
        "xzarr.json",
        "myinfo",
        "info/0-1_0-1_0-1",
        "a/report",
        "ref.json",
        "refs/genome/hg38.fa",
        "_versions/notes.txt",
        "x/_versions/deeper/1.manifest",
        "t/_delta_log/_sidecars/1.parquet",
        "t/my_delta_log/1.json",
        "t/_delta_log",
        "a.bai/b",
        "bai",
    ],
)
def test_other_files_are_data(path):
    assert find_rule(path) is None


def test_every_rule_names_its_source():
    assert all(rule.source.startswith("https://") for rule in RULES)
    assert len({rule.pattern for rule in RULES}) == len(RULES)


def test_documentation_lists_every_pattern():
    page = Path(__file__).parents[3] / "docs" / "stores.md"
    if not page.exists():
        pytest.skip("the package is tested alone")
    missing = [rule.pattern for rule in RULES if f"`{rule.pattern}`" not in page.read_text()]
    named_by_name = {"_delta_log/_last_checkpoint", "_versions/latest_version_hint.json"}
    assert set(missing) == named_by_name
