"""Names of folders, in order, in memory and on disk."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import sorted_names
from aibs_informatics_aws_lambda.handlers.data_sync.local.sorted_names import Name, sort_names
from aibs_informatics_aws_lambda.handlers.data_sync.local.walk import list_files

# Those that end in a slash are folders.
ODD = [
    "a",
    "a/",
    "a-b",
    "\n",
    "\n/",
    "a\nb",
    " 1",
    "1 ",
    "\t",
    "\r",
    "\x85",
    "\udcff",
    "é",
    "\u2028",
]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_names_are_in_order_however_few_are_sorted_in_memory(monkeypatch, limit):
    monkeypatch.setattr(sorted_names, "SORTED_IN_MEMORY", limit)
    names: list[Name] = [(text, False) for text in ODD] + [("b/", True), ("c/", True)]
    shuffled = random.Random(limit).sample(names, len(names))
    assert list(sort_names(iter(shuffled))) == sorted(names)


def test_no_names_are_none():
    assert list(sort_names(iter(()))) == []


def test_large_folder_is_listed_in_order(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(sorted_names, "SORTED_IN_MEMORY", 7)
    names = [f"{number}-{'n' * (number % 3)}" for number in range(50)]
    for name in names:
        (tmp_path / name).touch()
        (tmp_path / f"{name}+").mkdir()
        (tmp_path / f"{name}+" / "f").touch()
    expected = sorted([*names, *(f"{name}+/f" for name in names)])
    assert [entry.relative for entry in list_files(tmp_path)] == expected
