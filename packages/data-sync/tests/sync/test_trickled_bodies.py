"""A service that sends or takes a few bytes now and then does not hold up a sync for ever."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.rate_limits import RateLimits
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import client, throughput
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request
from aibs_informatics_aws_lambda.handlers.data_sync.sync import engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import Call, Fault, Reply
from servers import aws_settings

KIB = 1024
MINIMUM = 100_000


class Clock:
    """A clock that stands still except where it is advanced: no transfer is slow on its own.

    Args:
        log: the log, which tells how many attempts have been ended.
    """

    def __init__(self, log: pytest.LogCaptureFixture) -> None:
        self.now = 1000.0
        self._log = log

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        """Advance the clock, and take a moment. Return false: nothing interrupts it."""
        self.now += seconds
        time.sleep(0.005)
        return False

    def hold_up(self, attempt: int, seconds: float) -> None:
        """Let some seconds pass, unless this attempt has been ended: the next one has begun."""
        is_ended = self._log.text.count("This attempt is ended") >= attempt
        self.sleep(0 if is_ended else seconds)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Clock:
    """The clock that throughput is measured by. The requests are looked at every 10 ms."""
    clock = Clock(caplog)
    monkeypatch.setattr(client, "time", clock)
    monkeypatch.setattr(client, "SLOW_SECONDS", 0.4)
    monkeypatch.setattr(client, "_LOOKS", 40)
    monkeypatch.setattr(client, "_FIRST_WAIT_MS", 1)
    monkeypatch.setattr(throughput, "MINIMUM_BYTES_PER_SECOND", MINIMUM)
    return clock


def sync(source: object, destination: object, **options):
    return Engine().sync(
        DataSyncRequest(source_path=str(source), destination_path=str(destination), **options)
    )


def trickling(clock: Clock, operation: str, *, first: int, seconds: float = 0.1) -> Fault:
    """Send the bodies of the first responses of an operation at a kilobyte in so many seconds."""

    def fault(call: Call, proceed: Callable[[], Reply]) -> Reply:
        if call.operation != operation or call.number > first:
            return proceed()
        return replace(proceed(), pause=partial(clock.hold_up, call.number, seconds))

    return fault


@pytest.mark.parametrize("size", [64 * KIB, 9 * KIB * KIB])
def test_body_that_trickles_is_requested_again(s3, clock, tmp_path: Path, caplog, size):
    content = bytes(size)
    s3.put("bucket", "src/a", content)
    s3.fault = trickling(clock, "GetObject", first=1)
    assert sync("s3://bucket/src/", tmp_path / "dst").result.files_transferred == 1
    assert (tmp_path / "dst/a").read_bytes() == content
    assert "This attempt is ended" in caplog.text


def test_body_that_always_trickles_is_an_error_with_object_and_rate(s3, clock, tmp_path: Path):
    s3.put("bucket", "src/a", bytes(300 * KIB))
    s3.fault = trickling(clock, "GetObject", first=100)
    expected = (
        rf"cannot download s3://bucket/src/a to {tmp_path}/dst/a: at most [\d,]+ bytes per second "
        r"for 0 seconds, and the minimum is 100,000\. Check the network"
    )
    with pytest.raises(AWSError, match=expected):
        sync("s3://bucket/src/", tmp_path / "dst", retries=1)
    assert sum(call.operation == "GetObject" for call in s3.calls) == 2
    assert not (tmp_path / "dst/a").exists()


def test_other_files_arrive_where_one_trickles(s3, clock, tmp_path: Path):
    for name, size in {"a": 64, "b": 2000, "c": 64}.items():
        s3.put("bucket", f"src/{name}", bytes(size * KIB))

    def trickle() -> None:
        # Those that share a slow line are slow themselves.
        have_arrived = all((tmp_path / "dst" / name).exists() for name in "ac")
        clock.hold_up(1, 0.1 if have_arrived else 0)

    def fault(call: Call, proceed: Callable[[], Reply]) -> Reply:
        return replace(proceed(), pause=trickle) if call.key == "src/b" else proceed()

    s3.fault = fault
    options = {"continue_on_error": True, "retries": 0}
    response = sync("s3://bucket/src/", tmp_path / "dst", **options)
    assert (response.result.files_transferred, response.result.files_failed) == (2, 1)
    assert [file.path for file in response.result.failed_files] == ["s3://bucket/src/b"]


def test_listing_that_trickles_is_requested_again(s3, clock, tmp_path: Path, caplog):
    for number in range(100):
        s3.put("bucket", f"src/{number:040}", b"x")
    s3.fault = trickling(clock, "ListObjectsV2", first=1)
    response = sync("s3://bucket/src/", tmp_path / "dst", dry_run=True)
    assert response.result.files_transferred == 100
    assert "cannot list s3://bucket/src/: at most" in caplog.text


def test_slow_body_above_the_minimum_arrives(s3, clock, tmp_path: Path, caplog):
    s3.put("bucket", "src/a", bytes(250 * KIB))
    s3.fault = trickling(clock, "GetObject", first=100, seconds=0.003)
    assert sync("s3://bucket/src/", tmp_path / "dst").result.files_transferred == 1
    assert not caplog.records


@pytest.mark.parametrize("direction", ["up", "down"])
def test_bandwidth_below_the_minimum_ends_no_transfer(
    s3, clock, monkeypatch, tmp_path: Path, caplog, direction
):
    caplog.set_level(logging.WARNING)
    limits = partial(RateLimits, clock=clock.monotonic, sleep=clock.sleep)
    monkeypatch.setattr(engine, "RateLimits", limits)
    there, here = "s3://bucket/src/", tmp_path / "here"
    here.mkdir()
    # Takes longer than the window, with what is sent at once.
    content = bytes(40 * KIB)
    if direction == "down":
        s3.put("bucket", "src/a", content)
    else:
        (here / "a").write_bytes(content)
    locations = (there, here) if direction == "down" else (here, there)
    assert sync(*locations, bandwidth=50 * KIB).result.files_transferred == 1
    assert "attempt is ended" not in caplog.text


class SlowReader:
    """A service that takes the body of the first uploads at a kilobyte in 0.05 seconds.

    Args:
        slow: the number of these uploads.
        clock: the clock.
    """

    def __init__(self, slow: int, clock: Clock) -> None:
        self._clock = clock
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.uploads = 0
        self._slow = slow
        self._is_closed = False
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._is_closed = True
        self._server.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for connection in self._connections:
            # A client may hold one open that it sends nothing by.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        self._server.close()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection):
            try:
                self._take(connection)
            except OSError:
                return

    def _take(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            found = connection.recv(1)
            if not found:
                return
            head += found
        [length] = [
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        self.uploads += 1
        number = self.uploads
        while length and not self._is_closed:
            found = connection.recv(min(KIB, length))
            if not found:
                return
            length -= len(found)
            if number <= self._slow:
                self._clock.hold_up(number, 0.05)
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n')


@pytest.fixture
def slow_reader(monkeypatch, request, clock: Clock) -> Iterator[SlowReader]:
    with closing(SlowReader(request.param, clock)) as server:
        for name, value in aws_settings(server.url).items():
            monkeypatch.setenv(name, value)
        yield server


def upload(path: Path) -> Request:
    return Request(
        "PutObject",
        "s3:PutObject",
        "bucket",
        "a",
        "PUT",
        send_file=str(path),
        size=path.stat().st_size,
        keeps_headers=True,
    )


@pytest.mark.parametrize("slow_reader", [1], indirect=True)
def test_upload_that_is_taken_byte_by_byte_is_sent_again(slow_reader, tmp_path: Path):
    (tmp_path / "a").write_bytes(bytes(4 * KIB * KIB))
    assert S3(8).ask(upload(tmp_path / "a")).headers["etag"] == '"e"'
    assert slow_reader.uploads == 2


@pytest.mark.parametrize("slow_reader", [100], indirect=True)
def test_upload_that_is_always_taken_byte_by_byte_is_an_error(slow_reader, tmp_path: Path):
    (tmp_path / "a").write_bytes(bytes(4 * KIB * KIB))
    with pytest.raises(AWSError, match=r"cannot upload .*/a to s3://bucket/a: at most [\d,]+ "):
        S3(8, retries=1).ask(upload(tmp_path / "a"))
    assert slow_reader.uploads == 2
