from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.demand.job_params import JobParam, resolve
from aibs_informatics_aws_lambda.handlers.demand.references import (
    MAX_VALUE_LENGTH,
    fill_references,
    find_references,
    to_variable_name,
)
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    ("name", "variable"),
    [("in", "IN"), ("my-in.file", "MY_IN_FILE"), ("_x1", "_X1"), ("A.b-C", "A_B_C")],
)
def test_a_parameter_becomes_a_variable(name, variable):
    assert to_variable_name(name) == variable


@pytest.mark.parametrize("name", ["", "1a", "a b", "é", "ß", "a$", "a\n"])
def test_a_name_must_be_valid_for_a_variable(name):
    with pytest.raises(ValueError, match="invalid parameter name"):
        to_variable_name(name)


def test_references_have_braces_and_valid_names():
    text = "${a} $b ${c-d} $(e) ${F_1} $${g} ${1h} ${}"

    assert find_references(text) == ["A", "F_1", "G"]


def values_of(**texts: str) -> dict[str, str]:
    return {
        param.name: param.value
        for param in resolve([JobParam(name, text) for name, text in texts.items()])
    }


def test_references_are_resolved_through_several_parameters():
    assert values_of(a="${B}-${b}", b="<${C}>", c="x") == {"a": "<x>-<x>", "b": "<x>", "c": "x"}


def test_references_in_values_are_not_resolved():
    assert values_of(a="$", b="${a}{c}", c="x")["b"] == "${c}"


def test_an_unknown_reference_is_an_error_that_names_both_parameters():
    with pytest.raises(ValueError, match=r"parameter 'a' refers to \$\{NOPE\}"):
        values_of(a="${nope}", b="x")


def test_a_reference_to_itself_is_an_error():
    with pytest.raises(ValueError, match="parameter 'a' refers to itself"):
        values_of(a="${A}")


def test_a_circular_reference_is_an_error_that_names_its_parameters():
    with pytest.raises(ValueError, match=r"circular reference.* '[abc]', '[abc]', '[abc]'$"):
        values_of(a="${b}", b="${c}", c="${a}", d="${a}")


def test_the_size_of_resolved_values_is_limited():
    texts = {"p0": 100 * "x"} | {f"p{n}": f"${{P{n - 1}}}${{P{n - 1}}}" for n in range(1, 40)}

    with pytest.raises(ValueError, match=f"is too long.*{MAX_VALUE_LENGTH}"):
        values_of(**texts)


def test_a_long_chain_of_references_is_resolved():
    texts = {"p0": "x"} | {f"p{n}": f"${{P{n - 1}}}" for n in range(1, 5000)}

    assert values_of(**texts)["p4999"] == "x"


_names = st.sampled_from("abcdef")
_texts = st.lists(
    st.one_of(
        _names.map(lambda name: f"${{{name}}}"),
        st.sampled_from(["${nope}", "$a", "${a-b}", "${", "$", "text"]),
    ),
    max_size=3,
).map("".join)


def values_or_message(texts: dict[str, str]) -> dict[str, str] | str:
    try:
        return values_of(**texts)
    except ValueError as error:
        return str(error)


@given(st.dictionaries(_names, _texts, min_size=1))
def test_references_resolve_or_fail_naming_a_parameter(texts):
    outcome = values_or_message(texts)

    if isinstance(outcome, str):
        assert any(repr(name) in outcome for name in texts)
    else:
        resolved = {name.upper(): value for name, value in outcome.items()}
        assert outcome == {name: fill_references(text, resolved) for name, text in texts.items()}
