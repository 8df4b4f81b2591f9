from __future__ import annotations

from collections.abc import Iterator

from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.limits import BatchLimits
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.split import SubRequests, partition
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from hypothesis import given, settings, strategies as st
from tables import table

names = st.text("ab-.", min_size=1, max_size=2)
keys = st.lists(names, min_size=1, max_size=4).map("/".join)
trees = st.dictionaries(keys, st.integers(0, 9))


def parts(tree: dict[str, int], limit: int) -> list[str]:
    entries = [Entry(key, tree[key], 0.0) for key in sorted(tree, key=str.encode)]
    return [part.relative for part in partition(entries, BatchLimits(limit))]


def kinds(tree: dict[str, int], limit: int) -> dict[str, str]:
    entries = [Entry(key, tree[key], 0.0) for key in sorted(tree, key=str.encode)]
    return {part.relative: part.kind for part in partition(entries, BatchLimits(limit))}


def replaced_by_children(tree: dict[str, int], limit: int, folder: str = "") -> Iterator[str]:
    """The rule as it is written down: a node above the limit is replaced by its children."""
    below = [key for key in tree if key.startswith(folder)]
    if sum(tree[key] for key in below) <= limit:
        yield folder
        return
    for name in {key[len(folder) :].partition("/")[0:2] for key in below}:
        child = folder + "".join(name)
        if child.endswith("/"):
            yield from replaced_by_children(tree, limit, child)
        else:
            yield child


@settings(deadline=None)
@given(trees, st.integers(1, 30))
def test_node_above_the_limit_is_replaced_by_its_children(tree, limit):
    assert parts(tree, limit) == sorted(replaced_by_children(tree, limit), key=str.encode)


@settings(deadline=None)
@given(trees, st.integers(1, 30))
def test_every_item_is_in_one_part(tree, limit):
    found = parts(tree, limit)
    for key in tree:
        owners = [p for p in found if p == key or (key.startswith(p) and p[-1:] in ("", "/"))]
        assert len(owners) == 1


def test_tree_within_the_limit_is_one_part():
    assert parts({"a": 3, "d/1": 7}, limit=10) == [""]


def test_empty_tree_is_one_part():
    assert parts({}, limit=1) == [""]


def test_single_item_above_the_limit_stays():
    assert parts({"big": 25, "small": 1, "sub/s": 2}, limit=10) == ["big", "small", "sub/"]


def test_worked_example():
    tree = {"a": 3, "b": 7, "c": 10, "d/1": 4, "d/2": 2, "e/1": 8, "e/2": 9}
    assert parts(tree, limit=10) == ["a", "b", "c", "d/", "e/1", "e/2"]


def test_placeholder_of_a_folder_that_is_cut_is_a_part():
    assert kinds({"a/": 0, "a/x": 9, "a/y": 9}, limit=10) == {
        "a/": "lone",
        "a/x": "entry",
        "a/y": "entry",
    }


def test_object_beside_what_is_below_its_key_is_a_lone_part():
    assert kinds({"a": 9, "a-": 1, "a/x": 9}, limit=10) == {
        "a": "lone",
        "a-": "entry",
        "a/": "folder",
    }


def test_folder_with_keys_that_no_request_can_name_stays_whole():
    tree = {"a//x": 9, "a/y": 9, "b/c": 9, "b/d//e/x": 9}
    assert parts(tree, limit=10) == ["a/", "b/c", "b/d/"]
    assert parts({"/x": 9, "y": 9}, limit=10) == [""]


@table(
    "tree, limit, found",
    {
        "a tree of exactly the limit is one part": ({"a": 4, "d/1": 6}, 10, {"": "folder"}),
        "a byte more is divided": (
            {"a": 4, "d/1": 7},
            10,
            {"a": "entry", "d/": "folder"},
        ),
        "a folder of exactly the limit stays whole": (
            {"a": 1, "d/1": 4, "d/2": 6},
            10,
            {"a": "entry", "d/": "folder"},
        ),
        "a folder a byte above is divided": (
            {"a": 1, "d/1": 5, "d/2": 6},
            10,
            {"a": "entry", "d/1": "entry", "d/2": "entry"},
        ),
        "only the folder that is too large is divided": (
            {"d/e/1": 9, "d/e/2": 9, "d/f/1": 9},
            10,
            {"d/e/1": "entry", "d/e/2": "entry", "d/f/": "folder"},
        ),
        "names that sort between an object and what is below it do not hide that": (
            {"a": 9, "a-": 1, "a.": 1, "a/x": 9},
            10,
            {"a": "lone", "a-": "entry", "a.": "entry", "a/": "folder"},
        ),
        "an object whose name only begins another is no folder": (
            {"a": 9, "ab": 9},
            10,
            {"a": "entry", "ab": "entry"},
        ),
    },
)
def test_parts_of_a_tree(tree, limit, found):
    assert kinds(tree, limit) == found


