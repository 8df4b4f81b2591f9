from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.common.api.http_parameters import (
    HTTPParameters,
    decode_body,
    decode_query,
    read_literal,
)
from hypothesis import given, settings, strategies as st

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
JSON_OBJECTS = st.dictionaries(st.text(), JSON_VALUES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e5", 100000.0),
        ("1_000", 1000),
        ("True", True),
        ("None", None),
        ("'12'", "12"),
        ("[1, 'x']", [1, "x"]),
        ("{'a': None}", {"a": None}),
    ],
)
def test_a_python_literal_is_read_as_its_value(text, value):
    assert read_literal(text) == value
    assert type(read_literal(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["true", "null", "007", "abc", "", "1e999", "(1, 2)", "{1, 2}", "b'x'", "...", "1j", "{1: 2}"],
)
def test_what_is_no_literal_of_a_json_type_stays_text(text):
    assert read_literal(text) == text


@pytest.mark.parametrize(
    "text", ["[" * 5000, "-" * 1000 + "1", "'\\d'", "\x00", "\ud800", "9" * 9000]
)
def test_text_that_would_trouble_a_parser_is_read_without_error_or_warning(text):
    read_literal(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_as_a_json_value(text):
    json.dumps(read_literal(text), allow_nan=False)


def test_parts_of_a_path_are_decoded():
    found = HTTPParameters.from_stringified_route_params(
        {"a": "a%20b", "b": "%27123%27", "c": "x%2Fy", "d": "100%"}
    )
    assert found == {"a": "a b", "b": "123", "c": "x/y", "d": "100%"}


def test_the_query_is_one_parameter_of_url_safe_base64():
    assert HTTPParameters.to_stringified_query_params({"b": 1, "a": "é/?"}) == {
        "data": "eyJhIjogIlx1MDBlOS8_IiwgImIiOiAxfQ=="
    }


@settings(deadline=None, max_examples=50)
@given(JSON_OBJECTS, JSON_OBJECTS)
def test_query_and_body_come_back_as_they_were_sent(query, body):
    sent = HTTPParameters(query_params=query, request_body=body)
    found = HTTPParameters.from_http_request(
        {}, sent.stringified_query_params, sent.stringified_request_body
    )
    assert (found.query_params, found.request_body) == (query, body)


def test_padding_may_be_missing():
    assert decode_query("eyJhIjogMX0") == {"a": 1}


@pytest.mark.parametrize("text", ["", "?", "e30=x", "bm9wZQ==", "WzFd", "/w==", "é"])
def test_query_data_that_is_not_a_encoded_object_is_rejected(text):
    with pytest.raises(ValueError, match="'data' is not URL-safe base64 of a JSON object"):
        decode_query(text)


def test_parameters_beside_data_are_ignored_and_those_without_it_are_kept():
    decode = HTTPParameters.from_stringified_query_params
    assert decode({"data": "eyJhIjogMX0=", "b": "2"}) == {"a": 1}
    assert decode({"a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    assert decode(None) == {}


@pytest.mark.parametrize("text", [None, "", '""', "null", "{}", '"{}"', '"null"'])
def test_a_body_that_says_nothing_is_an_empty_object(text):
    assert HTTPParameters.from_stringified_request_body(text) == {}


def test_a_body_is_a_json_object_or_a_string_that_holds_one():
    assert decode_body('{"a": 1}') == decode_body(json.dumps('{"a": 1}')) == {"a": 1}


@pytest.mark.parametrize("text", ["nope", "{", "NaN", '{"a": Infinity}', "[" * 100_000])
def test_a_body_that_is_not_json_is_rejected(text):
    with pytest.raises(ValueError, match=r".+"):
        decode_body(text)


@pytest.mark.parametrize("text", ["5", "[1]", '"text"', '"[1]"'])
def test_a_body_of_another_type_is_rejected(text):
    with pytest.raises(ValueError, match="expected a JSON object"):
        HTTPParameters.from_stringified_request_body(text)


def test_the_body_takes_precedence_over_the_query_and_the_query_over_the_path():
    parameters = HTTPParameters({"a": 1, "x": 1}, {"a": 2, "y": 1}, {"a": 3})
    assert parameters.merged_params == {"a": 3, "x": 1, "y": 1}


def test_nothing_is_sent_where_there_is_nothing_to_send():
    nothing = HTTPParameters()
    assert nothing.stringified_query_params == nothing.stringified_route_params == {}
    assert nothing.stringified_request_body is None
