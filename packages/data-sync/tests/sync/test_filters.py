from __future__ import annotations

from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.sync.filters import has_patterns, make_filter
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncFilterConfig as Config

SOURCE = S3Path("s3://bucket/run/A/")


def kept(config: Config, *entries: str, source: S3Path | Path = SOURCE, root: str | None = None):
    selects = make_filter(config, source, root)
    assert selects
    return [entry for entry in entries if selects(entry)]


def test_pattern_must_match_the_whole_path():
    assert kept(Config(include="a"), "a", "ab", "x/a") == ["a"]


def test_any_of_several_patterns_suffices():
    assert kept(Config(include=["a", "b.*"]), "a", "bc", "c") == ["a", "bc"]


def test_exclude_wins():
    assert kept(Config(include=".*", exclude=r".*\.tmp"), "a", "a.tmp") == ["a"]


@pytest.mark.parametrize("empty", [None, "", [], [""]])
def test_config_without_patterns_is_no_filter(empty):
    config = Config(include=empty, exclude=empty)
    assert not has_patterns(config)
    assert make_filter(config, SOURCE) is None


def test_no_config_is_no_filter():
    assert make_filter(None, SOURCE) is None


def test_empty_include_keeps_everything_but_what_is_excluded():
    assert kept(Config(include="", exclude="b"), "a", "b") == ["a"]


@pytest.mark.parametrize("root", ["s3://bucket/run", "s3://bucket/run/", "s3://bucket/run//"])
def test_paths_are_relative_to_the_root(root):
    assert kept(Config(include="A/x"), "x", "y", root=root) == ["x"]


def test_item_that_is_the_source_goes_by_its_name():
    source = S3Path("s3://bucket/run/file.txt")
    assert kept(Config(include=r"file\.txt"), "", source=source) == [""]


def test_item_that_is_not_below_the_root_goes_by_its_whole_uri():
    config = Config(include="s3://bucket/run/A/x")
    assert kept(config, "x", "y", root="s3://bucket/ru") == ["x"]


def test_root_is_a_folder_not_a_beginning_of_text(tmp_path: Path):
    config = Config(include=f"{tmp_path}/data2/x")
    source = tmp_path / "data2"
    assert kept(config, "x", source=source, root=f"{tmp_path}/data") == ["x"]


def test_whole_bucket_is_a_root():
    assert kept(Config(include="run/A/x"), "x", root="s3://bucket") == ["x"]


def test_empty_segments_of_keys_count():
    assert kept(Config(include="/x"), "x", "/x") == ["/x"]


def test_local_root_is_read_as_a_path():
    assert kept(Config(include="b/x"), "x", source=Path("a/b"), root="./a/") == ["x"]


def test_efs_root_is_where_it_is_mounted(tmp_path: Path, aws, monkeypatch: pytest.MonkeyPatch):
    efs = aws.client("efs").create_file_system(CreationToken="t")["FileSystemId"]
    monkeypatch.setenv("EFS_MOUNT_POINT_PATH_1", str(tmp_path))
    monkeypatch.setenv("EFS_MOUNT_POINT_ID_1", efs)
    config = Config(include="sub/x")
    source = tmp_path / "data" / "sub"
    assert kept(config, "x", source=source, root=f"efs://{efs}:/data") == ["x"]


@pytest.mark.parametrize("name", ["include", "exclude"])
def test_invalid_pattern_is_named(name):
    with pytest.raises(ValueError, match=rf"the {name} pattern '\(' is no regular expression"):
        make_filter(Config(**{name: ["a", "("]}), SOURCE)
