from __future__ import annotations

from typing import NamedTuple

from aibs_informatics_aws_lambda.handlers.data_sync.prepare.packing import pack
from hypothesis import given, settings, strategies as st
from tables import table


class Part(NamedTuple):
    path: str
    size_bytes: int


def parts(sizes: dict[str, int]) -> list[Part]:
    return [Part(path, sizes[path]) for path in sorted(sizes)]


def packed(sizes: dict[str, int], limit: int) -> list[str]:
    return ["".join(part.path for part in batch) for batch in pack(parts(sizes), limit)]


def first_fit_decreasing(given: list[Part], limit: int) -> list[list[Part]]:
    """The rule as it is written down, in O(n * batches)."""
    batches: list[list[Part]] = []
    full: list[list[Part]] = []
    for part in sorted(given, key=lambda part: (-part.size_bytes, part.path)):
        if part.size_bytes > limit:
            full.append([part])
            continue
        for batch in batches:
            if sum(p.size_bytes for p in batch) + part.size_bytes <= limit:
                batch.append(part)
                break
        else:
            batches.append([part])
    return [sorted(batch) for batch in full + batches]


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 30))
def test_same_as_first_fit_decreasing(sizes, limit):
    some = [Part(f"{number:03}", size) for number, size in enumerate(sizes)]
    assert pack(some, limit) == first_fit_decreasing(some, limit)


@table(
    "sizes, batches",
    {
        "all that fits is one batch": ({"a": 3, "b": 7}, ["ab"]),
        "a part of exactly the limit is within it": ({"a": 10, "b": 0}, ["ab"]),
        "a part above the limit stays alone": ({"a": 11, "b": 0}, ["a", "b"]),
        "parts above the limit come first, the largest before": (
            {"a": 11, "b": 0, "c": 12},
            ["c", "a", "b"],
        ),
        "parts of one size are packed in their order": (
            {"a": 6, "b": 6, "c": 4, "d": 4},
            ["ac", "bd"],
        ),
        "the first batch with enough room takes a part": (
            {"a": 6, "b": 7, "c": 3, "d": 2},
            ["bc", "ad"],
        ),
        "a batch that is full is passed over": (
            {"a": 10, "b": 9, "c": 1, "d": 8, "e": 2},
            ["a", "bc", "de"],
        ),
        "a part that fits no batch begins one": ({"a": 6, "b": 6, "c": 6}, ["a", "b", "c"]),
        "parts of one batch keep the order in which they were given": (
            {"a": 1, "b": 2, "c": 3},
            ["abc"],
        ),
        "empty parts fit anywhere": ({"a": 10, "b": 0, "c": 0}, ["abc"]),
        "a mixed tree is packed by first-fit decreasing": (
            {"a": 3, "b": 7, "c": 10, "d": 6, "1": 8, "2": 9},
            ["c", "2", "1", "ab", "d"],
        ),
        "small parts join each other, not the large one": (
            {"big": 25, "small": 1, "sub": 2},
            ["big", "smallsub"],
        ),
        "a single part is a batch": ({"a": 1}, ["a"]),
        "a single part above the limit is a batch": ({"a": 11}, ["a"]),
        "three batches need a tree of four": ({"a": 7, "b": 8, "c": 9, "d": 3}, ["c", "b", "ad"]),
    },
)
def test_parts_are_packed(sizes, batches):
    assert packed(sizes, 10) == batches


def test_no_parts_are_no_batches():
    assert pack([], 10) == []


def test_many_parts_that_share_no_batch_are_packed_at_once():
    # Comparing each with each would take minutes.
    some = [Part(str(number), 6) for number in range(20_000)]
    assert len(pack(some, 10)) == 20_000
