from __future__ import annotations

from collections import defaultdict

from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Coverage, Node, fold
from hypothesis import given, strategies as st

keys = st.lists(st.text("ab-", max_size=2), min_size=1, max_size=4).map("/".join)
trees = st.dictionaries(keys, st.tuples(st.integers(0, 9), st.floats(0, 9)))


def items_of(tree: dict[str, tuple[int, float]]) -> list[Entry]:
    return [Entry(key, *tree[key]) for key in sorted(tree, key=str.encode)]


def folders_of(key: str) -> list[str]:
    return [key[: end + 1] for end, char in enumerate(key) if char == "/"]


@given(trees)
def test_each_folder_sums_up_its_entries(tree):
    expected: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for key, content in tree.items():
        for folder in ["", *folders_of(key)]:
            expected[folder].append(content)
    root, nodes = fold(items_of(tree), lambda _: Coverage.BOTH, lambda _: False)
    found = {node.relative: node for node in (root, *nodes)}
    assert found.keys() == {"", *expected}
    for path, contents in expected.items():
        assert found[path] == Node(
            path,
            sum(size for size, _ in contents),
            len(contents),
            max(modified for _, modified in contents),
            "folder",
        )


@given(trees)
def test_entries_are_in_order_where_parts_cover_all(tree):
    _, nodes = fold(items_of(tree), lambda _: Coverage.PARTS)
    assert [node.relative for node in nodes] == [entry.relative for entry in items_of(tree)]


def test_whole_folder_replaces_its_parts():
    entries = [Entry("a/b/x", 1, 0), Entry("a/y", 2, 0), Entry("z", 3, 0)]
    _, nodes = fold(
        entries, lambda node: Coverage.WHOLE if node.relative == "a/" else Coverage.BOTH
    )
    assert [(node.relative, node.size_bytes) for node in nodes] == [("a/", 3), ("z", 3)]


def test_placeholder_counts_once_in_its_folder():
    root, nodes = fold([Entry("a/", 0, 5), Entry("a/x", 1, 4)], lambda _: Coverage.WHOLE)
    assert nodes == [Node("a/", 1, 2, 5, "folder")]
    assert root.object_count == 2


def test_empty_tree_is_a_root_of_1970():
    assert fold([], lambda _: Coverage.PARTS) == (Node("", 0, 0, 0.0, "folder"), [])


def test_depth_counts_the_folders_above():
    _, nodes = fold([Entry("a/b/x", 1, 0)], lambda _: Coverage.BOTH)
    assert {node.relative: node.depth for node in nodes} == {"a/": 1, "a/b/": 2, "a/b/x": 3}
    assert fold([], lambda _: Coverage.PARTS)[0].depth == 0
