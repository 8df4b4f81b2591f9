from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote

import pytest
from aibs_informatics_aws_lambda.common.api import documentation
from aibs_informatics_aws_lambda.common.api.client import fill_rule
from aibs_informatics_aws_lambda.common.api.integrations import (
    HttpRequest,
    http_response,
    integration_of,
)
from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder
from aibs_informatics_aws_lambda.common.api.serve import LocalServer, find_api
from api_under_test import RESOLVERS, Api, make_handler
from aws_lambda_powertools.event_handler import BedrockAgentResolver, HttpResolverLocal

EXAMPLE = Path(__file__).parent.parent / "example_api"


@pytest.fixture(scope="module")
def shelf_url(start_server):
    """The example API, served as a user serves it."""
    command = [sys.executable, "-m", "aibs_informatics_aws_lambda.main", "serve"]
    url = start_server(
        [*command, "shelf.app:api", "--port", "{port}"],
        "http://127.0.0.1:{port}/openapi.json",
        PYTHONPATH=str(EXAMPLE),
    )
    return url.removesuffix("/openapi.json")


def send(method, url, body=None, **headers):
    """Return status, content type and content of an response."""
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.headers["Content-Type"], response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def test_items_are_kept_and_found_over_http(shelf_url):
    url = f"{shelf_url}/items/a%2Fb%20c"
    body = b'{"how_many": 3, "tags": ["round", "red"]}'
    item = {"item_id": "a/b c", "how_many": 3, "tags": ["round", "red"]}
    for status, content_type, content in (send("PUT", url, body), send("GET", url)):
        assert (status, content_type, json.loads(content)) == (200, "application/json", item)
    _, _, content = send("GET", f"{shelf_url}/items?tags=round&tags=red&at_least=2")
    assert json.loads(content) == {"items": [item]}


def test_errors_are_problem_details_over_http(shelf_url):
    for method, path, body, status in (
        ("GET", "/items/none", None, 404),
        ("GET", "/nope", None, 404),
        ("DELETE", "/items/a", None, 405),
        ("PUT", "/items/a", b"nope", 400),
        ("PUT", "/items/a", b"\xff", 400),
        ("PUT", "/items/a", b'{"how_many": -1}', 422),
    ):
        found, content_type, content = send(method, shelf_url + path, body)
        assert (found, content_type) == (status, "application/problem+json")
        assert json.loads(content)["status"] == status


def test_each_request_has_an_id_of_its_own(shelf_url):
    ids = {json.loads(send("GET", f"{shelf_url}/nope")[2])["request"] for _ in range(2)}
    assert len(ids) == 2


def test_an_response_to_head_has_no_content(shelf_url):
    assert send("HEAD", f"{shelf_url}/items")[::2] == (405, b"")


