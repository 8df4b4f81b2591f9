"""Nodes of a listing that are given while they are found are those of the whole listing."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry, Listing
from aibs_informatics_aws_lambda.handlers.data_sync.housekeeping.contents import (
    iter_nodes,
    list_nodes,
)
from aibs_informatics_aws_lambda.handlers.data_sync.housekeeping.node_paths import NodePaths
from hypothesis import given, strategies as st

KEYS = st.lists(st.sampled_from(["a", "a.b", "b", "", "-"]), min_size=1, max_size=4).map("/".join)
PATTERNS = st.lists(st.sampled_from([r".*a", r"a/.*", r"\.", r".*\Z"]).map(re.compile), max_size=2)


@given(st.sets(KEYS), st.booleans(), PATTERNS, PATTERNS)
def test_nodes_are_those_of_a_whole_listing_in_the_order_of_their_paths(
    keys, has_single, include, exclude
):
    single = Entry("", 1, 0.0) if has_single else None
    listing = Listing(single, [Entry(key, 1, 0.0) for key in sorted(keys)], exists=True)
    paths = NodePaths(S3Path("s3://bucket/root"))
    expected = {paths.of(node) for node in list_nodes(listing, include, exclude)}
    found = [paths.of(node) for node in iter_nodes(listing, include, exclude)]
    assert found == sorted(expected)


def test_nodes_are_given_while_they_are_found():
    def endless() -> Iterator[Entry]:
        for number in itertools.count():
            yield Entry(f"d/{number:09}", 1, 0.0)

    nodes = iter_nodes(Listing(None, endless(), exists=True), [], [])
    found = [node.relative for node in itertools.islice(nodes, 4)]
    assert found == ["", "d/", "d/000000000", "d/000000001"]
