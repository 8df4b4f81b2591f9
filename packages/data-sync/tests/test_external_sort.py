"""Items in order, in memory and on disk."""

from __future__ import annotations

import random
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync import external_sort
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.external_sort import sort_externally
from descriptors import descriptors_below


@pytest.fixture
def temporary(monkeypatch, tmp_path: Path) -> Path:
    """Return the directory for temporary files, which has those of this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("in_memory", [1, 2, 7, 100, 1000])
@pytest.mark.parametrize("fan_in", [2, 3, 64])
def test_items_are_in_order_however_few_are_sorted_in_memory(monkeypatch, in_memory, fan_in):
    monkeypatch.setattr(external_sort, "_FAN_IN", fan_in)
    monkeypatch.setattr(external_sort, "_BLOCK", 3)
    items = [f"{number:03}" for number in range(300)]
    shuffled = random.Random(in_memory).sample(items, len(items))

    assert list(sort_externally(shuffled, in_memory=in_memory)) == items


def test_equal_items_keep_their_order(monkeypatch):
    monkeypatch.setattr(external_sort, "_FAN_IN", 2)
    items = [(number % 5, number) for number in range(50)]

    found = sort_externally(items, key=lambda item: item[0], in_memory=3)

    assert list(found) == sorted(items)


def test_entries_come_back_with_all_their_fields():
    entries = [Entry("b\n\udcff", 2**40, 1.5, "etag", accessed=None), Entry("a", 0, 0.0)]

    found = sort_externally(entries, in_memory=1)

    assert [Entry._make(entry) for entry in found] == sorted(entries)


def test_no_items_are_none():
    assert list(sort_externally(())) == []


def test_memory_does_not_grow_with_the_number_of_items(monkeypatch):
    monkeypatch.setattr(external_sort, "_FAN_IN", 4)
    monkeypatch.setattr(external_sort, "_BLOCK", 10)

    def peak(count: int) -> int:
        numbers = random.Random(1)
        items = (f"{numbers.random():.17f}" for _ in range(count))
        tracemalloc.start()
        try:
            assert sum(1 for _ in sort_externally(items, in_memory=500)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(40_000) < 1.3 * peak(4_000)


def test_few_files_are_open_whatever_the_number_of_runs(monkeypatch, temporary: Path):
    monkeypatch.setattr(external_sort, "_FAN_IN", 4)

    found = sort_externally(map(str, range(1000)), in_memory=2)

    assert 1 <= descriptors_below(temporary) <= 6
    assert sum(1 for _ in found) == 1000
    assert descriptors_below(temporary) == 0


def test_items_that_are_not_read_leave_no_file_open(temporary: Path):
    unread = sort_externally(map(str, range(10)), in_memory=2)
    assert descriptors_below(temporary) >= 1

    del unread

    assert descriptors_below(temporary) == 0


def test_directory_for_temporary_files_is_named_if_it_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    with pytest.raises(OSError, match="missing"):
        sort_externally(map(str, range(10)), in_memory=2)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 100])
def test_items_are_also_added_one_by_one(monkeypatch, count):
    monkeypatch.setattr(external_sort, "SORTED_IN_MEMORY", 10)
    sorter = external_sort.ExternalSorter[tuple[int, int]](lambda item: item[0])
    items = [(number % 7, number) for number in range(count)]
    for item in items:
        sorter.add(item)

    assert list(sorter.ordered()) == sorted(items)
