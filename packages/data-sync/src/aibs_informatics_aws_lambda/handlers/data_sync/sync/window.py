"""A window of limited capacity for work in flight."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


class Window:
    """Limits the futures in flight.

    The thread that adds futures also handles those that have ended.

    Args:
        capacity: the maximum sum of the weights of the futures in flight.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._used = 0
        self._due: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def add(
        self,
        start: Callable[[], Future[Result]],
        finish: Callable[[Future[Result]], None],
        weight: int = 1,
    ) -> None:
        """Start a future as soon as there is capacity.

        Args:
            start: starts the future.
            finish: handles the ended future, in the thread that calls `add` or `drain`.
            weight: the capacity that the future takes.

        Raises:
            Exception: the error that the ``finish`` of an earlier future raises.
        """
        while self._used and self._used + weight > self._capacity:
            self._due.get()()
        future = start()
        self._used += weight
        future.add_done_callback(
            lambda ended: self._due.put(lambda: self._end(ended, finish, weight))
        )

    def call(self, note: Callable[[], None]) -> None:
        """Schedule a call, from any thread, in the thread that calls `add` or `drain`."""
        self._due.put(note)

    def is_empty(self) -> bool:
        """Tell whether nothing is in flight."""
        return not self._used

    def drain(self, seconds: float | None = None) -> None:
        """Wait for all futures in flight.

        Args:
            seconds: the longest time to wait; what has not ended by then stays in flight.

        Raises:
            Exception: the error that the ``finish`` of one of them raises.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while self._used:
            left = None if end is None else max(0.0, end - time.monotonic())
            try:
                self._due.get(timeout=left)()
            except Empty:
                return

    def _end(
        self, future: Future[Result], finish: Callable[[Future[Result]], None], weight: int
    ) -> None:
        self._used -= weight
        finish(future)
