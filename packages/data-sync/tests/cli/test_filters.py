"""Filters of the command: globs, regular expressions and their order."""

from __future__ import annotations

import re

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli.filters import (
    FilterRule,
    glob_to_regex,
    make_filter_config,
)
from aibs_informatics_aws_lambda.handlers.data_sync.locations import find_root
from aibs_informatics_aws_lambda.handlers.data_sync.sync import filters
from aibs_informatics_aws_lambda.storage.paths import parse_data_path
from hypothesis import given, strategies as st

PATHS = ["a.csv", "s/a.csv", ".h.csv", "draft", "draft/x", "s/draft/x/y", "b.txt", "run-1/x"]


@pytest.mark.parametrize(
    ("glob", "matched"),
    [
        ("*.csv", ["a.csv", "s/a.csv", ".h.csv"]),
        ("/*.csv", ["a.csv", ".h.csv"]),
        ("draft", ["draft", "draft/x", "s/draft/x/y"]),
        ("draft/", ["draft/x", "s/draft/x/y"]),
        ("/draft", ["draft", "draft/x"]),
        ("draft/*", ["draft/x", "s/draft/x/y"]),
        ("s/**/y", ["s/draft/x/y"]),
        ("{b,c}.txt", ["b.txt"]),
        ("run-[0-9]/?", ["run-1/x"]),
        ("[!ab]*", ["s/a.csv", ".h.csv", "draft", "draft/x", "s/draft/x/y", "run-1/x"]),
        ("*", PATHS),
        ("a", []),
        ("csv", []),
    ],
)
def test_glob_matches_as_in_gitignore(glob, matched):
    matches = re.compile(glob_to_regex(glob)).fullmatch

    assert [path for path in PATHS if matches(path)] == matched


@pytest.mark.parametrize(
    ("rules", "selected"),
    [
        ([], PATHS),
        (["+*.csv"], ["a.csv", "s/a.csv", ".h.csv"]),
        (["-*.csv"], ["draft", "draft/x", "s/draft/x/y", "b.txt", "run-1/x"]),
        (["+*.csv", "-s"], ["a.csv", ".h.csv"]),
        (["-*", "+*.csv"], ["a.csv", "s/a.csv", ".h.csv"]),
        (["-*", "+*.csv", "-/a.csv"], ["s/a.csv", ".h.csv"]),
        (["-draft", "+x"], ["a.csv", "s/a.csv", ".h.csv", "draft/x", "s/draft/x/y", "b.txt",
                            "run-1/x"]),
        (["+*.csv", "-*"], []),
    ],
)  # fmt: skip
def test_last_matching_rule_decides(rules, selected):
    assert select(rules) == selected


RULES = st.lists(
    st.tuples(st.sampled_from("+-"), st.sampled_from(["*", "*.csv", "draft", "x", "/s", "b*"])),
    max_size=5,
)


@given(RULES)
def test_filters_of_the_request_decide_like_the_rules_one_by_one(rules):
    def is_selected(path):
        result = not rules or rules[0][0] == "-"
        for sign, glob in rules:
            if re.fullmatch(glob_to_regex(glob), path):
                result = sign == "+"
        return result

    assert select([sign + glob for sign, glob in rules]) == list(filter(is_selected, PATHS))


def select(rules):
    actions = {"+": "include", "-": "exclude"}
    config = make_filter_config([FilterRule(actions[r[0]], glob_to_regex(r[1:])) for r in rules])
    selects = filters.make_filter(config, SOURCE)
    return [path for path in PATHS if selects is None or selects(path)]


SOURCE = find_root(parse_data_path("s3://bucket/source/"))
