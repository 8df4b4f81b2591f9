"""Turns: items of several folders come in turn, those of each folder in order."""

from __future__ import annotations

from collections import defaultdict

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync import turns as module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.turns import Turns
from hypothesis import given, strategies as st
from tables import table

ITEMS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers()), max_size=60)


def filled(items) -> Turns[tuple[str, int]]:
    turns: Turns[tuple[str, int]] = Turns()
    for folder, number in items:
        turns.add(folder, (folder, number))
    return turns


@table(
    "items, taken",
    {
        "folders come in turn": ("a1 a2 a3 b1 b2 c1", "a1 b1 c1 a2 b2 a3"),
        "one folder is taken in order": ("a1 a2 a3", "a1 a2 a3"),
        "at most two at a time": ("a1 a2 b1 b2 c1 c2", "a1 b1 a2 b2 c1 c2"),
    },
)
def test_order(monkeypatch, items, taken):
    monkeypatch.setattr(module, "_FOLDERS_AT_A_TIME", 2 if "a3" not in items else 9)
    turns = filled((item[0], int(item[1])) for item in items.split())
    assert [turns.take() for _ in range(len(turns))] == [(i[0], int(i[1])) for i in taken.split()]


@given(ITEMS, st.lists(st.booleans(), max_size=120))
def test_each_item_is_taken_once_and_in_the_order_of_its_folder(items, takes):
    turns: Turns[tuple[str, int]] = Turns()
    rest, taken = list(items), []
    for is_taken in takes:
        if is_taken and turns:
            taken.append(turns.take())
        elif rest:
            item = rest.pop(0)
            turns.add(item[0], item)
            assert turns.last == item
    added = items[: len(items) - len(rest)]
    assert len(turns) == len(added) - len(taken)
    taken += [turns.take() for _ in range(len(turns))]
    by_folder, expected = defaultdict(list), defaultdict(list)
    for folder, number in taken:
        by_folder[folder].append(number)
    for folder, number in added:
        expected[folder].append(number)
    assert by_folder == expected
    with pytest.raises(IndexError):
        turns.take()
