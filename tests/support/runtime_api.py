"""A local Lambda Runtime API, from which functions get their events.

A function may have several workers, each with a connection of its own, as on Lambda Managed
Instances.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_ARN = "arn:aws:lambda:us-west-2:123456789012:function:function"
_TIMEOUT_SECONDS = 300
_POLL_SECONDS = 0.01  # How long the end of the server may take.


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended.

    Args:
        kind: ``response``, or ``error`` for an exception of the handler or of its import.
        body: the response, or ``errorType``, ``errorMessage`` and ``stackTrace``.
    """

    kind: str
    body: Any


class RuntimeApi:
    """Serves events to runtime clients on loopback, and receives their responses.

    Attributes:
        init_errors: the errors with which workers could not start.
    """

    def __init__(self) -> None:
        self.init_errors: list[Any] = []
        self._events: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self._outcomes: dict[str, queue.Queue[Outcome]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_request_handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """The value of ``AWS_LAMBDA_RUNTIME_API``."""
        return f"127.0.0.1:{self._server.server_port}"

    def invoke(self, event: Any) -> Outcome:
        """Hand an event to the function and wait for its outcome.

        Raises:
            queue.Empty: there was none in five minutes.
            RuntimeError: the function could not start.
        """
        return self.wait_for(self.send(event))

    def send(self, event: Any) -> str:
        """Hand an event to the function, and return the ID of the request."""
        request_id = str(uuid.uuid4())
        self._outcomes[request_id] = queue.Queue()
        self._events.put((request_id, json.dumps(event).encode()))
        return request_id

    def wait_for(self, request_id: str) -> Outcome:
        """Wait for the outcome of a request.

        Raises:
            queue.Empty: there was none in five minutes.
            RuntimeError: there is none, and a worker could not start.
        """
        for _ in range(_TIMEOUT_SECONDS - 1):
            with suppress(queue.Empty):
                return self._outcomes[request_id].get(timeout=1)
            if self.init_errors:
                raise RuntimeError(f"the function cannot start: {self.init_errors[0]}")
        return self._outcomes[request_id].get(timeout=1)

    def _make_request_handler(self) -> type[BaseHTTPRequestHandler]:
        events, outcomes, init_errors = self._events, self._outcomes, self.init_errors

        class RequestHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Otherwise each response waits some 45 ms for the client's acknowledgement.
            disable_nagle_algorithm = True

            def handle(self) -> None:
                # A function that is ended leaves its connection as it is.
                with suppress(ConnectionError):
                    super().handle()

            def do_GET(self) -> None:
                found = events.get()
                if found is None:
                    # For the other workers.
                    events.put(None)
                    self.close_connection = True
                    return
                request_id, event = found
                self._answer(200, event, _invocation_headers(request_id))

            def do_POST(self) -> None:
                *_, request_id, kind = self.path.split("/")
                body = json.loads(self._read() or b"null")
                self._answer(202, b'{"status": "OK"}', {})
                if request_id == "init":
                    init_errors.append(body)
                else:
                    outcomes[request_id].put(Outcome(kind, body))

            def _read(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: the tests' output is theirs."""

        return RequestHandler


def _invocation_headers(request_id: str) -> dict[str, str]:
    return {
        "Lambda-Runtime-Aws-Request-Id": request_id,
        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + _TIMEOUT_SECONDS) * 1000)),
        "Lambda-Runtime-Invoked-Function-Arn": _ARN,
        "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}",
    }
