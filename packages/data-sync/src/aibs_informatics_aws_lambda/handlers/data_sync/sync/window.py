"""A window of limited capacity for work in flight."""

import logging
import math
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeAlias, TypeVar

from ..s3.client import SILENCE_SECONDS

logger = logging.getLogger(__name__)

Result_co = TypeVar("Result_co", covariant=True)


class AnyFuture(Protocol[Result_co]):
    """A `concurrent.futures.Future`, or what has the same methods."""

    def result(self) -> Result_co:
        """Wait for the result, and return it, or raise the error."""

    def exception(self) -> BaseException | None:
        """Wait for the result, and return the error instead of one, if there is one."""

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Call a function with the future once it is done, in any thread."""


Started = TypeVar("Started", bound=AnyFuture[Any])

# A function to call with a future that is done, the future, its weight and its size.
_Due: TypeAlias = tuple[Callable[[Any], None], Any, int, int]


class Window:
    """Limits the futures in flight.

    The thread that adds futures also handles their completion.

    Args:
        capacity: the maximum sum of the weights of the futures in flight.
        most_bytes: the maximum number of bytes that the futures in flight hold in memory; one that
            holds more is alone among those that hold any.
    """

    def __init__(self, capacity: int, most_bytes: float = math.inf) -> None:
        self._capacity = capacity
        self._most_bytes = most_bytes
        self._used = 0
        self._bytes = 0
        self._is_ending = False
        self._due: SimpleQueue[_Due] = SimpleQueue()

    def add(
        self,
        start: Callable[[], Started],
        finish: Callable[[Started], None],
        weight: int = 1,
        size: int = 0,
    ) -> None:
        """Start a future as soon as there is capacity.

        Args:
            start: starts the future.
            finish: handles the completed future, in the thread that calls `add` or `drain`.
            weight: the capacity that the future uses.
            size: the number of bytes that it holds in memory.

        Raises:
            Exception: an error raised by the ``finish`` of an earlier future.
        """
        # What the end of a future starts takes its place. If it waited for others, whose ends wait
        # in turn, this would be a recursion as deep as the window, once the capacity has fallen.
        while not self._is_ending and self._is_full(weight, size):
            self._end(*self._take())
        future = start()
        self._used += weight
        self._bytes += size
        due = self._due
        future.add_done_callback(lambda ended: due.put((finish, ended, weight, size)))

    def call(self, note: Callable[[], None]) -> None:
        """Schedule a call, from any thread, in the thread that calls `add` or `drain`."""
        self._due.put((lambda _: note(), None, 0, 0))

    def _is_full(self, weight: int, size: int) -> bool:
        if size and self._bytes and self._bytes + size > self._most_bytes:
            return True
        return bool(self._used) and self._used + weight > self._capacity

    def is_empty(self) -> bool:
        """Return whether no future is in flight."""
        return not self._used

    def drain(self, seconds: float | None = None) -> None:
        """Wait for all futures in flight.

        Args:
            seconds: the timeout; futures that are not done by then stay in flight.

        Raises:
            Exception: an error raised by the ``finish`` of one of them.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while self._used:
            try:
                due = self._take(end)
            except Empty:
                return
            self._end(*due)

    def note_work(self, size: int) -> None:
        """Count a transfer of some bytes that has ended."""

    def settle(self) -> None:
        """Wait for all futures in flight, whatever errors they or their handling end in."""
        while self._used:
            try:
                self._end(*self._take())
            except Exception:
                logger.debug("A future in flight failed as well", exc_info=True)

    def _take(self, end: float | None = None) -> _Due:
        """Wait for the next future that is done, or call, and warn if that takes long.

        Raises:
            Empty: there was none until the end, a time of the monotonic clock.
        """
        while True:
            left = SILENCE_SECONDS if end is None else max(0.0, end - time.monotonic())
            try:
                return self._due.get(timeout=min(left, SILENCE_SECONDS))
            except Empty:
                if left <= SILENCE_SECONDS and end is not None:
                    raise
                logger.warning(
                    "Nothing has ended for %.0f seconds, not even a part of a large file: still "
                    "waiting. A request is retried after 30 seconds without a byte",
                    SILENCE_SECONDS,
                )

    def _end(self, finish: Callable[[Any], None], future: Any, weight: int, size: int) -> None:
        self._used -= weight
        self._bytes -= size
        self._is_ending = True
        try:
            finish(future)
        finally:
            self._is_ending = False


class AdaptiveWindow(Window):
    """A window whose capacity follows the throughput.

    The capacity doubles as long as that raises the throughput, as the slow start of TCP (RFC 5681)
    does; otherwise it returns to the one before, and a higher one is tried again later. It is
    halved where the throughput collapses for a second, as it does when a service throttles
    requests; a shorter collapse is that of a processor which other processes use as well.

    Args:
        most: the maximum capacity.
        clock: returns the time in seconds.
        sleep: waits for some seconds.
        most_bytes: the maximum number of bytes that the futures in flight hold in memory.
    """

    def __init__(
        self,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        most_bytes: float = math.inf,
    ) -> None:
        super().__init__(min(_FIRST_CAPACITY, most), most_bytes)
        self._most = most
        self._clock = clock
        self._sleep = sleep
        self._since = clock()
        self._work = 0
        self._best = 0.0
        self._before: int | None = None
        self._settled_until = 0.0
        self._steady_until = self._since

    def note_work(self, size: int) -> None:
        """Count a transfer of some bytes that has ended."""
        self._work += _BYTES_OF_A_REQUEST + size
        now = self._clock()
        seconds = now - self._since
        if seconds < _INTERVAL_SECONDS:
            return
        throughput, self._since, self._work = self._work / seconds, now, 0
        self._capacity = self._next_capacity(throughput, now)

    def _take(self, end: float | None = None) -> _Due:
        # Responses from a distance arrive one by one. While several gather, the thread that
        # receives them need not take turns with this one.
        if self._due.empty():
            self._sleep(_GATHERING_SECONDS)
        return super()._take(end)

    def _next_capacity(self, throughput: float, now: float) -> int:
        if self._before is not None and throughput < _GAIN * self._best:
            before, self._before = self._before, None
            self._settled_until, self._steady_until = now + _SETTLED_SECONDS, now
            return before
        if throughput < _COLLAPSE * self._best:
            if now - self._steady_until < _COLLAPSED_SECONDS:
                return self._capacity
            # What was reached before does not count any more.
            self._best, self._steady_until = throughput, now
            self._settled_until = now + _SETTLED_SECONDS
            return max(min(_LEAST_CAPACITY, self._most), self._capacity // 2)
        self._best, self._steady_until = max(throughput, self._best), now
        self._before = None
        if now < self._settled_until or self._capacity == self._most:
            return self._capacity
        self._before = self._capacity
        return min(2 * self._capacity, self._most)


_FIRST_CAPACITY = 256
_LEAST_CAPACITY = 8
_INTERVAL_SECONDS = 0.2
_GATHERING_SECONDS = 0.004
_SETTLED_SECONDS = 5.0
_GAIN = 1.1
_COLLAPSE = 0.4
_COLLAPSED_SECONDS = 1.0
# A request at a distance of some 10 ms takes as long as so many bytes.
_BYTES_OF_A_REQUEST = 2**20
