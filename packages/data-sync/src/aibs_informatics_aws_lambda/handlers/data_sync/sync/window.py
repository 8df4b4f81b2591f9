"""A window of limited capacity for work in flight."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


class Window:
    """Limits the futures in flight.

    The thread that adds futures also handles their completion.

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
            finish: handles the completed future, in the thread that calls `add` or `drain`.
            weight: the capacity that the future uses.

        Raises:
            Exception: an error raised by the ``finish`` of an earlier future.
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
