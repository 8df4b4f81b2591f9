"""Touches of files that are in sync, many at a time where a file system takes its time."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Final, TypeAlias

from ..local.threads import threads
from .window import Window

Touch: TypeAlias = Callable[[], None]
End: TypeAlias = Callable[[Exception | None], None]
"""Called with the error of a touch, if there was one, in the thread that waits for the window."""

_FILES_OF_A_TASK: Final = 16


class Touches:
    """Touches files in other threads.

    A thread touches several files in turn: a task for each would cost more than the operation.

    Args:
        window: the window that limits the tasks in flight, and calls the ends.
        in_s3: whether the targets are objects, each of which is a task of its own: a request takes
            longer than a task.
    """

    def __init__(self, window: Window, *, in_s3: bool) -> None:
        self._window = window
        self._most = 1 if in_s3 else _FILES_OF_A_TASK
        self._waiting: list[tuple[Touch, End]] = []
        self._started: set[Future[list[Exception | None]]] = set()
        self._stack = ExitStack()

    @cached_property
    def _pool(self) -> Executor:
        # Most syncs touch nothing, or do so at once.
        return self._stack.enter_context(threads.use())

    def add(self, touch: Touch, end: End) -> None:
        """Touch a file together with others that are added."""
        self._waiting.append((touch, end))
        if len(self._waiting) >= self._most:
            self.start()

    def start(self) -> None:
        """Start to touch the files that were added, however few there are."""
        if self._waiting:
            task, self._waiting = self._waiting, []
            start = partial(self._start, [touch for touch, _ in task])
            self._window.add(start, partial(_end_all, [end for _, end in task]))

    def _start(self, touches: Sequence[Touch]) -> Future[list[Exception | None]]:
        task = self._pool.submit(_touch_all, touches)
        self._started.add(task)
        task.add_done_callback(self._started.discard)
        return task

    def close(self) -> None:
        """Begin nothing more, cancel what has not begun, and wait for what has."""
        self._waiting.clear()
        for task in list(self._started):
            task.cancel()
        self._stack.close()


def _touch_all(touches: Sequence[Touch]) -> list[Exception | None]:
    """Return the error of each touch."""
    return [_error_of(touch) for touch in touches]


def _error_of(touch: Touch) -> Exception | None:
    try:
        touch()
    except Exception as error:
        return error
    return None


def _end_all(ends: Sequence[End], future: Future[list[Exception | None]]) -> None:
    for end, error in zip(ends, future.result(), strict=True):
        end(error)
