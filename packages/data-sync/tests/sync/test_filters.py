from __future__ import annotations

import re
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync import locations
from aibs_informatics_aws_lambda.handlers.data_sync.cli import filters as cli_filters
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.locations import find_root
from aibs_informatics_aws_lambda.handlers.data_sync.sync.filters import (
    check_filters_supported,
    compile_patterns,
    find_limits,
    has_patterns,
    make_filter,
)
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncFilterConfig as Config
from tables import table

SOURCE = S3Path("s3://bucket/run/A/")


def kept(config: Config, *entries: str, source: S3Path | Path = SOURCE, root: str | None = None):
    selects = make_filter(config, find_root(source), root)
    assert selects
    return [entry for entry in entries if selects(entry)]


@pytest.mark.parametrize("empty", [None, "", [], [""]])
def test_config_without_patterns_is_no_filter(empty):
    config = Config(include=empty, exclude=empty)
    assert not has_patterns(config)
    assert make_filter(config, find_root(SOURCE)) is None


@table(
    "config, allowed",
    {
        "no limits": ({}, None),
        "no patterns, no limits": ({"include": "x"}, None),
        "a smallest size is allowed": ({"min_size_bytes": 10}, True),
        "what is smaller is not": ({"min_size_bytes": 11}, False),
        "a largest size is allowed": ({"max_size_bytes": 10}, True),
        "what is larger is not": ({"max_size_bytes": 9}, False),
        "nothing but empty files": ({"max_size_bytes": 0}, False),
        "the earliest time is allowed": ({"modified_after": "1970-01-01T00:01:40Z"}, True),
        "what is earlier is not": ({"modified_after": "1970-01-01T00:01:41Z"}, False),
        "the end is not allowed": ({"modified_before": "1970-01-01T00:01:40Z"}, False),
        "what is before the end is": ({"modified_before": "1970-01-01T00:01:41Z"}, True),
    },
)
def test_limits_of_size_and_time(config, allowed):
    limits = find_limits(Config.from_dict(config))
    assert (limits and limits.allow(Entry("a", 10, 100.0))) is allowed


def test_listed_files_are_selected_if_patterns_select_them_too():
    assert kept(Config(files=["x", "A/y"]), "x", "y", "A/y") == ["x", "A/y"]
    assert kept(Config(files=["A/x"], exclude="A/y"), "x", "y", root="s3://bucket/run") == ["x"]
    assert kept(Config(files=["x", "y"], exclude="y"), "x", "y") == ["x"]
    assert kept(Config(files=[]), "x") == []


def test_no_config_is_no_filter():
    assert make_filter(None, find_root(SOURCE)) is None


@pytest.mark.parametrize("root", ["s3://bucket/run", "s3://bucket/run/", "s3://bucket/run//"])
def test_paths_are_relative_to_the_root(root):
    assert kept(Config(include="A/x"), "x", "y", root=root) == ["x"]


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


def test_root_on_efs_is_resolved(monkeypatch: pytest.MonkeyPatch):
    local = Path("/mnt/data")
    monkeypatch.setattr(locations, "resolve", lambda path: local)
    config = Config(include="sub/x")
    assert kept(config, "x", source=Path("/mnt/data/sub"), root="efs://fs-12345678:/data") == ["x"]


@pytest.mark.parametrize("name", ["include", "exclude"])
def test_invalid_pattern_is_named(name):
    with pytest.raises(
        ValueError, match=rf"the {name} pattern '\(' is not a valid regular expression"
    ):
        make_filter(Config(**{name: ["a", "("]}), SOURCE)


@pytest.mark.parametrize("name", ["include", "exclude"])
def test_pattern_that_could_take_exponential_time_is_refused(name):
    with pytest.raises(ValueError, match=rf"the {name} pattern .* could take exponential time"):
        make_filter(Config(**{name: ["a", "(.*/)*x"]}), SOURCE)


@pytest.mark.parametrize(
    "glob", ["*.csv", "**/a/**/b/*.{csv,tsv}", "/x/", "a*b*c*", "**", "[!a]*/**", "*/*/*/*"]
)
def test_expressions_of_globs_are_accepted(glob):
    rules = [
        cli_filters.FilterRule(action, cli_filters.glob_to_regex(each))
        for action, each in (("exclude", "*.tmp"), ("include", glob), ("exclude", "b/**"))
    ]
    assert make_filter(cli_filters.make_filter_config(rules), find_root(SOURCE)) is not None


