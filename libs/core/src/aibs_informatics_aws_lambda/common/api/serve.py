"""An API on a port of this machine: the Lambda function behind a front door of plain HTTP.

It is an ASGI application (https://asgi.readthedocs.io), which uvicorn runs. Requests become the
events of the API's own front door, and go through the very function that AWS Lambda calls.
"""

from __future__ import annotations

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
from typing import Any, Final, TypeAlias

from ..models import DefaultLambdaContext
from .handler import ApiLambdaHandler
from .integrations import HttpRequest, HttpResponse, front_door_of, read_answer
from .resolver import ApiResolverBuilder, routes_of

DOCUMENT_PATH: Final = "/openapi.json"

# Names the API to a server that reloads: it starts in a process of its own at every change.
TARGET_KEY: Final = "HANDLER_SERVE_TARGET"

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
    """Serves an API over HTTP; ``/openapi.json``, unless it is a route, is its document.

    Like one instance of a Lambda function, it answers one request at a time.

    Raises:
        ValueError: the API's app has no front door.
    """

    def __init__(self, api: ApiResolverBuilder) -> None:
        self._api = api
        self._make_event = front_door_of(api.app)
        self._function = api.get_lambda_handler()
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of an ASGI server."""
        if scope["type"] != "http":
            raise ValueError(f"an API is served over HTTP, not {scope['type']}")
        request = _request_of(scope, await _read_body(receive))
        async with self._turn:
            response = await asyncio.to_thread(self._respond, request)
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
            if request.path == DOCUMENT_PATH and not self._has_route_for_document():
                return _json_response(200, self._api.get_openapi_schema())
            context = _LocalContext(request_id=request.request_id)
            return read_answer(self._function(self._make_event(request), context))
        except Exception:
            # What front doors answer where a function fails.
            traceback.print_exc()
            return _json_response(502, {"message": "Internal server error"})

    def _has_route_for_document(self) -> bool:
        return any(route.rule.match(DOCUMENT_PATH) for route in routes_of(self._api.app))


def find_api(target: str) -> ApiResolverBuilder:
    """Return the API that ``MODULE:NAME`` stands for.

    Args:
        target: names an `ApiResolverBuilder`, the function that its `get_lambda_handler`
            returned, or an `ApiLambdaHandler` class, which makes an API of one route.

    Raises:
        ValueError: it stands for something else, or for nothing.
        ImportError: the module cannot be imported.
    """
    module_name, _, name = target.partition(":")
    if not (module_name and name):
        raise ValueError(f"{target!r} has not the form MODULE:NAME")
    # A program on the PATH does not find modules of the current folder by itself.
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    found = getattr(import_module(module_name), name, None)
    if isinstance(found, ApiResolverBuilder):
        return found
    if isinstance(found, type) and issubclass(found, ApiLambdaHandler):
        api = ApiResolverBuilder()
        found.add_to_router(api.app, logger=api.logger, metrics=api.metrics)
        return api
    api_of_function = getattr(found, "_api_builder", None)
    if isinstance(api_of_function, ApiResolverBuilder):
        return api_of_function
    raise ValueError(
        f"{target} is no API: expected an ApiResolverBuilder, what its get_lambda_handler() "
        f"returns, or an ApiLambdaHandler class, found {type(found).__name__}"
    )


def server_from_environment() -> LocalServer:
    """Return the server of the API that the variable `TARGET_KEY` names."""
    return LocalServer(find_api(os.environ[TARGET_KEY]))


async def _read_body(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
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


def _json_response(status: int, document: Any) -> HttpResponse:
    return HttpResponse(
        status, [("Content-Type", "application/json")], json.dumps(document).encode()
    )
