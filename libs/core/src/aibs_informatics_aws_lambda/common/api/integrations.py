"""The integrations of AWS: events from HTTP requests, HTTP responses from function responses.

They replace the integrations in the local server and in tests.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

from aws_lambda_powertools import event_handler

from ..json_check import MAX_PAYLOAD_BYTES
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


@dataclass(frozen=True)
class Integration:
    """An integration of AWS.

    Args:
        make_event: makes the event of a request.
        max_body_bytes: the size of the body of a request.
        max_response_bytes: the size of the JSON of a function's response.
    """

    make_event: Callable[[HttpRequest], JSONObject]
    max_body_bytes: int = 10_000_000
    max_response_bytes: int = MAX_PAYLOAD_BYTES

    def accepts(self, event: JSONObject) -> bool:
        """Return whether Lambda accepts an event, of which the body is only a part."""
        return len(json.dumps(event, ensure_ascii=False).encode()) <= MAX_PAYLOAD_BYTES

    def can_return(self, response: Mapping[str, Any]) -> bool:
        """Return whether the integration can return the response of a function."""
        return len(json.dumps(response).encode()) <= self.max_response_bytes


def integration_of(app: event_handler.ApiGatewayResolver) -> Integration:
    """Return the integration of an app.

    Raises:
        ValueError: the class of the app has no known integration.
    """
    for app_cls, integration in _INTEGRATIONS.items():
        if isinstance(app, app_cls):
            return integration
    known = ", ".join(app_cls.__name__ for app_cls in _INTEGRATIONS)
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
            "resourcePath": "/{proxy+}",
            "httpMethod": request.method,
            "path": f"/local{request.path}",
            "protocol": "HTTP/1.1",
            "domainName": request.headers.get("host", "localhost"),
            "identity": {
                "sourceIp": request.source_ip,
                "userAgent": request.headers.get("user-agent"),
            },
        },
        **_body_of(request),
    }


def _http_api_event(request: HttpRequest) -> JSONObject:
    """Return the event of an HTTP API with payload format 2.0, which has a decoded path."""
    event = _function_url_event(request)
    event["rawPath"] = event["requestContext"]["http"]["path"] = unquote(request.path)
    return event


def _function_url_event(request: HttpRequest) -> JSONObject:
    """Return an event of payload format 2.0, which lacks fields without a value.

    Cookies are not among the headers, and only bodies of some content types are text.
    """
    query = parse_qs(request.query, keep_blank_values=True)
    headers = dict(request.headers)
    cookies = [cookie.strip() for cookie in headers.pop("cookie", "").split(";")]
    body = _body_of(request, is_text=_is_text(headers.get("content-type", "")))
    optional = {
        "cookies": [cookie for cookie in cookies if cookie],
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "body": body["body"],
    }
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "requestId": request.request_id,
            "routeKey": "$default",
            "stage": "$default",
            "domainName": headers.get("host", "localhost"),
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
        },
        **{name: value for name, value in optional.items() if value},
        "isBase64Encoded": body["isBase64Encoded"],
    }


def _alb_event(request: HttpRequest) -> JSONObject:
    # Unlike the others, a load balancer does not decode the query.
    pairs = [part.partition("=") for part in request.query.split("&") if part]
    body = _body_of(request, is_text=_is_text(request.headers.get("content-type", "text/plain")))
    return {
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "queryStringParameters": {name: value for name, _, value in pairs},
        "requestContext": {"elb": {"targetGroupArn": "local"}},
        "body": body["body"] or "",
        "isBase64Encoded": body["isBase64Encoded"],
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


def _body_of(request: HttpRequest, *, is_text: bool = True) -> JSONObject:
    if is_text or not request.body:
        try:
            return {"body": request.body.decode() or None, "isBase64Encoded": False}
        except UnicodeDecodeError:
            """Sent as base64 by integrations that are configured for it."""
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def _is_text(content_type: str) -> bool:
    """Return whether a content type is one of those whose bodies are sent as text."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT_TYPES


_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
_ALB_BYTES = 1_048_576

_INTEGRATIONS = {
    event_handler.APIGatewayRestResolver: Integration(_rest_event),
    event_handler.APIGatewayHttpResolver: Integration(_http_api_event),
    event_handler.LambdaFunctionUrlResolver: Integration(_function_url_event, MAX_PAYLOAD_BYTES),
    event_handler.ALBResolver: Integration(_alb_event, _ALB_BYTES, _ALB_BYTES),
    event_handler.VPCLatticeResolver: Integration(_lattice_event, MAX_PAYLOAD_BYTES),
    event_handler.VPCLatticeV2Resolver: Integration(_lattice_v2_event, MAX_PAYLOAD_BYTES),
    event_handler.HttpResolverLocal: Integration(_rest_event),
}
