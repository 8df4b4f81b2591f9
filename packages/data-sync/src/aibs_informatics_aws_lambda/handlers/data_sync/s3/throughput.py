"""The minimum throughput of requests, which distinguishes a peer that trickles from a slow line.

The library ends an attempt after 30 seconds without a byte. A byte every few seconds would keep it
waiting for as long as the peer likes.

A line may be slow, and many connections may share it, so that each of them has next to nothing. A
request is too slow if, for a minute,

- all connections of this process together are below the minimum, or
- it is itself below a fair share of the minimum, among all requests in flight, and does not wait
  for others.

Its own bytes are known by whole parts only: what may have arrived of further ones is counted as
arrived. So no request above the minimum is ever ended.
"""

from collections import deque
from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

from aibs_informatics_aws_lambda.common.tcp import Traffic

from ..rate_limits import RateLimits

MINIMUM_BYTES_PER_SECOND = 4096
"""The minimum throughput; a modem of 56 kbit/s has more."""

# Requests that share a line have unequal shares.
_UNEQUAL = 4
# A limit lets through so many blocks or requests while nobody is called slow.
_TURNS = 4

K = TypeVar("K", bound=Hashable)


class Minimum(NamedTuple):
    """A minimum throughput.

    Args:
        bytes_per_second: the throughput.
        seconds: how long a request may be below it.
    """

    bytes_per_second: float
    seconds: float


def minimum_within(limits: RateLimits | None, seconds: float) -> Minimum:
    """Return the minimum throughput of requests, which may wait for limits of their own side.

    Args:
        limits: the limits, if there are any.
        seconds: how long a request without limits may be below the minimum.
    """
    minimum = float(MINIMUM_BYTES_PER_SECOND)
    if limits and limits.bandwidth:
        minimum = min(minimum, limits.bandwidth / _UNEQUAL)
        seconds = max(seconds, _TURNS * (limits.block_bytes or 0) / limits.bandwidth)
    if limits and limits.requests_per_second:
        seconds = max(seconds, _TURNS / limits.requests_per_second)
    return Minimum(minimum, seconds)


class InFlight(NamedTuple):
    """A request in flight.

    Args:
        done: the bytes that are known to have been transferred.
        unknown: the further bytes that may have been transferred.
        sends: whether the request uploads.
        is_held: whether it waits for this process, which has not taken what has arrived.
    """

    done: int
    unknown: int
    sends: bool = False
    is_held: bool = False


def is_too_slow(
    minimum: Minimum, seconds: float, done: float, line: float | None, sharing: int
) -> bool:
    """Return whether a request is below the minimum throughput.

    Args:
        minimum: the minimum.
        seconds: how long the request has been in flight, or below the minimum.
        done: the bytes per second that it has transferred at most.
        line: the bytes per second of all connections, if they are known.
        sharing: the number of requests in flight; 0 if some of them wait for others.
    """
    if seconds < minimum.seconds:
        return False
    if line is not None and line < minimum.bytes_per_second:
        return True
    return bool(sharing) and done < minimum.bytes_per_second / (_UNEQUAL * sharing)


class _Mark(NamedTuple):
    time: float
    done: int


class Throughputs:
    """The throughput of the requests in flight, as they are looked at from time to time.

    Args:
        minimum: the minimum throughput.

    Attributes:
        minimum: the same.
    """

    def __init__(self, minimum: Minimum) -> None:
        self.minimum = minimum
        self._marks: dict[Hashable, _Mark] = {}
        self._line: deque[tuple[float, Traffic]] = deque()

    def find_slow(
        self,
        now: float,
        requests: Mapping[K, InFlight],
        traffic: Traffic | None,
        *,
        is_queue: bool = False,
    ) -> dict[K, float]:
        """Return the requests that are too slow, with the throughput that they have at most.

        Args:
            now: the time in seconds.
            requests: the requests in flight.
            traffic: the bytes of all connections so far, if they are known.
            is_queue: whether some requests may wait for others.
        """
        self._marks = {key: mark for key, mark in self._marks.items() if key in requests}
        lines = self._lines(now, traffic)
        slow = {}
        for key, request in requests.items():
            mark = self._marks.setdefault(key, _Mark(now, request.done))
            seconds, done = now - mark.time, request.done - mark.done
            line = lines and (lines.sent if request.sends else lines.received)
            most = (done + request.unknown) / seconds if seconds else float("inf")
            sharing = 0 if is_queue else len(requests)
            if request.is_held:
                self._marks[key] = _Mark(now, request.done)
            elif is_too_slow(self.minimum, seconds, most, line, sharing):
                slow[key] = most if line is None else min(most, line)
            elif seconds >= self.minimum.seconds and self._is_fast(done / seconds):
                self._marks[key] = _Mark(now, request.done)
        return slow

    def _is_fast(self, throughput: float) -> bool:
        return throughput >= self.minimum.bytes_per_second

    def _lines(self, now: float, traffic: Traffic | None) -> "_Rates | None":
        """Return the bytes per second of all connections in the last window."""
        if traffic is None:
            self._line.clear()
            return None
        self._line.append((now, traffic))
        while len(self._line) > 1 and now - self._line[1][0] >= self.minimum.seconds:
            self._line.popleft()
        since, before = self._line[0]
        seconds = now - since
        if seconds < self.minimum.seconds:
            return None
        received, sent = traffic.received - before.received, traffic.sent - before.sent
        return _Rates(received / seconds, sent / seconds)


class _Rates(NamedTuple):
    received: float
    sent: float
