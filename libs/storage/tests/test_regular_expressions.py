"""Regular expressions from callers: which are refused, and that a check takes bounded time."""

from __future__ import annotations

import re

import pytest
from aibs_informatics_aws_lambda.storage.regular_expressions import compile_expression

EXPONENTIAL = [
    r"(a+)+",
    r"(a*)*b",
    r"(a*?)*?",
    r"(.*/)*foo",
    r"([^/]+/?)+x",
    r"(a|aa)+",
    r"(a|ab|b)*",
    r"((a)|(a))+",
    r"((?i:a)|(A))+",
    r"(x+x+)+y",
    r"(a?b?)*",
    r"(\s*\w*)*",
    r"((\w)|\d)+",
    r"((.)|\n|\s)*",
    r"(?:b(?:.|.))+",
    r"((a*|b*)c)*",
    r"((a?)?b)*",
    r"((a?)+b)*",
    r"(a{1,3}){1,200}",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    # Where only a part is matched on its own.
    r"(?=(a+)+b)",
    r"x(?!(a|ab|b)*c).*",
    r"(?>(a+)+b)",
    r"(?:x(?=(a+)+b))*",
    r"(x)?(?(1)(a+)+|b)",
    r"((?:aa|a)*)++",
]

HARMLESS = [
    r"",
    r".*",
    r"a{0}",
    r".*\.tmp",
    r"([^/]*/)*foo",
    r"(?:[^/]+/)+x",
    r"(a|b)*",
    # The parser makes one set of it.
    r"(a|[ab])*",
    r"(ab|cd)*",
    r"(aa|ab)*",
    r"(\\.|[^\\])*",
    r'"(?:[^"\\]|\\.)*"',
    r"\d{4}-\d{2}-\d{2}/.*",
    r"(\d{1,3}\.){3}\d{1,3}",
    r"(\d{1,2}){1,2}",
    r"([0-9a-f]{32}/?)*",
    r"(\w{1,64}\.)*x",
    r"((ab){1,3}c)*",
    r"(a{2}){3,}",
    r"^(?!.*\.tmp$).*$",
    r"(?:(?!x).)*",
    r"(a)\1",
    r"(x(y)?)(?(2)z|w)*",
    r"[\w.-]+@[\w.-]+\.\w+",
    # As long as the engine never enters a part again.
    r"(?>a+)+",
    r"(a++)*",
    # Polynomial.
    r".*/a/.*/b/.*",
]


@pytest.mark.parametrize("text", EXPONENTIAL)
def test_expression_that_could_take_exponential_time_is_refused(text):
    with pytest.raises(ValueError, match=r"^the pattern .* could take exponential time"):
        compile_expression(text, "the pattern")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_expression_is_compiled(text):
    assert compile_expression(text, "the pattern") == re.compile(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(", "missing"),
        ("*", "nothing to repeat"),
        ("a{99999999999}", "too large"),
        ("(" * 5_000 + ")" * 5_000, "nested too deeply"),
    ],
)
def test_invalid_expression_is_refused(text, reason):
    with pytest.raises(ValueError, match=rf"(?s)not a valid regular expression: .*{reason}"):
        compile_expression(text, "the pattern")


SLOW_TO_CHECK = "(?:{})*".format(
    "|".join(f"[0-{chr(number)}]{'.' * 25}{chr(number)}" for number in range(0x41, 0x5B))
)
NAMES = [f"folder-{number}/file{number}.txt" for number in range(2_000)]


def test_many_names_are_compiled():
    compiled = compile_expression("|".join(NAMES), "the pattern")
    assert compiled.fullmatch(NAMES[-1])
    compile_expression("|".join(f".*/{name}" for name in NAMES), "the pattern")


@pytest.mark.parametrize(
    "text",
    [
        # Would be copied forever.
        r"(?:(?:\b){65000}){65000}",
        "(?:" * 40 + "a" + "b){2}" * 40,
        r"(?:(?:(?:a{100}b){100}c){100}d){100}",
        SLOW_TO_CHECK,
    ],
)
def test_nested_repetitions_are_checked_in_bounded_time(text):
    compile_expression(text, "the pattern")


@pytest.mark.parametrize(
    "text",
    [
        f"(?:{'|'.join(NAMES)})*",
        # Each text matches many beginnings of alternatives.
        SLOW_TO_CHECK * 40,
    ],
)
def test_repeated_part_that_is_too_large_is_refused(text):
    with pytest.raises(ValueError, match=r"cannot be checked|could take exponential time"):
        compile_expression(text, "the pattern")


def test_message_has_the_beginning_of_a_long_expression():
    with pytest.raises(ValueError, match="exponential") as raised:
        compile_expression("(a+)+" + "b" * 10_000, "the pattern")
    assert len(str(raised.value)) < 600
