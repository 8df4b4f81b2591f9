"""Work in flight: so much at a time, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


class Window:
    """Runs futures, as many at a time as there is room for.

    Whoever adds one handles those that have ended.

    Args:
        room: the sum of the weights of what is under way at most.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._used = 0
        self._due: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def add(
        self,
        start: Callable[[], Future[Result]],
        finish: Callable[[Future[Result]], None],
        weight: int = 1,
    ) -> None:
        """Start something as soon as there is room.

        Args:
            start: starts it.
            finish: takes the future when it has ended, in the thread that calls `add` or `drain`.
            weight: how much of the room it takes.

        Raises:
            Exception: what the ``finish`` of anything that was added before raises.
        """
        while self._used and self._used + weight > self._room:
            self._due.get()()
        future = start()
        self._used += weight
        future.add_done_callback(
            lambda ended: self._due.put(lambda: self._end(ended, finish, weight))
        )

    def call(self, note: Callable[[], None]) -> None:
        """Have something called, from any thread, in the one that calls `add` or `drain`."""
        self._due.put(note)

    def is_empty(self) -> bool:
        """Tell whether nothing is under way."""
        return not self._used

    def drain(self, seconds: float | None = None) -> None:
        """Wait for all that is under way.

        Args:
            seconds: for how long at most; the rest stays under way.

        Raises:
            Exception: what the ``finish`` of any of it raises.
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
