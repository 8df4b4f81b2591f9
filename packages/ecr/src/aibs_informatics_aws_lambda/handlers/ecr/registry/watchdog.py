"""Warn about registries that do not respond, and disconnect from registries that trickle."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic, sleep
from types import TracebackType
from typing import Self

from aibs_informatics_aws_lambda.common.tcp import read_traffic

_WARN_SECONDS = 15.0

MINIMUM_BYTES_PER_SECOND = 256
"""The minimum throughput of a response: 32 concurrent responses reach it over 8 KiB/s."""

_SLOW_SECONDS = 60.0

logger = logging.getLogger(__name__)


class _Monitor:
    """Checks all active watchdogs in one thread, which ends when there are none.

    An image with many layers takes hundreds of requests per second: a thread for each of them
    would cost more than the request.
    """

    def __init__(self) -> None:
        self.is_running = False
        self._watched: set[Watchdog] = set()
        self._lock = threading.Lock()

    def add(self, watchdog: "Watchdog") -> None:
        """Start to check a watchdog."""
        with self._lock:
            self._watched.add(watchdog)
            is_running, self.is_running = self.is_running, True
        if not is_running:
            threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def remove(self, watchdog: "Watchdog") -> None:
        """Stop checking a watchdog."""
        with self._lock:
            self._watched.discard(watchdog)

    def _run(self) -> None:
        while watched := self._active():
            now = monotonic()
            sleep(min(watchdog.check(now) for watchdog in watched))

    def _active(self) -> list["Watchdog"]:
        with self._lock:
            self.is_running = bool(self._watched)
            return list(self._watched)


_monitor = _Monitor()


class Watchdog:
    """Warns after each 15 seconds in which a registry neither sends nor takes anything.

    A connection times out after a minute without a byte. It is shut down
    if its response stays below the minimum throughput for a minute.

    Args:
        action: the action to name in the warning, to follow "waiting to".
    """

    def __init__(self, action: str) -> None:
        self._action = action
        self._since: float | None = monotonic()
        self._warned_at = self._since
        self._socket: socket.socket | None = None
        self._received_before: int | None = None
        self._rate: float | None = None

    def __enter__(self) -> Self:
        _monitor.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._since = None
        _monitor.remove(self)

    def received(self, chunks: Iterator[bytes], descriptor: int | None = None) -> Iterator[bytes]:
        """Yield the chunks that arrive; the time that their reader takes does not count.

        Args:
            chunks: the chunks.
            descriptor: the file descriptor of their connection, if it is known.

        Raises:
            ProtocolError: the response was below the minimum throughput.
        """
        # A duplicate, since the original may be closed at any time.
        self._rate = None
        self._socket = None if descriptor is None else socket.socket(fileno=os.dup(descriptor))
        try:
            while True:
                self._received_before = _bytes_received(self._socket)
                self._since = monotonic()
                chunk = self._next(chunks)
                self._since = None
                if chunk is None:
                    return
                yield chunk
        finally:
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    def _next(self, chunks: Iterator[bytes]) -> bytes | None:
        from urllib3.exceptions import HTTPError, ProtocolError

        try:
            chunk = next(chunks, None)
        except HTTPError:
            if self._rate is None:
                raise
        # Without a length, the response would seem to be complete.
        if self._rate is not None:
            raise ProtocolError(
                f"{self._rate:.0f} bytes per second for {_SLOW_SECONDS:.0f} seconds, and the "
                f"minimum is {MINIMUM_BYTES_PER_SECOND}"
            )
        return chunk

    def sent(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks to send; the time that it takes to read them does not count."""
        while True:
            self._since = None
            chunk = next(chunks, None)
            self._since = monotonic()
            if chunk is None:
                return
            yield chunk

    def check(self, now: float) -> float:
        """Warn if nothing has happened for 15 seconds; return the seconds to the next check."""
        since = self._since
        if since is None:
            return _WARN_SECONDS
        remaining = max(since, self._warned_at) + _WARN_SECONDS - now
        if remaining > 0:
            return remaining
        logger.warning("Nothing for %.0f seconds: waiting to %s", now - since, self._action)
        self._warned_at = now
        self._end_trickle(now - since)
        return _WARN_SECONDS

    def _end_trickle(self, seconds: float) -> None:
        """Shut the connection down if its response is below the minimum throughput."""
        connection, before = self._socket, self._received_before
        now = _bytes_received(connection)
        if connection is None or before is None or now is None:
            return
        if is_too_slow(seconds, now - before):
            self._rate = (now - before) / seconds
            # It may be closed by now.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def is_too_slow(seconds: float, size: int) -> bool:
    """Return whether a response is below the minimum throughput.

    Args:
        seconds: the time spent waiting for a chunk.
        size: the number of bytes received in that time.
    """
    return seconds >= _SLOW_SECONDS and size < MINIMUM_BYTES_PER_SECOND * seconds


def _bytes_received(connection: socket.socket | None) -> int | None:
    """Return the bytes that a connection has received, if there is one and they are counted."""
    traffic = None if connection is None else read_traffic(connection)
    return None if traffic is None else traffic.received
