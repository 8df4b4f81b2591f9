from __future__ import annotations

import itertools

import pytest
from aibs_informatics_aws_lambda.common.api.version import Version, VersionStr
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from hypothesis import given, strategies as st

numbers = st.integers(0, 10**6)
versions = st.builds(
    lambda v, major, rest: v + ".".join(map(str, [major, *rest])),
    st.sampled_from(["", "v"]),
    numbers,
    st.lists(numbers, max_size=1) | st.tuples(numbers, numbers | st.just("*")),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", Version(1)),
        ("v1.2", Version(1, 2)),
        ("1.2.3", Version(1, 2, 3)),
        ("v10.20.*", Version(10, 20)),
        ("1.*", Version(1)),
    ],
)
def test_version_is_made_of_up_to_three_numbers(text, expected):
    version = VersionStr(text)

    assert version.version == expected
    assert (version.major_version, version.minor_version, version.revision) == (
        expected.major_version,
        expected.minor_version,
        expected.revision,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v",
        "a",
        "1.",
        "1.a",
        "*",
        "1.2.3.4",
        "1.2.x",
        "1.2.3-beta",
        " 1",
        "1\n",
        "V1",
        "-1",
        "\u0661",
    ],
)
def test_nothing_else_is_a_version(text):
    with pytest.raises(ValidationError, match="is not a version"):
        VersionStr(text)


def test_missing_and_open_parts_count_as_zero():
    same = ["1", "v1", "1.0", "1.0.0", "1.0.*", "1.*"]

    for one, other in itertools.product(same, same):
        assert VersionStr(one) == VersionStr(other)
        assert VersionStr(one) <= other
        assert VersionStr(one) >= other
        assert (VersionStr(one) != other) is False
    assert len({VersionStr(text) for text in same}) == 1


def test_versions_are_ordered_by_number_and_not_as_text():
    assert VersionStr("1.10.0") > VersionStr("1.9.0")
    assert VersionStr("1.9") < "1.10"
    assert max(map(VersionStr, ["1.9.0", "1.10.0", "1.2.0"])) == "1.10.0"
    assert sorted(map(VersionStr, ["2", "1.10", "1.9"])) == ["1.9", "1.10", "2"]


def test_invalid_version_is_unequal_and_cannot_be_ordered():
    assert VersionStr("1") != "one"
    assert VersionStr("1") != 1
    with pytest.raises(ValidationError):
        assert VersionStr("1") < "one"


def test_text_is_kept_as_it_was_given_in_models():
    class Client(PydanticBaseModel):
        version: VersionStr

    assert Client.from_dict({"version": "v1.*"}).to_dict() == {"version": "v1.*"}
    with pytest.raises(ValidationError, match="version"):
        Client.from_dict({"version": "one"})


@given(versions, versions)
def test_order_is_total_and_equal_versions_have_equal_hashes(one, other):
    left, right = VersionStr(one), VersionStr(other)

    assert [left < right, left == right, left > right].count(True) == 1
    assert (left <= right) == (not left > right)
    assert (left >= right) == (not left < right)
    assert (left < right) == (left.version.numbers < right.version.numbers)
    if left == right:
        assert hash(left) == hash(right)


@given(st.text())
def test_any_text_is_a_version_or_a_validation_error(text):
    try:
        VersionStr(text)
    except ValidationError:
        assert not VersionStr.is_valid(text)
