"""Work in flight: so much at a time, and no more."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Window"]

Result = TypeVar("Result")


class Window:
    """Runs futures, up to a number at a time. Whoever adds one handles those that have ended.

    Args:
        size: how many futures are under way at most.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._under_way = 0
        self._ended: SimpleQueue[tuple[Future[Any], Callable[[Any], None]]] = SimpleQueue()

    def add(self, start: Callable[[], Future[Result]], finish: Callable[[Result], None]) -> None:
        """Start something as soon as there is room.

        Args:
            start: starts it.
            finish: takes its result, in the thread that calls `add` or `drain`.

        Raises:
            Exception: that of anything that was added before and has failed.
        """
        while self._under_way >= self._size:
            self._finish_one()
        future = start()
        self._under_way += 1
        future.add_done_callback(lambda ended: self._ended.put((ended, finish)))

    def is_empty(self) -> bool:
        """Tell whether nothing is under way."""
        return not self._under_way

    def drain(self) -> None:
        """Wait for all that is under way.

        Raises:
            Exception: that of anything that has failed.
        """
        while self._under_way:
            self._finish_one()

    def _finish_one(self) -> None:
        future, finish = self._ended.get()
        self._under_way -= 1
        finish(future.result())
