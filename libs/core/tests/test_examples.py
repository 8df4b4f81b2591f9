from __future__ import annotations

import datetime as dt
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from aibs_informatics_aws_lambda.common.examples import example_of
from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import ConfigDict, Field, field_validator


class Color(Enum):
    RED = "red"


class Part(PydanticBaseModel):
    number: int


class Whole(PydanticBaseModel):
    name: str
    count: Annotated[int, Field(ge=3)]
    share: Annotated[float, Field(gt=0, lt=5)]
    code: Annotated[str, Field(min_length=6)]
    parts: Annotated[list[Part], Field(min_length=1)]
    color: Color
    kind: Literal["a", "b"]
    at: AwareIsoDateTime
    day: dt.date
    path: Path
    uri: S3Path
    free: Any
    note: str | None = None
    title: str = Field(default="", examples=["A title"])
    maybe: Part | None


def test_example_is_made_from_the_fields():
    example = example_of(Whole)

    assert Whole.is_valid(example)
    assert example["count"] == 3
    assert example["parts"] == [{"number": 0}]
    assert (example["color"], example["kind"], example["title"]) == ("red", "a", "A title")
    assert example["uri"] == "s3://bucket/key"
    assert "note" not in example


@pytest.mark.parametrize("extra", [{"examples": [{"number": 7}]}, {"example": {"number": 7}}])
def test_example_of_the_configuration_takes_precedence(extra):
    class Configured(Part):
        model_config = ConfigDict(json_schema_extra=extra)

    assert example_of(Configured) == {"number": 7}


def test_invalid_example_is_not_shown():
    class Odd(PydanticBaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def _odd(cls, value):
            if value % 2 == 0:
                raise ValueError("even")
            return value

    assert example_of(Odd) is None


def test_model_that_refers_to_itself_has_an_example():
    class Node(PydanticBaseModel):
        name: str
        children: list[Node] = Field(default_factory=list)

    assert example_of(Node) == {"name": "text"}


def test_model_of_another_kind_has_no_example():
    assert example_of(dict) is None
