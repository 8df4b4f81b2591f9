"""Two registries, and a proxy that injects faults."""

from __future__ import annotations

import gc
import http.client
import re
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest
from registry import Registry, registry_server

_PIECE = 64 << 10
# No test waits for so long: a gate that stays shut must not keep a thread for ever.
_GATE_SECONDS = 120
_numbers = count()


@pytest.fixture(scope="session")
def _servers(tmp_path_factory):
    with ExitStack() as servers:
        try:
            yield [
                servers.enter_context(registry_server(tmp_path_factory.mktemp(name)))
                for name in ("source", "target")
            ]
        except FileNotFoundError as error:
            pytest.skip(str(error))


@pytest.fixture
def source(_servers) -> Registry:
    """The source registry."""
    return _servers[0]


@pytest.fixture
def target(_servers) -> Registry:
    """The destination registry."""
    return _servers[1]


@pytest.fixture
def name() -> str:
    """The name of an empty repository of this test, in both registries."""
    return f"team/image-{next(_numbers)}"


@dataclass
class Fault:
    """A fault that is injected into the first matching requests.

    Args:
        method: the method of the request.
        path: a regular expression that its path matches.
        times: the number of requests.
        cut_request: close the connection after this many bytes of a longer request body.
        cut_response: close the connection after this many bytes of the response body.
        status: respond with this status, ``headers`` and ``body`` instead.
        slow: pause for this many seconds before each chunk of the response body.
        damage: replace each zero byte of the response body.
        late: whether to forward the request before responding with ``status``.
        gate: send the response body once this is set.
    """

    method: str
    path: str
    times: int = 1
    cut_request: int | None = None
    cut_response: int | None = None
    status: int | None = None
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    slow: float = 0
    damage: bool = False
    late: bool = False
    gate: threading.Event | None = None

    def is_for(self, method: str, path: str, body_bytes: int) -> bool:
        """Return whether the fault applies to a request."""
        is_long_enough = self.cut_request is None or body_bytes > self.cut_request
        return is_long_enough and self.method == method and bool(re.search(self.path, path))


class Proxy:
    """A reverse proxy of a registry that records requests and injects faults.

    ``stored`` are the digests of the blobs whose uploads the registry has confirmed. Asked for a
    blob before that, docker-registry may read a link that it has not written yet, and respond
    with 500.

    ``guard`` may respond to a request itself, given its path, headers and form.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.stored: set[str] = set()
        self.faults: list[Fault] = []
        self.guard: Callable[[str, dict[str, str], bytes], Fault | None] | None = None
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def made(self, method: str, path: str = "") -> list[str]:
        """Return the paths of recorded requests that match a method and a regular expression."""
        return [p for m, p, _ in self.requests if m == method and re.search(path, p)]

    def take_fault(self, method: str, path: str, body_bytes: int) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times and fault.is_for(method, path, body_bytes):
                    fault.times -= 1
                    return fault
        return None


def _closed_upload(method: str, path: str) -> str:
    """Return the digest that a request closes an upload with, if it does."""
    return parse_qs(urlsplit(path).query).get("digest", [""])[0] if method == "PUT" else ""


def _handler_of(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *arguments):
            """Log nothing: requests are recorded."""

        def handle(self):
            try:
                super().handle()
            except OSError:
                self.close_connection = True

        def forward(self):
            proxy.requests.append((self.command, self.path, dict(self.headers)))
            if proxy.guard and (
                denial := proxy.guard(self.path, dict(self.headers), self.read_form())
            ):
                self.take_body()
                self.respond_alone(denial)
                return
            body_bytes = int(self.headers.get("Content-Length", 0))
            fault = proxy.take_fault(self.command, self.path, body_bytes) or Fault("", "")
            if fault.status and not fault.late:
                self.take_body()
                self.respond_alone(fault)
                return
            upstream = http.client.HTTPConnection(proxy.upstream)
            try:
                self.exchange(upstream, fault)
            finally:
                upstream.close()

        def exchange(self, upstream, fault):
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for key, value in self.headers.items():
                upstream.putheader(key, value)
            upstream.endheaders()
            if not self.pass_on_body(upstream, fault):
                return
            with upstream.getresponse() as response:
                self.answer(response, fault)

        def answer(self, response, fault):
            if fault.status:
                response.read()
                self.respond_alone(fault)
                return
            self.send_response(response.status)
            for key, value in response.getheaders():
                self.send_header(key, value)
            self.end_headers()
            if fault.gate:
                self.wfile.flush()
                fault.gate.wait(_GATE_SECONDS)
            self.pass_back_body(response, fault)
            if response.status == 201 and (digest := _closed_upload(self.command, self.path)):
                proxy.stored.add(digest)

        def pass_on_body(self, upstream, fault) -> bool:
            size = int(self.headers.get("Content-Length", 0))
            end = size if fault.cut_request is None else fault.cut_request
            passed = 0
            while passed < end:
                piece = self.rfile.read(min(end - passed, _PIECE))
                if not piece:
                    return False
                upstream.send(piece)
                passed += len(piece)
            if end < size:
                self.hang_up()
            return end == size

        def pass_back_body(self, response, fault):
            left = fault.cut_response
            while piece := response.read(_PIECE):
                time.sleep(fault.slow)
                if fault.damage:
                    piece = piece.replace(b"\0", b"\1")
                self.wfile.write(piece if left is None else piece[:left])
                if left is not None:
                    left -= len(piece)
                    if left <= 0:
                        self.hang_up()
                        return

        def respond_alone(self, fault):
            self.send_response(fault.status)
            for key, value in fault.headers:
                self.send_header(key, value)
            if not {"Content-Length", "Transfer-Encoding"} & dict(fault.headers).keys():
                self.send_header("Content-Length", str(len(fault.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(fault.body)

        def read_form(self) -> bytes:
            """Return the body of a request of a token; leave that of others unread."""
            if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
                return b""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.headers.replace_header("Content-Length", "0")
            return body

        def take_body(self):
            left = int(self.headers.get("Content-Length", 0))
            while left > 0:
                left -= len(self.rfile.read(min(left, _PIECE))) or left

        def hang_up(self):
            self.wfile.flush()
            self.close_connection = True

    for method in ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.forward)
    return Handler


@pytest.fixture
def proxy_of():
    """Start a proxy in front of a registry and return it."""
    # The collection below looks at the objects of this test only, and not at all modules.
    gc.freeze()
    with ExitStack() as running:

        def put_before(registry: Registry, *faults: Fault) -> Proxy:
            proxy = Proxy(registry.url)
            proxy.faults += faults
            thread = threading.Thread(target=proxy.server.serve_forever, args=(0.01,))
            thread.start()
            running.callback(thread.join)
            running.callback(proxy.server.server_close)
            running.callback(proxy.server.shutdown)
            return proxy

        yield put_before
    # Connections that a fault cut off are closed when their objects go: here, and not in the
    # middle of another test, which would fail by the warning.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.unfreeze()


@pytest.fixture
def fault() -> Callable[..., Fault]:
    """The class `Fault`."""
    return Fault