FOLDER = Node("", 9, 3, 0.0, "folder")
EMPTY = Node("", 0, 0, 0.0, "folder")
SINGLE = Node("", 9, 1, 0.0, "entry")
BELOW = Node("d/", 9, 2, 0.0, "folder")
FILE = Node("d/f", 9, 1, 0.0, "entry")


@table(
    "source, destination, node, paths",
    {
        "the whole of a prefix ends in a slash on both sides": (
            "s3://bkt/src",
            "s3://bkt/dst",
            FOLDER,
            ("s3://bkt/src/", "s3://bkt/dst/"),
        ),
        "a folder on S3 ends in a slash on both sides": (
            "s3://bkt/src/",
            "s3://bkt/dst/",
            BELOW,
            ("s3://bkt/src/d/", "s3://bkt/dst/d/"),
        ),
        "an object does not": (
            "s3://bkt/src",
            "s3://bkt/dst",
            FILE,
            ("s3://bkt/src/d/f", "s3://bkt/dst/d/f"),
        ),
        "a bucket is a folder": ("s3://bkt", "s3://oth", BELOW, ("s3://bkt/d/", "s3://oth/d/")),
        "local paths have no slash at their end": (
            "/src",
            "s3://bkt/dst",
            BELOW,
            ("/src/d", "s3://bkt/dst/d/"),
        ),
        "the whole of a local folder is as it was": (
            "/src",
            "s3://bkt/dst",
            FOLDER,
            ("/src", "s3://bkt/dst/"),
        ),
        "the way down has no slash at its end": (
            "s3://bkt/src",
            "/dst",
            BELOW,
            ("s3://bkt/src/d/", "/dst/d"),
        ),
        "the whole of the way down stays": (
            "s3://bkt/src",
            "/dst",
            FOLDER,
            ("s3://bkt/src/", "/dst"),
        ),
        "a single object is as requested": (
            "s3://bkt/src",
            "s3://bkt/dst",
            SINGLE,
            ("s3://bkt/src", "s3://bkt/dst"),
        ),
        "an empty source is as requested": (
            "s3://bkt/src",
            "s3://bkt/dst",
            EMPTY,
            ("s3://bkt/src", "s3://bkt/dst"),
        ),
    },
)
def test_paths_of_a_part(source, destination, node, paths):
    request = PrepareBatchDataSyncRequest(source_path=source, destination_path=destination)
    sub_requests = SubRequests(request)
    found = sub_requests.source_path(node), sub_requests.destination_path(node)
    assert tuple(map(str, found)) == paths


@table(
    "source, prefix, node, destination",
    {
        "what follows the prefix is kept": ("s3://bkt/run/A", "run/", BELOW, "s3://oth/dst/A/d/"),
        "a single object keeps it as well": ("s3://bkt/run/A", "run/", SINGLE, "s3://oth/dst/A"),
        "nothing is kept where the prefix is the source": (
            "s3://bkt/run/A",
            "run/A/",
            BELOW,
            "s3://oth/dst/d/",
        ),
    },
)
def test_prefix_is_part_of_the_destination(source, prefix, node, destination):
    request = PrepareBatchDataSyncRequest(
        source_path=source, destination_path="s3://oth/dst", source_path_prefix=prefix
    )
    sync = SubRequests(request).sync(node)
    assert str(sync.destination_path) == destination
    assert sync.source_path_prefix is None


@table(
    "filter_root, expected",
    {
        "patterns are relative to the whole source": (None, "s3://bkt/src"),
        "patterns are relative to what was requested": ("s3://bkt", "s3://bkt"),
    },
)
def test_filter_root_of_a_part(filter_root, expected):
    request = PrepareBatchDataSyncRequest(
        source_path="s3://bkt/src", destination_path="/dst", filter_root=filter_root
    )
    assert SubRequests(request).sync(BELOW).filter_root == expected


def test_object_that_has_the_name_of_a_folder_is_synced_alone():
    request = PrepareBatchDataSyncRequest(
        source_path="s3://bkt/src", destination_path="s3://oth/dst"
    )
    sync = SubRequests(request).sync(Node("a.b", 9, 1, 0.0, "lone"))
    assert sync.filter_root == "s3://bkt/src/"
    assert sync.filter_config.include == r"a\.b"
    assert not sync.delete


@table(
    "report, node, expected",
    {
        "no report is asked for": (None, BELOW, None),
        "the whole keeps its report": ("s3://bkt/r.jsonl", FOLDER, "s3://bkt/r.jsonl"),
    },
)
def test_report_of_a_part(report, node, expected):
    request = PrepareBatchDataSyncRequest(
        source_path="s3://bkt/src", destination_path="/dst", report_path=report
    )
    found = SubRequests(request).sync(node).report_path
    assert (None if found is None else str(found)) == expected


def test_parts_have_reports_of_their_own():
    request = PrepareBatchDataSyncRequest(
        source_path="s3://bkt/src", destination_path="/dst", report_path="s3://bkt/r.jsonl"
    )
    reports = {SubRequests(request).sync(node).report_path for node in (FOLDER, BELOW, FILE)}
    assert len(reports) == 3
