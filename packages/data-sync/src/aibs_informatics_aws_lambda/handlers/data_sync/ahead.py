"""Work that is started ahead, so many items at a time, and finished in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

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
