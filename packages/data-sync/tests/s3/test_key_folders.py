"""Folders that names go through, and where they split a listing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.s3.key_folders import (
    Folders,
    Split,
    count_shared,
    find_folders,
    split_at_folders,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.listing import list_below
from faulty_s3 import Call, FaultyS3, Reply, refusal
from tables import table


@table(
    "one, other, shared",
    {
        "some characters": ("abc", "abd", 2),
        "none": ("a", "b", 0),
        "all of the shorter one": ("ab", "abc", 2),
        "all of the shorter one, whichever comes first": ("abc", "ab", 2),
        "all": ("ab", "ab", 2),
    },
)
def test_shared_characters(one, other, shared):
    assert count_shared(one, other) == shared


@table(
    "names, folders",
    {
        "of the whole listing": (["a/1", "a/2", "b/1", "c/1"], Folders("", "c", 3)),
        "within the folder that all names share": (
            ["x/y/a/1", "x/y/b/1"], Folders("x/y/", "b", 2),
        ),
        "at the first level that differs": (["x/a/1/1", "x/b/2/2"], Folders("x/", "b", 2)),
        "behind a slash that all names begin with": (["/a/1", "/b/1"], Folders("/", "b", 2)),
        "as many as a response tells on a few pages": (
            [f"{number:03}/1" for number in range(300)], Folders("", "299", 300),
        ),
        "beside objects": (["a", "b/1", "c", "d/1"], Folders("", "d", 2)),
        "before an object": (["a/1", "b/1", "c"], Folders("", "c", 2)),
        "but not one that all names lie in": (["a/1", "a/2"], None),
        "nor one beside objects": (["a", "b/1"], None),
        "nor none": (["a", "b"], None),
        "nor names that begin alike": (["ab1", "ab2"], None),
        "nor more": ([f"{number:03}/1" for number in range(301)], None),
    },
)  # fmt: skip
def test_folders_that_names_go_through(names, folders):
    assert find_folders(names) == folders


@pytest.mark.parametrize(
    ("folders", "name"), [(Folders("", "a", 2), "a0"), (Folders("x/", "a", 2), "x/a0")]
)
def test_end_of_a_folder_is_after_all_its_names(folders, name):
    assert folders.end == name
    assert f"{folders.parent}a/\U0010ffff" < name <= f"{folders.parent}a0/"


DIGITS = [f"{number}/" for number in range(10)]


@table(
    "on_a_page, most_pages, is_all, split",
    {
        "a part has a little less than a page": (
            4, 5, True, Split(["3/", "6/", "9/"], None),
        ),
        "it has a folder at least": (1, 1, True, Split(DIGITS[1:], None)),
        "and more, where there are too many for all to be listed side by side": (
            1, 5, True, Split(["2/", "4/", "6/", "8/"], None),
        ),
        "as many as it may have, where others follow": (
            1, 4, False, Split(["4/", "8/", "9/"], Folders("", "9", 1)),
        ),
        "the last one that is known is where others follow": (
            1, 3, False, Split(["3/", "6/", "9/"], Folders("", "9", 1)),
        ),
        "nothing is split that is expected on a page": (20, 5, True, Split([], None)),
    },
)  # fmt: skip
def test_folders_at_which_a_listing_is_split(on_a_page, most_pages, is_all, split):
    folders = Folders("", "-", on_a_page)
    assert split_at_folders(folders, DIGITS, 4, most_pages, is_all=is_all) == split


def test_part_has_a_folder_at_least():
    split = split_at_folders(Folders("", "-", 1), DIGITS, 24, 5, is_all=True)
    assert split == Split(DIGITS[1:], None)


def test_others_follow_the_last_one_that_is_known():
    following = [f"x/2024/{number:03}/" for number in range(3)]
    split = split_at_folders(Folders("x/2024/", "-", 5), following, 2, 5, is_all=False)
    assert split == Split(["x/2024/002/"], Folders("x/2024/", "002", 5))


@table(
    "parent, end, rest",
    {
        "in a folder": ("x/2024/", "x/20240", Folders("x/", "2024", 1)),
        "at the first level": ("2024/", "20240", Folders("", "2024", 1)),
        "behind a slash that names begin with": ("/2024/", "/20240", Folders("/", "2024", 1)),
        "behind two slashes": ("x//", "x/0", Folders("x/", "", 1)),
    },
)
def test_folders_above_go_on_behind_the_last_one(parent, end, rest):
    following = [f"{parent}{number}/" for number in range(5)]
    split = split_at_folders(Folders(parent, "-", 5), following, 2, 5, is_all=True)
    assert split == Split([f"{parent}4/", end], rest)


def test_objects_are_listed_where_a_policy_allows_no_other_prefix(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch
):
    def refuse(call: Call, respond: Callable[[], Reply]) -> Reply:
        return refusal(403, "AccessDenied") if "delimiter" in call.query else respond()

    monkeypatch.setattr(s3, "page", 4)
    s3.fault = refuse
    keys = [f"{folder}/{n}" for folder in "abcdef" for n in range(3)]
    for key in keys:
        s3.put("bucket", key, b"")
    assert [entry.relative for entry in list_below(S3(4), "bucket", "")] == keys
    assert sum("delimiter" in call.query for call in s3.calls) == 1
