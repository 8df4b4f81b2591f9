"""A registry that sends a few bytes now and then does not hold up a transfer for ever."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from aibs_informatics_aws_lambda.handlers.ecr.registry import watchdog
from aibs_informatics_aws_lambda.handlers.ecr.registry.connection import RegistryConnection
from aibs_informatics_aws_lambda.handlers.ecr.registry.protocol import (
    InterruptedTransferError,
    RegistryError,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.watchdog import (
    MINIMUM_BYTES_PER_SECOND,
    is_too_slow,
)
from tables import table

BODY = bytes(30_000)
TRICKLE = r"no response from http://[\d.:]+: .*\d+ bytes per second for 60 seconds, and the min"


class Clock:
    """A clock that only the registry and the tests advance.

    Attributes:
        now: the time.
        checks: the number of times that the monitor slept.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.checks = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.checks += 1
        time.sleep(0.001)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watchdog, "monotonic", made)
    monkeypatch.setattr(watchdog, "sleep", made.sleep)
    monkeypatch.setattr(watchdog, "_monitor", watchdog._Monitor())
    return made


class Registry:
    """Sends the bodies of its first responses slowly.

    Attributes:
        slow: the number of these responses.
        bytes_per_second: their rate. Below the minimum, a response never ends.
        has_length: whether a response names the length of its body.
        requests: the number of requests.
    """

    def __init__(self) -> None:
        self.slow = 0
        self.bytes_per_second = 10
        self.has_length = True
        self.requests = 0


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def connection(registry: Registry, clock: Clock) -> Iterator[RegistryConnection]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            registry.requests += 1
            self.send_response(200)
            if registry.has_length:
                self.send_header("Content-Length", str(len(BODY)))
            else:
                self.close_connection = True
            self.end_headers()
            if registry.requests > registry.slow:
                self.wfile.write(BODY)
            else:
                self.trickle(registry.bytes_per_second)

        def trickle(self, size: int) -> None:
            self.close_connection = True
            # The last byte of a response below the minimum is never sent.
            end = len(BODY) - (size < MINIMUM_BYTES_PER_SECOND)
            start = 0
            while start < len(BODY) and not self.is_closed():
                self.wfile.write(BODY[start : min(start + size, end)])
                start = min(start + size, end)
                clock.now += 1

        def is_closed(self) -> bool:
            """Wait for a millisecond, and return whether the client has disconnected."""
            # Unlike `select`, for any number of open files.
            poll = select.poll()
            poll.register(self.connection, select.POLLIN)
            return bool(poll.poll(1))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    host, port = server.server_address[:2]
    made = RegistryConnection(f"http://{host!s}:{port}")
    yield made
    made._pool.clear()
    server.shutdown()
    thread.join()
    server.server_close()


def request(connection: RegistryConnection) -> bytes:
    return connection.request("get it", "GET", "/v2/", expect=(200,)).body


def stream(connection: RegistryConnection) -> bytes:
    with connection.stream("pull it", "/v2/", {}, (200,)) as (_, chunks):
        return b"".join(chunks)


@pytest.mark.parametrize("has_length", [True, False])
def test_response_that_trickles_is_requested_again(registry, connection, has_length):
    registry.slow, registry.has_length = 1, has_length
    assert request(connection) == BODY
    assert registry.requests > 1


def test_response_that_always_trickles_is_an_error_with_the_rate(registry, connection):
    registry.slow = 100
    with pytest.raises(RegistryError, match=f"cannot get it: {TRICKLE}"):
        request(connection)
    assert registry.requests == 5


@pytest.mark.parametrize("has_length", [True, False])
def test_blob_that_trickles_is_an_interruption(registry, connection, has_length):
    registry.slow, registry.has_length = 1, has_length
    with pytest.raises(InterruptedTransferError, match=f"cannot pull it: {TRICKLE}"):
        stream(connection)


@pytest.mark.parametrize("get", [request, stream])
def test_slow_response_above_the_minimum_arrives(registry, connection, clock, get):
    registry.slow, registry.bytes_per_second = 1, MINIMUM_BYTES_PER_SECOND + 1
    get_it: Callable[[RegistryConnection], bytes] = get
    assert get_it(connection) == BODY
    assert (registry.requests, clock.now > 60) == (1, True)


def test_time_of_the_reader_is_not_that_of_the_registry(connection, clock):
    with connection.stream("pull it", "/v2/", {}, (200,)) as (_, chunks):
        first = next(chunks)
        clock.now += 600
        checks = clock.checks
        while clock.checks < checks + 2:
            time.sleep(0.001)
        assert first + b"".join(chunks) == BODY


@table(
    "seconds, size, slow",
    {
        "less than a minute": (59, 0, False),
        "a minute below the minimum": (60, 256 * 60 - 1, True),
        "a minute at the minimum": (60, 256 * 60, False),
        "a large chunk for long": (600, 1 << 20, False),
        "a large chunk that never comes": (6000, 1 << 20, True),
    },
)
def test_which_response_is_too_slow(seconds, size, slow):
    assert is_too_slow(seconds, size) is slow
