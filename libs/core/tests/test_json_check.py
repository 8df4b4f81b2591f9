from __future__ import annotations

import json
from decimal import Decimal

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_check import (
    MAX_DEPTH,
    check_depth,
    check_response,
)


def nested(levels):
    document = []
    for _ in range(levels - 1):
        document = [document]
    return document


CIRCLE = {}
CIRCLE["self"] = CIRCLE


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        [],
        "é\u20ac\U0001f600",
        {"a": [1, 1.5, True, None]},
        (1, 2),
        {1: 2},
        Decimal("1.5"),
    ],
)
def test_json_can_be_sent(document):
    check_response(document)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"a": [0, {"b": float("nan")}]}, "a[1].b: nan is not a JSON number"),
        ({"a": float("-inf")}, "a: -inf is not a JSON number"),
        ({"a": Decimal("NaN")}, "a: NaN is not a JSON number"),
        ({"names": ["ok", "\udc80"]}, "names[1]: not valid Unicode"),
        ({"a\udc80": 1}, "a\\udc80: the key is not valid Unicode"),
        ({"a": b"x"}, "a: bytes is not a JSON type"),
        ({"a": {1, 2}}, "a: set is not a JSON type"),
        ([object()], "[0]: object is not a JSON type"),
        ({"a": {(1, 2): 3}}, "a.(1, 2): tuple is not a type of JSON keys"),
        ("\ud800", "not valid Unicode"),
        (CIRCLE, "nested more than 250 levels deep"),
        (nested(100_000), "nested more than 250 levels deep"),
    ],
)
def test_anything_else_is_an_error_with_the_path_of_the_field(document, problem):
    with pytest.raises(ValidationError) as caught:
        check_response(document)

    message = str(caught.value)
    assert message.startswith("the response cannot be sent as JSON: ")
    assert problem in message
    message.encode()


def test_size_is_that_of_the_utf_8_text():
    document = {"a": "é"}
    size = len(json.dumps(document, ensure_ascii=False).encode())

    check_response(document, max_bytes=size)
    with pytest.raises(ValidationError, match=f"{size} bytes of JSON, more than the {size - 1}"):
        check_response(document, max_bytes=size - 1)


@pytest.mark.parametrize("document", [5, "text", None, {}, [[], [[1]]], nested(MAX_DEPTH)])
def test_document_that_is_not_too_deep_is_accepted(document):
    check_depth(document)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 3, 100_000])
def test_document_that_is_too_deep_is_an_error(levels):
    with pytest.raises(ValidationError, match="nested more than 250 levels deep"):
        check_depth({"a": nested(levels)})
