from __future__ import annotations

import re
import subprocess

import pytest
from aibs_informatics_aws_lambda.handlers.demand.environment_file import (
    exceeds_overrides,
    format_environment_file,
    quote,
    variables_mentioned_in,
)
from hypothesis import given, settings, strategies as st


def values_in_bash(text: str, names: list[str], path) -> list[str]:
    """Let bash read an environment file; return what a program that it starts gets."""
    path.write_text(text, encoding="utf-8")
    script = f'. "{path}" && env -0'
    result = subprocess.run(
        ["/bin/bash", "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True
    )
    assert result.stderr == b""
    got = dict(pair.split("=", 1) for pair in result.stdout.decode().split("\0") if pair)
    return [got[name] for name in names]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", "a b"),
        ('say "hi"', r"say \"hi\""),
        ("a\\b`c`", r"a\\b\`c\`"),
        ("$(date)", r"\$(date)"),
        ("$A ${A}", "$A ${A}"),
        ("${A:-x} ${a-b} $5 $$ $[1+1] $", r"\${A:-x} \${a-b} \$5 \$$ \$[1+1] $"),
    ],
)
def test_a_value_is_escaped_for_bash(value, written):
    assert quote(value) == written


# What bash expands, and means to.
_EXPANDED = re.compile(r"\$([_a-zA-Z]|\{[_a-zA-Z][_a-zA-Z0-9]*\})")
_HARD = [*"\"'`\\$(){}[]?!@*#-0 \n\t;&|<>~é€😀x", "$(", "${", "$$", "${x:-y}"]
# No variable can hold NUL, and no program half of a surrogate pair.
_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_exact = st.one_of(_texts, st.lists(st.sampled_from(_HARD)).map("".join)).filter(
    lambda text: not _EXPANDED.search(text)
)


@settings(max_examples=60)
@given(st.lists(_exact, min_size=1, max_size=8))
def test_bash_reads_back_exactly_the_values(tmp_path_factory, values):
    variables = {f"V{number}": value for number, value in enumerate(values)}
    path = tmp_path_factory.mktemp("env") / ".demand.env"

    assert values_in_bash(format_environment_file(variables), list(variables), path) == values


def test_bash_expands_plain_variables(tmp_path):
    variables = {"C": "<$B>", "B": "${A}/b", "A": "a", "D": "$D:x"}

    text = format_environment_file(variables)

    assert values_in_bash(text, ["A", "B", "C", "D"], tmp_path / "f") == [
        "a",
        "a/b",
        "<a/b>",
        ":x",
    ]


def test_variables_follow_those_that_they_use():
    variables = {"E": "x", "C": "$B", "B": "$A", "A": "1", "Z": "$Q $Q", "W": "$A$B", "IN": "y"}

    written = [
        line.split("=")[0].removeprefix("export ")
        for line in format_environment_file(variables).splitlines()
    ]

    assert written == ["E", "A", "Z", "IN", "B", "C", "W"]


def test_a_file_has_one_line_per_variable_and_no_final_newline():
    assert format_environment_file({"A": "1", "B": "2"}) == 'export A="1"\nexport B="2"'
    assert format_environment_file({}) == ""


def test_a_cycle_is_an_error_that_names_its_variables():
    with pytest.raises(ValueError, match="among the variables B, C"):
        format_environment_file({"A": "$A", "B": "$C", "C": "${B}"})


def test_a_variable_may_use_its_own_name():
    assert format_environment_file({"X": "a:$X"}) == 'export X="a:$X"'


def test_variables_are_found_in_every_form_with_their_letter_case():
    assert variables_mentioned_in(["run $A ${B} ${C:-x}", "$(d) $INPUT ${e"]) == {
        "A",
        "B",
        "C",
        "INPUT",
        "e",
    }


def test_the_size_of_variables_is_measured_in_bytes():
    assert not exceeds_overrides({"A": "x" * 7371})
    assert exceeds_overrides({"A": "x" * 7372})
    assert exceeds_overrides({"A": "é" * 3686})
    assert not exceeds_overrides({"A": "é" * 3685})


def test_the_size_of_variables_includes_their_json_form():
    many = {f"V{number:03}": "x" * 16 for number in range(150)}

    assert sum(len(name) + len(value) for name, value in many.items()) < 7372 / 2
    assert not exceeds_overrides(many)
    assert exceeds_overrides(many | {f"W{number:03}": "x" * 16 for number in range(40)})
