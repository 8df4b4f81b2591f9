"""Batches by bytes, numbers of files and estimated seconds."""

from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.handler import (
    PrepareBatchDataSyncHandler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.limits import (
    BYTES_PER_REQUEST,
    BYTES_PER_SECOND,
    BatchLimits,
)
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.packing import pack
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.split import partition
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node
from hypothesis import given, settings, strategies as st
from tables import table

ANY = 2**50
SECOND = BYTES_PER_SECOND

sizes = st.tuples(st.integers(0, 10 * SECOND), st.integers(0, 900))
limits_of = st.builds(
    BatchLimits,
    st.integers(1, 20 * SECOND),
    st.none() | st.integers(1, 2000),
    st.none() | st.floats(0.001, 30),
)


def node(path: str, size: int = 0, count: int = 1) -> Node:
    return Node(path, size, count, 0.0, "folder")


def cost(size: int, count: int) -> int:
    return count * BYTES_PER_REQUEST + size


def is_within(limits: BatchLimits, size: int, count: int) -> bool:
    """The limits as they are written down."""
    if limits.object_count is not None and count > limits.object_count:
        return False
    if limits.seconds is not None and cost(size, count) > limits.seconds * SECOND:
        return False
    return size <= limits.size_bytes


@settings(deadline=None)
@given(st.lists(sizes, max_size=30), limits_of)
def test_no_batch_exceeds_a_limit_unless_it_is_a_single_part(parts, limits):
    nodes = [node(str(number), *part) for number, part in enumerate(parts)]

    batches = limits.pack(nodes)

    assert sorted(part.relative for batch in batches for part in batch) == sorted(
        part.relative for part in nodes
    )
    for batch in batches:
        total = sum(n.size_bytes for n in batch), sum(n.object_count for n in batch)
        assert len(batch) == 1 or is_within(limits, *total)


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 30))
def test_bytes_alone_are_packed_as_before(parts, limit):
    nodes = [node(f"{number:02}", size) for number, size in enumerate(parts)]

    assert BatchLimits(limit).pack(nodes) == pack(nodes, limit)


@table(
    "limits, batches",
    {
        "bytes": (BatchLimits(10), ["ab", "cd"]),
        "files": (BatchLimits(ANY, object_count=1), ["a", "b", "c", "d"]),
        "files, two a batch": (BatchLimits(ANY, object_count=2), ["ab", "cd"]),
        "the tighter of both": (BatchLimits(6, object_count=3), ["a", "b", "c", "d"]),
        "seconds for one file": (BatchLimits(ANY, seconds=0.004), ["a", "b", "c", "d"]),
        "seconds for three files": (BatchLimits(ANY, seconds=0.0101), ["abc", "d"]),
        "seconds for all": (BatchLimits(ANY, seconds=1), ["abcd"]),
    },
)
def test_batches(limits, batches):
    nodes = [node(name, 5) for name in "abcd"]

    assert ["".join(n.relative for n in batch) for batch in limits.pack(nodes)] == batches


@table(
    "limits, parts",
    {
        "all is within the limits": (BatchLimits(ANY), [""]),
        "a folder of too many files": (
            BatchLimits(ANY, object_count=2),
            ["a/", "b/x", "b/y", "b/z"],
        ),
        "a folder that takes too long": (
            BatchLimits(ANY, seconds=0.008),
            ["a/", "b/x", "b/y", "b/z"],
        ),
        "a folder that is too large": (BatchLimits(2), ["a/", "b/x", "b/y", "b/z"]),
    },
)
def test_folders_beyond_a_limit_are_split(limits, parts):
    entries = [Entry(path, 1, 0.0) for path in ("a/x", "a/y", "b/x", "b/y", "b/z")]

    assert [part.relative for part in partition(entries, limits)] == parts


@pytest.mark.parametrize(
    ("fields", "count"),
    [({}, 1), ({"batch_object_count_limit": 3}, 4), ({"batch_seconds_limit": 0.01}, 4)],
)
def test_limits_are_fields_of_a_request(tmp_path, fields, count):
    for number in range(10):
        (tmp_path / str(number)).touch()
    handler = PrepareBatchDataSyncHandler()
    request = {"source_path": str(tmp_path), "destination_path": "s3://bucket/x/", **fields}

    found = handler.handle(handler.deserialize_request({**request, "delete": False}))

    assert len(found.requests) == count


@pytest.mark.parametrize("fields", [{"batch_object_count_limit": 0}, {"batch_seconds_limit": 0.0}])
def test_limits_of_nothing_are_refused(fields):
    handler = PrepareBatchDataSyncHandler()

    with pytest.raises(ValueError, match=next(iter(fields))):
        handler.deserialize_request(
            {"source_path": "/a", "destination_path": "s3://bucket/x/", **fields}
        )
