from __future__ import annotations

from collections.abc import Iterator

from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.split import partition
from hypothesis import given, strategies as st

names = st.text("ab-.", min_size=1, max_size=2)
keys = st.lists(names, min_size=1, max_size=4).map("/".join)
trees = st.dictionaries(keys, st.integers(0, 9))


def parts(tree: dict[str, int], limit: int) -> list[str]:
    entries = [Entry(key, tree[key], 0.0) for key in sorted(tree, key=str.encode)]
    return [part.relative for part in partition(entries, limit)]


def kinds(tree: dict[str, int], limit: int) -> dict[str, str]:
    entries = [Entry(key, tree[key], 0.0) for key in sorted(tree, key=str.encode)]
    return {part.relative: part.kind for part in partition(entries, limit)}


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


@given(trees, st.integers(1, 30))
def test_node_above_the_limit_is_replaced_by_its_children(tree, limit):
    assert parts(tree, limit) == sorted(replaced_by_children(tree, limit), key=str.encode)


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
