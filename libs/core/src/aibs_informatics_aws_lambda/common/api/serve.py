"""A local server for an API.

It is an ASGI application (https://asgi.readthedocs.io), run by uvicorn. Each request becomes an
event of the API's integration, which is passed to the function that AWS Lambda calls.
"""

import asyncio
import json
import os
import sys
import traceback
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from .._powertools import routes_of
from ..constants import HANDLER_SERVE_TARGET_KEY
from ..context import DefaultLambdaContext
from .documentation import DOCUMENT_PATH, find_page
from .handler import ApiLambdaHandler
from .integrations import HttpRequest, HttpResponse, http_response, integration_of
from .resolver import ApiResolverBuilder, api_of_function

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass
class _LocalContext(DefaultLambdaContext):
    """The context of one local request."""

    request_id: str = ""

    @property
    def aws_request_id(self) -> str:
        return self.request_id


class LocalServer:
    """Serves an API over HTTP, and its documentation.

    The OpenAPI document is at ``/openapi.json``, Swagger UI at ``/docs`` and ReDoc at ``/redoc``,
    unless these are paths of the API.

    Like one instance of a Lambda function, it handles one request at a time.

    Raises:
        ValueError: the class of the API's app has no known integration.
    """

    def __init__(self, api: ApiResolverBuilder) -> None:
        self._api = api
        self._integration = integration_of(api.app)
        self._function = api.get_lambda_handler()
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request of an ASGI server."""
        if scope["type"] != "http":
            raise ValueError(f"unsupported protocol {scope['type']}: expected http")
        limit = self._integration.max_body_bytes
        body = await _read_body(receive, limit)
        if len(body) > limit:
            response = _too_long()
        else:
            async with self._lock:
                response = await asyncio.to_thread(self._respond, _request_of(scope, body))
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [
                    *(
                        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
                        for name, value in response.headers
                    ),
                    (b"content-length", str(len(response.body)).encode()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": response.body})

    def _respond(self, request: HttpRequest) -> HttpResponse:
        try:
            return self._documentation(request) or self._invoke(request)
        except Exception:
            # As the integrations respond to a function that failed.
            traceback.print_exc()
            return _json_response(502, {"message": "Internal server error"})

    def _invoke(self, request: HttpRequest) -> HttpResponse:
        event = self._integration.make_event(request)
        if not self._integration.accepts(event):
            return _too_long()
        response = self._function(event, _LocalContext(request_id=request.request_id))
        if not self._integration.can_return(response):
            limit = self._integration.max_response_bytes
            raise ValueError(
                f"the response has more than the {limit:,} bytes of JSON that the integration "
                "returns. Write it to S3."
            )
        return http_response(response)

    def _documentation(self, request: HttpRequest) -> HttpResponse | None:
        if request.method != "GET" or self._has_route(request.path):
            return None
        if request.path == DOCUMENT_PATH:
            return _json_response(200, self._api.get_openapi_schema())
        return find_page(request.path, self._api.service_name())

    def _has_route(self, path: str) -> bool:
        return any(route.rule.match(path) for route in routes_of(self._api.app))


def find_api(target: str) -> ApiResolverBuilder:
    """Return the API with the name ``MODULE:NAME``.

    Args:
        target: the name of an `ApiResolverBuilder`, of the function that its
            `get_lambda_handler` returned, or of an `ApiLambdaHandler` class, which makes an API
            of one route.

    Raises:
        ValueError: the name does not refer to an API.
        ImportError: the module cannot be imported.
    """
    module_name, _, name = target.partition(":")
    if not (module_name and name):
        raise ValueError(f"{target!r} is not of the form MODULE:NAME, such as api:api")
    # The folder of the program is on the module search path, the current folder is not.
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    found = getattr(import_module(module_name), name, None)
    if isinstance(found, ApiResolverBuilder):
        return found
    if isinstance(found, type) and issubclass(found, ApiLambdaHandler):
        single = ApiResolverBuilder()
        found.add_to_router(single.app, logger=single.logger, metrics=single.metrics)
        return single
    api = api_of_function(found)
    if api is not None:
        return api
    raise ValueError(
        f"{target} is not an API: expected an ApiResolverBuilder, the function that its "
        "get_lambda_handler() returned, or an ApiLambdaHandler class, "
        f"found {type(found).__name__}"
    )


def server_from_environment() -> LocalServer:
    """Return the server of the API that ``HANDLER_SERVE_TARGET`` names."""
    return LocalServer(find_api(os.environ[HANDLER_SERVE_TARGET_KEY]))


async def _read_body(receive: Receive, limit: int) -> bytes:
    """Return the body of a request; stop reading when it is longer than the limit."""
    body = b""
    more = True
    while more and len(body) <= limit:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _request_of(scope: Scope, body: bytes) -> HttpRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
        request_id=str(uuid.uuid4()),
        source_ip=(scope.get("client") or ("127.0.0.1", 0))[0],
    )


def _too_long() -> HttpResponse:
    return _json_response(413, {"message": "Request Too Long"})


def _json_response(status: int, document: Any) -> HttpResponse:
    return HttpResponse(
        status, [("Content-Type", "application/json")], json.dumps(document).encode()
    )
