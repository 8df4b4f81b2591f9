"""Limits of bytes and requests per second, which transfers of a sync share.

Each is a token bucket, kept as the time at which all that was taken is paid for: that is a single
number, which processes can share.
"""

import time
from collections.abc import Callable
from threading import Event, Lock
from typing import Any, NamedTuple, Protocol

from .progress import CheckDeadline, OutOfTimeError

_BURST_SECONDS_OF_BYTES = 0.25
_BURST_SECONDS_OF_REQUESTS = 1.0
_LEAST_BLOCK_BYTES = 16 * 2**10
_CHECK_SECONDS = 1.0

# A process that was killed may have kept the lock of a shared state.
_LOCK_SECONDS = 1.0


class Time(Protocol):
    """A time in seconds; `multiprocessing.RawValue` is one that processes share."""

    value: float


class PaidUntil(NamedTuple):
    """The time at which all that was taken is paid for.

    Args:
        time: the time.
        lock: the lock that is held while the time is changed: that of threads or of processes.
    """

    time: Time
    lock: Any


class _OwnTime:
    """A time that one process has."""

    value = 0.0


class RateLimiter:
    """A token bucket.

    Args:
        rate: the limit, per second.
        burst_seconds: how much can be taken at once, as the time in which the bucket fills.
        paid_until: the state, which other processes may share.
        clock: returns the time in seconds, the same in all processes that share the state.
    """

    def __init__(
        self,
        rate: float,
        burst_seconds: float,
        paid_until: PaidUntil | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._burst_seconds = burst_seconds
        self._paid_until = paid_until or PaidUntil(_OwnTime(), Lock())
        self._clock = clock

    @property
    def burst(self) -> float:
        """How much can be taken at once."""
        return self._rate * self._burst_seconds

    def reserve(self, amount: float) -> float:
        """Take an amount, and return the seconds until it may be used."""
        paid_until, lock = self._paid_until
        is_held = lock.acquire(timeout=_LOCK_SECONDS)
        try:
            now = self._clock()
            start = max(paid_until.value, now - self._burst_seconds)
            paid_until.value = start + amount / self._rate
            return max(0.0, paid_until.value - now)
        finally:
            if is_held:
                lock.release()


class SharedStates(NamedTuple):
    """The states of the limits, for all processes of a run.

    Args:
        size: that of bytes.
        requests: that of requests.
    """

    size: PaidUntil
    requests: PaidUntil


class RateLimits:
    """The limits of a run. Whoever takes more than there is waits, in its own thread.

    Args:
        bandwidth: the bytes per second of uploads, downloads and local copies together, if they
            are limited.
        requests_per_second: the requests to S3 per second, if they are limited.
        shared: the states, if other processes share them.
        clock: returns the time in seconds.
        sleep: waits for some seconds, or until it is interrupted; by default that of an event.
    """

    def __init__(
        self,
        bandwidth: int | None = None,
        requests_per_second: float | None = None,
        shared: SharedStates | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], bool] | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.requests_per_second = requests_per_second
        self._size = bandwidth and RateLimiter(
            bandwidth, _BURST_SECONDS_OF_BYTES, shared and shared.size, clock
        )
        self._requests = requests_per_second and RateLimiter(
            requests_per_second, _BURST_SECONDS_OF_REQUESTS, shared and shared.requests, clock
        )
        self._interrupted = Event()
        self._sleep = sleep or self._interrupted.wait

    @property
    def block_bytes(self) -> int | None:
        """The number of bytes to take at once; `None` if bytes are not limited."""
        return max(_LEAST_BLOCK_BYTES, int(self._size.burst)) if self._size else None

    def reserve(self, size: int, requests: int) -> float:
        """Take bytes and requests, and return the seconds until they may be used."""
        seconds = self._size.reserve(size) if self._size and size else 0.0
        if self._requests and requests:
            seconds = max(seconds, self._requests.reserve(requests))
        return seconds

    def take(self, size: int = 0, requests: int = 0, check: CheckDeadline = lambda: None) -> None:
        """Take bytes and requests, and wait until they may be used.

        Args:
            size: the number of bytes.
            requests: the number of requests.
            check: called each second; an error that it raises ends the wait.

        Raises:
            OutOfTimeError: the wait was interrupted.
        """
        seconds = self.reserve(size, requests)
        while seconds > 0:
            check()
            if self._sleep(min(seconds, _CHECK_SECONDS)):
                raise OutOfTimeError("a wait for a rate limit was interrupted")
            seconds -= _CHECK_SECONDS

    def interrupt(self) -> None:
        """End all waits with an error, and those to come, until `resume`."""
        self._interrupted.set()

    def resume(self) -> None:
        """Let transfers wait again."""
        self._interrupted.clear()