@table(
    "include, exclude, has",
    {
        "no pattern is none": (None, None, False),
        "empty patterns are none": ("", ["", ""], False),
        "an include pattern is one": ("a", None, True),
        "an exclude pattern is one": (None, "a", True),
        "one pattern in a list is one": (["", "a"], None, True),
    },
)
def test_patterns(include, exclude, has):
    assert has_patterns(Config(include=include, exclude=exclude)) is has


def test_no_config_has_no_patterns():
    assert has_patterns(None) is False


LOCAL = Path("/src")


@table(
    "source, destination, config, supported",
    {
        "uploads are filtered": (LOCAL, SOURCE, Config(include="a"), True),
        "downloads are filtered": (SOURCE, LOCAL, Config(include="a"), True),
        "copies within S3 are filtered": (SOURCE, SOURCE, Config(include="a"), True),
        "copies of local files are not filtered": (LOCAL, LOCAL, Config(exclude="a"), False),
        "local files without patterns are copied": (LOCAL, LOCAL, Config(include=[]), True),
        "local files without a filter are copied": (LOCAL, LOCAL, None, True),
    },
)
def test_where_filters_are_supported(source, destination, config, supported):
    if supported:
        check_filters_supported(config, find_root(source), find_root(destination))
        return
    with pytest.raises(ValueError, match=r"filters .* from one local path to another"):
        check_filters_supported(config, find_root(source), find_root(destination))


@table(
    "include, exclude, path, selected",
    {
        "a pattern matches the whole path": ("a", None, "a", True),
        "a pattern does not match the start of a path": ("a", None, "ab", False),
        "a pattern does not match the end of a path": ("a", None, "x/a", False),
        "a dot matches a slash": ("x.*", None, "x/a/b", True),
        "any include pattern will do": (["b", "a"], None, "a", True),
        "any exclude pattern will do": (None, ["b", "a"], "a", False),
        "what no include pattern matches is left out": ("a", None, "b", False),
        "what no exclude pattern matches is selected": (None, "a", "b", True),
        "exclude wins over include": ("a", "a", "a", False),
        "an empty include selects everything": ("", "b", "a", True),
        "an empty pattern beside others is none": (["", "b"], None, "a", False),
        "case counts": ("A", None, "a", False),
        "a line break is not matched by a dot": ("a.*", None, "a\nb", False),
    },
)
def test_selection(include, exclude, path, selected):
    selects = make_filter(Config(include=include, exclude=exclude), find_root(SOURCE))
    assert selects is not None
    assert selects(path) is selected


@table(
    "source, root, relative, path",
    {
        "a path is relative to the source": (SOURCE, None, "x/y", "x/y"),
        "a local path is relative to the source": (LOCAL, None, "x/y", "x/y"),
        "the source itself has its name": (S3Path("s3://bucket/run/f"), None, "", "f"),
        "a local source itself has its name": (Path("/run/f"), None, "", "f"),
        "a bucket itself has its name": (S3Path("s3://bucket"), None, "", "bucket"),
        "a path is relative to a root above": (SOURCE, "s3://bucket/run", "x", "A/x"),
        "a root may end in slashes": (SOURCE, "s3://bucket/run/", "x", "A/x"),
        "the source is relative to a root above": (
            S3Path("s3://bucket/run/f"),
            "s3://bucket/run",
            "",
            "f",
        ),
        "an entry that is the root has its name": (SOURCE, "s3://bucket/run/A/x", "x", "x"),
        "an entry beside the root has its whole URI": (
            SOURCE,
            "s3://bucket/run/B",
            "x",
            "s3://bucket/run/A/x",
        ),
        "a root is no part of a name": (SOURCE, "s3://bucket/ru", "x", "s3://bucket/run/A/x"),
        "a local entry beside the root has its whole path": (LOCAL, "/other", "x", "/src/x"),
        "another bucket is another root": (SOURCE, "s3://other/run", "x", "s3://bucket/run/A/x"),
    },
)
def test_path_that_patterns_see(source, root, relative, path):
    assert kept(Config(include=re.escape(path)), relative, source=source, root=root) == [relative]


@table(
    "patterns, compiled",
    {
        "no patterns are none": (None, []),
        "one pattern is a list of one": ("a", ["a"]),
        "several patterns keep their order": (["b", "a"], ["b", "a"]),
        "empty patterns are left out": (["", "a"], ["a"]),
    },
)
def test_compiled_patterns(patterns, compiled):
    assert [found.pattern for found in compile_patterns(patterns, "include")] == compiled
