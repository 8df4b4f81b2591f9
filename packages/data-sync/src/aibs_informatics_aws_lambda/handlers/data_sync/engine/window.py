"""Work in flight: so much at a time, and no more."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

__all__ = ["Window"]

Result = TypeVar("Result")


class Window:
    """Runs futures, as many at a time as there is room for. Whoever adds one handles those that
    have ended.

    Args:
        room: the sum of the weights of what is under way at most.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._used = 0
        self._ended: SimpleQueue[_Ended] = SimpleQueue()

    def add(
        self,
        start: Callable[[], Future[Result]],
        finish: Callable[[Result], None],
        weight: int = 1,
    ) -> None:
        """Start something as soon as there is room.

        Args:
            start: starts it.
            finish: takes its result, in the thread that calls `add` or `drain`.
            weight: how much of the room it takes.

        Raises:
            Exception: that of anything that was added before and has failed.
        """
        while self._used and self._used + weight > self._room:
            self._finish_one()
        future = start()
        self._used += weight
        future.add_done_callback(lambda ended: self._ended.put(_Ended(ended, finish, weight)))

    def is_empty(self) -> bool:
        """Tell whether nothing is under way."""
        return not self._used

    def drain(self) -> None:
        """Wait for all that is under way.

        Raises:
            Exception: that of anything that has failed.
        """
        while self._used:
            self._finish_one()

    def _finish_one(self) -> None:
        ended = self._ended.get()
        self._used -= ended.weight
        ended.finish(ended.future.result())


class _Ended(NamedTuple):
    future: Future[Any]
    finish: Callable[[Any], None]
    weight: int
