"""Work that is started ahead, so many items at a time, and finished in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")


def start_ahead(items: Iterable[T], start: Callable[[T], S], most: int) -> Iterator[tuple[T, S]]:
    """Yield items in order, each with what was started for it.

    Args:
        items: the items.
        start: starts the work for an item, such as a request, and returns what waits for it.
        most: the number of items that are started at a time.
    """
    started: deque[tuple[T, S]] = deque()
    for item in items:
        started.append((item, start(item)))
        if len(started) == most:
            yield started.popleft()
    yield from started


class BegunIterator(Generic[T]):
    """Reads the first items of an iterator in a thread, until another thread takes the iterator.

    Args:
        items: the iterator, which nothing else may use.
        most: the maximum number of items to read.
    """

    def __init__(self, items: Iterator[T], most: int) -> None:
        self._items = items
        self._most = most
        self._read: deque[T] = deque()
        self._failure: Exception | None = None
        self._is_taken = False
        # A process may end without the items.
        self._thread = Thread(target=self._read_ahead, daemon=True)
        self._thread.start()

    def take(self) -> Iterator[T]:
        """Yield all items, from the first one on. The thread ends with the item that it awaits.

        Raises:
            Exception: the error of the iterator, after the items before it.
        """
        self._is_taken = True
        self._thread.join()
        yield from self._read
        if self._failure is not None:
            raise self._failure
        yield from self._items

    def _read_ahead(self) -> None:
        try:
            for item in islice(self._items, self._most):
                self._read.append(item)
                if self._is_taken:
                    break
        except Exception as failure:
            self._failure = failure
