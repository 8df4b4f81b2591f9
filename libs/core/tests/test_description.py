from __future__ import annotations

from dataclasses import dataclass

import pytest
from aibs_informatics_aws_lambda.common.description import HandlerDescription, describe, summary_of
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import ModelBase, PydanticBaseModel


class Question(PydanticBaseModel):
    """What is asked."""

    how_many: int
    note: str | None = None


class Plain(ModelBase):
    pass


class Described(LambdaHandler[Question, Question]):
    """Counts.

    At length.
    """

    description = HandlerDescription(
        example={"how_many": 1},
        environment={"A": "what it means"},
        iam_actions=("s3:GetObject",),
        limits=("Up to 9.",),
        cost="nothing",
    )

    def handle(self, request):
        """Count.

        Raises:
            ValueError: the number is odd: it cannot
                be halved.
            botocore.exceptions.ClientError: access is denied.

        And more.
        """


class Bare(LambdaHandler[Plain, Question]):
    pass


def test_description_holds_what_a_caller_needs():
    found = describe(Described)

    assert found["handler"] == f"{__name__}.Described"
    assert found["summary"] == "Counts."
    assert found["request"]["properties"].keys() == {"how_many", "note"}
    assert found["request"]["required"] == ["how_many"]
    assert found["response"]["description"] == "What is asked."
    assert found["example"] == {"how_many": 1}
    assert found["environment"] == {"A": "what it means"}
    assert found["iam_actions"] == ["s3:GetObject"]
    assert found["limits"] == ["Up to 9."]
    assert found["cost"] == "nothing"


def test_errors_are_those_that_the_docstring_of_the_handler_lists():
    assert describe(Described)["errors"] == {
        "ValueError": "the number is odd: it cannot be halved.",
        "ClientError": "access is denied.",
    }
    assert describe(Bare)["errors"] == {}


def test_handler_that_says_nothing_is_described_by_its_models():
    found = describe(Bare)

    assert found["request"] == {"title": "Plain"}
    assert (found["example"], found["environment"], found["iam_actions"]) == (None, {}, [])


def test_summary_is_the_first_line_of_the_docstring():
    assert summary_of(Described) == "Counts."


def test_summary_is_the_handlers_own_and_not_that_of_a_base_class():
    @dataclass
    class Inherited(Described):
        step: int = 1

    assert summary_of(Bare) == "Bare"
    assert summary_of(Inherited) == "Inherited"


def test_example_without_a_description_is_made_from_the_request_model():
    class Undescribed(LambdaHandler[Question, Question]):
        pass

    assert describe(Undescribed)["example"] == {"how_many": 0}


def test_description_cannot_be_changed():
    with pytest.raises(AttributeError):
        Described.description.example = {}
