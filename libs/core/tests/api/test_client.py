"""What a typed client sends is what the handler gets, through every integration."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from aibs_informatics_aws_lambda.common.api.http_parameters import read_literal
from aibs_informatics_aws_lambda.common.api.integrations import (
    HttpRequest,
    http_response,
    integration_of,
)
from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder
from api_under_test import RESOLVERS, Anything, Api, make_handler
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from hypothesis import HealthCheck, assume, given, settings, strategies as st

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
# A text in quotes loses them, and None is nothing: each is read as the literal that it is.
SEGMENTS = TEXT.filter(lambda text: text not in ("", ".", "..") and _is_told_as_it_is(text))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
REQUESTS = st.builds(
    Anything,
    item_id=SEGMENTS,
    how_many=st.integers(),
    extra=JSON_VALUES,
    tags=st.none() | st.lists(TEXT, max_size=3),
    size=st.none() | st.dictionaries(TEXT, st.integers(), max_size=3),
)


def _is_told_as_it_is(text):
    literal = read_literal(text)
    return literal == text or not isinstance(literal, str | None)


@pytest.fixture(scope="module", params=RESOLVERS)
def api(request):
    handlers = [make_handler("/items/<item_id>", method) for method in ("GET", "POST")]
    return Api(*handlers, builder=ApiResolverBuilder(app=RESOLVERS[request.param]())), handlers


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sent=REQUESTS, by_body=st.booleans())
def test_a_request_arrives_as_it_was_sent(api, lambda_context, sent, by_body):
    served, handlers = api
    # An HTTP API decodes the path: a slash in a segment separates segments then.
    assume("/" not in sent.item_id or not isinstance(served.builder.app, APIGatewayHttpResolver))
    made = handlers[by_body].get_http_request(sent, "https://api.example.com").prepare()
    url = urlsplit(made.url)
    body = made.body.encode() if isinstance(made.body, str) else made.body or b""
    request = HttpRequest(made.method, url.path, url.query, dict(made.headers), body)
    event = integration_of(served.builder.app).make_event(request)
    response = http_response(served.function(event, lambda_context))
    assert response.status == 200
    assert json.loads(response.body) == sent.to_dict()
