from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, error_message
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


class Inner(PydanticBaseModel):
    count: int


class Outer(PydanticBaseModel):
    name: str
    inner: list[Inner]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\n  two"), "one two"),
        (ValueError(), "ValueError"),
        (KeyError("x"), "'x'"),
        (RuntimeError("x" * 5000), "x" * 2000 + "..."),
    ],
)
def test_messages_are_one_line(error, line):
    assert error_message(error) == line


def test_problems_of_a_model_are_listed_by_field():
    with pytest.raises(ValidationError) as caught:
        Outer.from_dict({"inner": [{"count": "s3cret"}]})

    assert error_message(caught.value) == (
        "Outer: name: Field required; inner.0.count: Input should be a valid integer, "
        "unable to parse string as an integer"
    )


def test_exit_codes_are_part_of_the_interface():
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "INVALID_PAYLOAD": 3,
        "PARTLY_FAILED": 4,
    }
