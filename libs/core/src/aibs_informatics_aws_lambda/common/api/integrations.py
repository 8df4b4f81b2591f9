"""The integrations of AWS: events from HTTP requests, HTTP responses from function responses.

They replace the integrations in the local server and in tests.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

from aws_lambda_powertools import event_handler

from ..json_io import JSONObject


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request.

    Args:
        method: the method in upper case.
        path: the percent-encoded path.
        query: the query string, without the question mark.
        headers: the headers by name; the values of repeated headers are joined by commas.
        body: the body.
        request_id: the request id of the integration.
        source_ip: the address of the client.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    request_id: str = ""
    source_ip: str = "127.0.0.1"


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response; ``headers`` are pairs, since a header may be repeated."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def event_maker_of(app: event_handler.ApiGatewayResolver) -> Callable[[HttpRequest], JSONObject]:
    """Return the function that makes events like those of the integration of ``app``.

    Raises:
        ValueError: the class of the app has no known integration.
    """
    for app_cls, make_event in _MAKERS.items():
        if isinstance(app, app_cls):
            return make_event
    known = ", ".join(app_cls.__name__ for app_cls in _MAKERS)
    raise ValueError(f"{type(app).__name__} has no integration: expected one of {known}")


def http_response(response: Mapping[str, Any]) -> HttpResponse:
    """Return the HTTP response that an integration makes from a function's response."""
    body = response.get("body") or ""
    headers = [(name, str(value)) for name, value in (response.get("headers") or {}).items()]
    for name, values in (response.get("multiValueHeaders") or {}).items():
        headers += [(name, str(value)) for value in values]
    headers += [("Set-Cookie", str(cookie)) for cookie in response.get("cookies") or []]
    content = base64.b64decode(body) if response.get("isBase64Encoded") else body.encode()
    return HttpResponse(int(response["statusCode"]), headers, content)


def _rest_event(request: HttpRequest) -> JSONObject:
    query = parse_qs(request.query, keep_blank_values=True)
    return {
        "resource": "/{proxy+}",
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "multiValueHeaders": {name: [value] for name, value in request.headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": request.path.removeprefix("/")},
        "stageVariables": None,
        "requestContext": {
            "requestId": request.request_id,
            "stage": "local",
            "httpMethod": request.method,
            "path": request.path,
            "identity": {"sourceIp": request.source_ip},
        },
        **_body_of(request),
    }


def _http_api_event(request: HttpRequest) -> JSONObject:
    """Return the event of an HTTP API with payload format 2.0, which has a decoded path."""
    event = _function_url_event(request)
    event["rawPath"] = event["requestContext"]["http"]["path"] = unquote(request.path)
    return event


def _function_url_event(request: HttpRequest) -> JSONObject:
    query = parse_qs(request.query, keep_blank_values=True)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": dict(request.headers),
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "requestContext": {
            "requestId": request.request_id,
            "stage": "$default",
            "http": {
                "method": request.method,
                "path": request.path,
                "sourceIp": request.source_ip,
            },
        },
        **_body_of(request),
    }


def _alb_event(request: HttpRequest) -> JSONObject:
    # Unlike the others, a load balancer does not decode the query.
    pairs = [part.partition("=") for part in request.query.split("&") if part]
    return {
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "queryStringParameters": {name: value for name, _, value in pairs},
        "requestContext": {"elb": {"targetGroupArn": "local"}},
        **_body_of(request),
    }


def _lattice_event(request: HttpRequest) -> JSONObject:
    body = _body_of(request)
    return {
        "raw_path": f"{request.path}?{request.query}" if request.query else request.path,
        "method": request.method,
        "headers": dict(request.headers),
        "query_string_parameters": dict(parse_qsl(request.query, keep_blank_values=True)),
        "body": body["body"],
        "is_base64_encoded": body["isBase64Encoded"],
    }


def _lattice_v2_event(request: HttpRequest) -> JSONObject:
    query = parse_qs(request.query, keep_blank_values=True)
    return {
        "version": "2.0",
        "path": f"{request.path}?{request.query}" if request.query else request.path,
        "method": request.method,
        "headers": {name: [value] for name, value in request.headers.items()},
        "queryStringParameters": query or None,
        "requestContext": {"identity": {}, "region": "local"},
        **_body_of(request),
    }


def _body_of(request: HttpRequest) -> JSONObject:
    try:
        return {"body": request.body.decode() or None, "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


_MAKERS = {
    event_handler.APIGatewayRestResolver: _rest_event,
    event_handler.APIGatewayHttpResolver: _http_api_event,
    event_handler.LambdaFunctionUrlResolver: _function_url_event,
    event_handler.ALBResolver: _alb_event,
    event_handler.VPCLatticeResolver: _lattice_event,
    event_handler.VPCLatticeV2Resolver: _lattice_v2_event,
    event_handler.HttpResolverLocal: _rest_event,
}
