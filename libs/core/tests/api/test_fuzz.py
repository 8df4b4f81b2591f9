"""Whatever a request holds, it is answered, and the response shows nothing of the service."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import hypothesis
import pytest
from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from api_under_test import Anything, Api, rest_event
from aws_lambda_powertools.event_handler.exceptions import ServiceError
from hypothesis import HealthCheck, given, settings, strategies as st

SECRET = "s3cret-of-the-service"

TEXT = st.text(max_size=30)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["item_id", "itemId", "extra", "tags", "size"])
NUMBERS = st.fixed_dictionaries({}, optional={"how_many": st.integers(0, 20) | JSON_VALUES})
DOCUMENTS = st.builds(
    dict.__or__, st.dictionaries(FIELDS | TEXT, JSON_VALUES, max_size=3), NUMBERS
)
DOCUMENT_TEXT = DOCUMENTS.map(json.dumps)
JSON_TEXT = DOCUMENT_TEXT | JSON_VALUES.map(json.dumps)

LITERALS = JSON_VALUES.map(repr)
PARTS = (TEXT | LITERALS).filter(bool).map(lambda text: quote(text, safe=""))
PATHS = PARTS.map("/items/{}".format)
BODIES = st.none() | DOCUMENT_TEXT | DOCUMENT_TEXT.map(json.dumps) | JSON_TEXT
QUERIES = st.none() | st.dictionaries(
    FIELDS | TEXT, st.lists(TEXT | JSON_TEXT, min_size=1, max_size=3), max_size=3
)
ENCODED_QUERIES = st.builds(
    lambda text: {"data": [base64.urlsafe_b64encode(text.encode()).decode()]}, JSON_TEXT
)
VERSIONS = st.sampled_from([{}, {"x-client-version": "1"}, {"X-Client-Version": "v2.*"}])
WILD_HEADERS = st.dictionaries(
    st.sampled_from(["x-client-version", "X-Log-Level"]) | TEXT,
    TEXT | st.sampled_from(["DEBUG", "9" * 5000]),
    max_size=4,
)


class Echo(ApiLambdaHandler[Anything, Anything]):
    @classmethod
    def route_rule(cls):
        return "/items/<item_id>"

    @classmethod
    def route_method(cls):
        return ["GET", "POST"]

    def handle(self, request):
        if request.how_many % 3 == 2:
            raise RuntimeError(SECRET, request.extra)
        if request.how_many % 5 == 4:
            raise ServiceError(409, "taken")
        return request


@pytest.fixture(scope="module")
def api():
    return Api(Echo)


FUZZING = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(api, context, event):
    """Send an event, and check what is true of every response; return its status."""
    before = json.dumps(event)
    response = api.function(event, context)
    assert json.dumps(event) == before
    status, text = response["statusCode"], response["body"]
    json.loads(text, parse_constant=pytest.fail)
    assert SECRET not in text
    assert "Traceback" not in text
    assert ".py" not in text or ".py" in before
    if status != 200:
        assert response["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
        assert json.loads(text)["status"] == status
    return status


@FUZZING
@given(
    method=st.sampled_from(["GET", "POST"]),
    path=PATHS,
    query=QUERIES | ENCODED_QUERIES,
    body=BODIES,
    headers=VERSIONS,
)
def test_parameters_of_all_kinds_are_handled(
    api, lambda_context, method, path, query, body, headers
):
    event = rest_event(method, path, query, body, headers)
    status = check(api, lambda_context, event)
    hypothesis.event(f"status {status}")
    assert status in {200, 400, 409, 422, 500}


@FUZZING
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "OPTIONS"]) | TEXT,
    path=PATHS | TEXT.map("/{}".format),
    query=st.none() | st.dictionaries(TEXT | st.just("data"), st.lists(TEXT, min_size=1)),
    body=st.none() | TEXT,
    headers=WILD_HEADERS,
    is_base64=st.booleans(),
)
def test_invalid_request_of_the_api_is_handled(
    api, lambda_context, method, path, query, body, headers, is_base64
):
    event = rest_event(method, path, query, body, headers, isBase64Encoded=is_base64)
    status = check(api, lambda_context, event)
    hypothesis.event(f"status {status}")
    assert status in {200, 400, 404, 405, 422, 500}


@pytest.mark.parametrize("depth", [50, 200, 900, 5_000, 100_000])
def test_deep_nesting_is_handled(depth, api, lambda_context):
    for body in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        event = rest_event("POST", "/items/a", body='{"extra": ' + body + "}")
        assert api.function(event, lambda_context)["statusCode"] in {200, 400, 422, 500}
