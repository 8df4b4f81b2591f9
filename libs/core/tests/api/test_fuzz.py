"""Whatever a request holds, it is answered, and the answer shows nothing of the service."""

from __future__ import annotations

import base64
import json

import pytest
from aibs_informatics_aws_lambda.common.api.handler import ApiLambdaHandler
from api_under_test import Anything, Api, rest_event
from aws_lambda_powertools.event_handler.exceptions import ServiceError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SECRET = "s3cret-of-the-service"

TEXT = st.text(max_size=30)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["item_id", "itemId", "how_many", "howMany", "extra", "tags", "size"])
DOCUMENTS = st.dictionaries(FIELDS | TEXT, JSON_VALUES, max_size=5)
JSON_TEXT = (DOCUMENTS | JSON_VALUES).map(json.dumps)

PATHS = st.builds("/items/{}".format, TEXT) | TEXT.map("/".__add__)
BODIES = st.one_of(
    st.none(),
    TEXT,
    JSON_TEXT,
    JSON_TEXT.map(json.dumps),
    JSON_TEXT.map(lambda text: base64.b64encode(text.encode()).decode()),
)
ENCODED = JSON_TEXT.map(lambda text: base64.urlsafe_b64encode(text.encode()).decode())
QUERIES = st.none() | st.dictionaries(
    st.just("data") | FIELDS | TEXT, st.lists(ENCODED | TEXT | JSON_TEXT, min_size=1, max_size=3)
)
HEADERS = st.dictionaries(
    st.sampled_from(["x-client-version", "X-Log-Level", "X-Client-Version"]) | TEXT,
    TEXT | st.sampled_from(["1", "v2.*", "1.2.3", "DEBUG", "9" * 5000]),
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


@settings(
    max_examples=600,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "OPTIONS"]) | TEXT,
    path=PATHS,
    query=QUERIES,
    body=BODIES,
    headers=HEADERS,
    is_base64=st.booleans(),
)
def test_every_request_is_answered_without_a_word_of_the_service(
    api, lambda_context, method, path, query, body, headers, is_base64
):
    event = rest_event(method, path, query, body, headers, isBase64Encoded=is_base64)
    before = json.dumps(event)
    answer = api.function(event, lambda_context)
    assert json.dumps(event) == before
    status, text = answer["statusCode"], answer["body"]
    json.loads(text, parse_constant=pytest.fail)
    assert status in {200, 400, 404, 405, 409, 422, 500}
    assert SECRET not in text
    assert "Traceback" not in text
    assert ".py" not in text or ".py" in before
    if status != 200:
        assert answer["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
        assert json.loads(text)["status"] == status


@pytest.mark.parametrize("depth", [50, 200, 900, 5_000, 100_000])
def test_deep_nesting_is_answered(depth, api, lambda_context):
    for body in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        event = rest_event("POST", "/items/a", body='{"extra": ' + body + "}")
        assert api.function(event, lambda_context)["statusCode"] in {200, 400, 422, 500}
