"""Touches of files that are in sync, many at a time where a file system takes its time."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from functools import cached_property, partial
from time import perf_counter
from typing import Final, Generic, NamedTuple, TypeVar

from ..local.threads import threads
from .latency import Latency
from .window import Window

T = TypeVar("T")
Found = TypeVar("Found")

_FILES_OF_A_TASK: Final = 16


class _Touched(NamedTuple):
    """The end of a task.

    Args:
        errors: the error of each touch, if there was one.
        seconds: how long a touch has taken on average.
    """

    errors: list[Exception | None]
    seconds: float


class Touches(Generic[T, Found]):
    """Touches files, in other threads where that takes long.

    A thread touches several files in turn: a task for each would cost more than the operation.

    Args:
        window: the window that limits the tasks in flight.
        find: returns what ``touch`` takes to touch a file, in any thread.
        touch: touches a file that was found, in the same thread.
        end: called with each file that was touched in another thread, and the error if there was
            one, in the thread that waits for the window.
        in_s3: whether the targets are objects, each of which is a separate task: a request takes
            longer than a task.
    """

    def __init__(
        self,
        window: Window,
        find: Callable[[T], Found],
        touch: Callable[[Found], None],
        end: Callable[[T, Exception | None], None],
        *,
        in_s3: bool,
    ) -> None:
        self._window = window
        self._find = find
        self._touch = touch
        self._end = end
        self._most = 1 if in_s3 else _FILES_OF_A_TASK
        self._latency = Latency()
        self._waiting: list[T] = []
        self._started: set[Future[_Touched]] = set()
        self._stack = ExitStack()

    @cached_property
    def _pool(self) -> Executor:
        # Most syncs touch nothing, or do so at once.
        return self._stack.enter_context(threads.use())

    def add(self, file: T) -> bool:
        """Touch a file, or do so later with others, and tell whether it is touched.

        Raises:
            Exception: the error of the touch. One in another thread is passed to ``end``.
        """
        if not self._latency.is_slow:
            found, start = self._find(file), perf_counter()
            self._touch(found)
            self._latency.add(perf_counter() - start)
            return True
        self._waiting.append(file)
        if len(self._waiting) >= self._most:
            self.start()
        return False

    def start(self) -> None:
        """Start to touch the files that were added, however few there are."""
        if self._waiting:
            files, self._waiting = self._waiting, []
            self._window.add(partial(self._start, files), partial(self._end_all, files))

    def _start(self, files: Sequence[T]) -> Future[_Touched]:
        task = self._pool.submit(self._touch_all, files)
        self._started.add(task)
        task.add_done_callback(self._started.discard)
        return task

    def _touch_all(self, files: Sequence[T]) -> _Touched:
        found, start = [self._find_or_error(file) for file in files], perf_counter()
        # At once: whatever is done between two operations, other threads wait for.
        errors = [self._touch_or_error(each) for each in found]
        return _Touched(errors, (perf_counter() - start) / len(files))

    def _find_or_error(self, file: T) -> Found | Exception:
        try:
            return self._find(file)
        except Exception as error:
            return error

    def _touch_or_error(self, found: Found | Exception) -> Exception | None:
        if isinstance(found, Exception):
            return found
        try:
            self._touch(found)
        except Exception as error:
            return error
        return None

    def _end_all(self, files: Sequence[T], future: Future[_Touched]) -> None:
        touched = future.result()
        self._latency.add(touched.seconds)
        for file, error in zip(files, touched.errors, strict=True):
            self._end(file, error)

    def close(self) -> None:
        """Begin nothing more, cancel what has not begun, and wait for what has."""
        self._waiting.clear()
        for task in list(self._started):
            task.cancel()
        self._stack.close()