def test_nothing_that_is_undocumented_and_no_5xx_is_found(shelf_url, tmp_path):
    """Let schemathesis make up requests from the document, wild ones included."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{shelf_url}/openapi.json"),
            # Models convert what their fields can be made of, so that not all that the document
            # has no word for is refused.
            *("--checks", "all", "--exclude-checks", "negative_data_rejection"),
            *("--mode", "all", "--max-examples", "50", "--seed", "1"),
            *("--phases", "examples,coverage,fuzzing"),
            *("--generation-database", "none"),
            *("--no-color", "--max-failures", "5"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


@pytest.mark.parametrize("app_cls", [*RESOLVERS.values(), HttpResolverLocal])
def test_the_local_integration_is_that_of_the_app(app_cls, lambda_context):
    api = Api(make_handler("/items/<item_id>", "PUT"), builder=ApiResolverBuilder(app=app_cls()))
    request = HttpRequest(
        method="PUT",
        path="/items/a%20b",
        query="tags=round&tags=deep%20red" if app_cls.__name__ != "ALBResolver" else "how_many=3",
        headers={"content-type": "application/json", "x-client-version": "1"},
        body=b'{"extra": "\xc3\xa9"}',
    )
    response = http_response(
        api.function(integration_of(api.builder.app).make_event(request), lambda_context)
    )
    assert response.status == 200
    assert ("Content-Type", "application/json") in response.headers
    found = json.loads(response.body)
    assert (found["item_id"], found["extra"]) == ("a b", "é")
    assert found.get("tags") == ["round", "deep red"] or found["how_many"] == 3


def test_cookies_and_binary_content_are_handed_on():
    response = {"statusCode": 200, "body": "/w==", "isBase64Encoded": True, "cookies": ["a=b"]}
    assert http_response(response).body == b"\xff"
    assert http_response(response).headers == [("Set-Cookie", "a=b")]


def test_an_app_without_integration_is_rejected():
    with pytest.raises(ValueError, match="BedrockAgentResolver has no integration"):
        LocalServer(ApiResolverBuilder(BedrockAgentResolver()))


def respond(api, *messages, **scope):
    """Return status, headers and content that an ASGI server is given for a request."""
    sent = []
    waiting = iter(messages or [{"type": "http.request", "body": b""}])

    async def receive():
        return next(waiting)

    async def send(message):
        sent.append(message)

    request = {"type": "http", "method": "POST", "raw_path": b"/a", "query_string": b""}
    asyncio.run(LocalServer(api)({**request, "headers": [], **scope}, receive, send))
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


def test_a_body_that_comes_in_pieces_and_repeated_headers_are_put_together():
    seen = {}

    def handle(self, request):
        seen.update(self.current_event.headers)
        return request

    status, headers, content = respond(
        Api(make_handler("/a", "POST", handle)).builder,
        {"type": "http.request", "body": b'{"how_', "more_body": True},
        {"type": "http.request", "body": b'many": 2}'},
        headers=[(b"x-one", b"1"), (b"x-one", b"2")],
    )
    assert (status, content) == (200, b'{"how_many":2}')
    assert headers[b"content-length"] == b"14"
    assert seen["x-one"] == "1, 2"


def test_a_function_that_fails_is_a_bad_gateway(capsys):
    class Broken(ApiResolverBuilder):
        def handle(self, event, context):
            raise RuntimeError("no response")

    status, _, content = respond(Broken())
    assert (status, content) == (502, b'{"message": "Internal server error"}')
    assert "RuntimeError: no response" in capsys.readouterr().err


def test_a_route_of_the_api_takes_precedence_over_its_document():
    own = make_handler("/openapi.json", "GET")
    _, _, content = respond(Api(own).builder, method="GET", raw_path=b"/openapi.json")
    assert content == b'{"how_many":1}'


def test_only_http_is_served():
    with pytest.raises(ValueError, match="unsupported protocol websocket"):
        respond(ApiResolverBuilder(), type="websocket")


@pytest.mark.parametrize("name", ["api", "handler"])
def test_an_api_is_found_by_builder_and_by_function(name):
    from shelf.app import api

    assert find_api(f"shelf.app:{name}") is api


def test_a_handler_class_is_an_api_of_one_route():
    assert set(find_api("shelf.items:GetItem").get_openapi_schema()["paths"]) == {
        "/items/{item_id}"
    }


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shelf.app", "MODULE:NAME"),
        ("shelf.app:", "MODULE:NAME"),
        ("shelf.app:nothing", "is not an API"),
        ("shelf.items:SHELF", "found dict"),
        ("shelf.items:Item", "found ModelMetaclass"),
    ],
)
def test_invalid_api_is_rejected(target, message):
    with pytest.raises(ValueError, match=message):
        find_api(target)


@pytest.mark.parametrize("value", ["a b", "x%41", "50%25 off", "it\u2019s 5 \u20ac", 'say "hi"'])
@pytest.mark.parametrize(
    ("integration", "sends"), [("http_api", unquote), ("function_url", str), ("rest_api", str)]
)
def test_path_parameter_arrives_as_it_was_sent(integration, sends, value, lambda_context):
    handler = make_handler("/items/<item_id>", "POST")
    api = Api(handler, builder=ApiResolverBuilder(app=RESOLVERS[integration]()))
    path = fill_rule("/items/<item_id>", {"item_id": value})

    event = integration_of(api.builder.app).make_event(HttpRequest("POST", path))
    response = http_response(api.function(event, lambda_context))

    assert event.get("rawPath", event.get("path")) == sends(path)
    assert json.loads(response.body)["item_id"] == value


def test_body_is_limited_as_by_lambda(shelf_url):
    status, _, content = send("PUT", f"{shelf_url}/items/a", b"x" * 6_300_000)

    assert (status, json.loads(content)) == (413, {"message": "Request Too Long"})


@pytest.mark.parametrize(
    ("integration", "size", "status"),
    [
        ("rest_api", 6_200_000, 200),
        ("rest_api", 6_290_000, 200),
        # The event around the body counts too.
        ("rest_api", 6_291_500, 413),
        ("alb", 1_048_000, 200),
        ("alb", 1_049_000, 413),
        ("function_url", 6_291_557, 413),
    ],
)
def test_limit_of_a_body_is_that_of_the_integration(integration, size, status):
    def handle(self, request):
        return None

    api = Api(
        make_handler("/a", "POST", handle), builder=ApiResolverBuilder(RESOLVERS[integration]())
    )
    body = b'{"extra": "' + b"x" * (size - 13) + b'"}'
    headers = [(b"content-type", b"application/json")]
    message = {"type": "http.request", "body": body}
    assert respond(api.builder, message, headers=headers)[0] == status


def test_body_that_is_sent_as_base64_may_be_three_quarters_as_long():
    api = Api(make_handler("/a", "POST"), builder=ApiResolverBuilder(RESOLVERS["function_url"]()))
    message = {"type": "http.request", "body": b"{}" + b" " * 5_000_000}
    assert respond(api.builder, message)[0] == 413
    headers = [(b"content-type", b"application/json")]
    assert respond(api.builder, message, headers=headers)[0] == 200


@pytest.mark.parametrize(
    ("integration", "size", "status"),
    [("rest_api", 6_200_000, 200), ("rest_api", 6_300_000, 502), ("alb", 1_100_000, 502)],
)
def test_limit_of_a_response_is_that_of_the_integration(integration, size, status, capsys):
    def handle(self, request):
        return type(request)(extra="x" * size)

    api = Api(
        make_handler("/a", "POST", handle), builder=ApiResolverBuilder(RESOLVERS[integration]())
    )
    assert respond(api.builder)[0] == status
    if status == 502:
        assert "bytes of JSON that the integration returns" in capsys.readouterr().err


@pytest.mark.parametrize("integration", ["http_api", "function_url"])
def test_event_of_format_2_has_cookies_and_lacks_what_is_empty(integration):
    make_event = integration_of(RESOLVERS[integration]()).make_event
    headers = {"cookie": "a=1; b=2", "host": "api.example.com", "user-agent": "curl/8"}
    event = make_event(HttpRequest("POST", "/a", headers=headers))
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"] == {"host": "api.example.com", "user-agent": "curl/8"}
    assert event["requestContext"]["domainName"] == "api.example.com"
    assert event["requestContext"]["http"]["userAgent"] == "curl/8"
    assert not event.keys() & {"body", "queryStringParameters"}


@pytest.mark.parametrize(
    ("integration", "content_type", "is_encoded"),
    [
        ("http_api", "application/x-www-form-urlencoded", True),
        ("http_api", "", True),
        ("http_api", "Application/JSON; charset=utf-8", False),
        ("function_url", "text/csv", False),
        ("function_url", "application/octet-stream", True),
        ("alb", "application/x-www-form-urlencoded", True),
        ("alb", "application/xml", False),
        ("rest_api", "application/x-www-form-urlencoded", False),
    ],
)
def test_body_is_text_or_base64_by_its_content_type(integration, content_type, is_encoded):
    headers = {"content-type": content_type} if content_type else {}
    request = HttpRequest("POST", "/a", headers=headers, body=b"a=1")
    event = integration_of(RESOLVERS[integration]()).make_event(request)
    assert (event["body"], event["isBase64Encoded"]) == (
        ("YT0x", True) if is_encoded else ("a=1", False)
    )


def test_load_balancer_sends_an_empty_body():
    event = integration_of(RESOLVERS["alb"]()).make_event(HttpRequest("GET", "/a"))
    assert (event["body"], event["isBase64Encoded"]) == ("", False)


@pytest.mark.parametrize(("path", "script"), [("/docs", "swagger-ui"), ("/redoc", "redoc")])
def test_page_of_the_api_loads_nothing_from_another_host(shelf_url, path, script):
    pytest.importorskip("fastapi_offline")
    status, content_type, content = send("GET", shelf_url + path)
    page = content.decode()
    assert (status, content_type) == (200, "text/html; charset=utf-8")
    assert "<title>ApiResolverBuilder</title>" in page
    assert "/openapi.json" in page
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert script in "".join(loaded)
    for url in loaded:
        status, content_type, content = send("GET", shelf_url + url)
        assert status == 200
        assert content_type.partition(";")[0] in ("text/css", "text/javascript")
        assert len(content) > 100_000


def test_browser_is_told_to_load_nothing_from_another_host():
    pytest.importorskip("fastapi_offline")
    _, headers, _ = respond(ApiResolverBuilder(), method="GET", raw_path=b"/docs")
    assert headers[b"content-security-policy"].startswith(b"default-src 'self';")


@pytest.mark.parametrize("path", [b"/docs/assets/none.js", b"/docs/assets/../core.py", b"/docs/"])
def test_there_is_no_other_file(path):
    assert respond(ApiResolverBuilder(), method="GET", raw_path=path)[0] == 404


def test_missing_package_of_the_pages_is_named(monkeypatch):
    monkeypatch.setattr(documentation, "_find_assets", lambda: None)
    status, _, content = respond(ApiResolverBuilder(), method="GET", raw_path=b"/docs")
    assert status == 404
    assert b"pip install 'aibs-informatics-aws-lambda-core[serve]'" in content


def test_route_of_the_api_takes_precedence_over_a_page():
    own = make_handler("/docs", "GET")
    _, _, content = respond(Api(own).builder, method="GET", raw_path=b"/docs")
    assert content == b'{"how_many":1}'
