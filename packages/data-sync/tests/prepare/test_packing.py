from __future__ import annotations

from typing import NamedTuple

from aibs_informatics_aws_lambda.handlers.data_sync.prepare.packing import pack
from hypothesis import given, strategies as st


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


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 30))
def test_same_as_first_fit_decreasing(sizes, limit):
    some = [Part(f"{number:03}", size) for number, size in enumerate(sizes)]
    assert pack(some, limit) == first_fit_decreasing(some, limit)


def test_worked_examples():
    assert packed({"a": 3, "b": 7, "c": 10, "d": 6, "1": 8, "2": 9}, 10) == [
        "c",
        "2",
        "1",
        "ab",
        "d",
    ]
    assert packed({"a": 6, "b": 7, "c": 3, "d": 2}, 10) == ["bc", "ad"]
    assert packed({"big": 25, "small": 1, "sub": 2}, 10) == ["big", "smallsub"]


def test_parts_above_the_limit_are_alone_largest_first():
    assert packed({"a": 11, "b": 0, "c": 12}, 10) == ["c", "a", "b"]


def test_equal_sizes_go_by_path():
    assert packed({"a": 6, "b": 6, "c": 4, "d": 4}, 10) == ["ac", "bd"]


def test_nothing_is_no_batch():
    assert pack([], 10) == []


def test_many_parts_that_share_no_batch_are_packed_at_once():
    # Comparing each with each would take minutes.
    some = [Part(str(number), 6) for number in range(20_000)]
    assert len(pack(some, 10)) == 20_000
