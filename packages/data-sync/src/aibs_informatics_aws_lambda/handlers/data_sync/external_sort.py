"""External merge sort: all but the first thousands of items are sorted on disk."""

import heapq
import marshal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from aibs_informatics_aws_lambda.common.files import filename_in_errors

T = TypeVar("T")

SORTED_IN_MEMORY: Final = 50_000
"""The number of items that are held in memory: with paths and times, some 20 MB."""

# So many runs are merged at a time, of each of which one block is in memory.
_FAN_IN = 64
_BLOCK = 200
_HEADER_BYTES = 4


def sort_externally(
    items: Iterable[T], key: Callable[[T], Any] | None = None, in_memory: int | None = None
) -> Iterable[T]:
    """Return items in order, to be read once. Equal ones keep their order.

    The items are read at once. Sorted runs of them are written to temporary files, which are
    merged 64 at a time, so that neither memory nor open files grow with the number of items.

    Args:
        items: texts, or tuples of texts, numbers, truth values and `None`. Named tuples come back
            as plain ones.
        key: returns what items are compared by; by default the items themselves.
        in_memory: the number of items in a run; by default `SORTED_IN_MEMORY`.

    Raises:
        OSError: they cannot be written to the temporary directory.
    """
    in_memory = in_memory or SORTED_IN_MEMORY
    rest = iter(items)
    order: Any = key
    run = sorted(islice(rest, in_memory), key=order)
    if len(run) < in_memory:
        return run
    runs: _Runs[T] = _Runs(key)
    try:
        while run:
            runs.add(run)
            run = sorted(islice(rest, in_memory), key=order)
    except BaseException:
        runs.close()
        raise
    return runs


class ExternalSorter(Generic[T]):
    """Takes items one by one, and returns them in order, as `sort_externally` does.

    Args:
        key: returns what items are compared by; by default the items themselves.
    """

    def __init__(self, key: Callable[[T], Any] | None = None) -> None:
        self._key: Any = key
        self._latest: list[T] = []
        self._runs: _Runs[T] | None = None

    def add(self, item: T) -> None:
        """Add an item.

        Raises:
            OSError: items cannot be written to the temporary directory.
        """
        self._latest.append(item)
        if len(self._latest) == SORTED_IN_MEMORY:
            self._spill()

    def ordered(self) -> Iterable[T]:
        """Return the items in order, to be read once.

        Raises:
            OSError: items cannot be written to the temporary directory.
        """
        if self._runs is None:
            return sorted(self._latest, key=self._key)
        self._spill()
        return self._runs

    def _spill(self) -> None:
        if self._runs is None:
            self._runs = _Runs(self._key)
        self._runs.add(sorted(self._latest, key=self._key))
        self._latest.clear()


class _Runs(Generic[T]):
    """Sorted runs on disk, by the number of times that they were merged."""

    def __init__(self, key: Callable[[T], Any] | None) -> None:
        self._key: Any = key
        self._levels: list[_RunFile[T]] = []

    def add(self, run: Iterable[T], level: int = 0) -> None:
        """Write a run; merge those of its level once there are too many."""
        if level == len(self._levels):
            self._levels.append(_RunFile())
        file = self._levels[level]
        file.append(run)
        if len(file.spans) == _FAN_IN:
            self.add(heapq.merge(*file.runs(), key=self._key), level + 1)
            file.clear()

    def __iter__(self) -> Iterator[T]:
        """Yield the items in order, and free the disk space at the end."""
        # Those merged more often were given before the others: equal items keep their order.
        runs = (run for file in reversed(self._levels) for run in file.runs())
        try:
            yield from heapq.merge(*runs, key=self._key)
        finally:
            self.close()

    def close(self) -> None:
        for file in self._levels:
            file.close()

    # Whoever does not read the items to the end leaves files open.
    __del__ = close


class _RunFile(Generic[T]):
    """A temporary file with several runs, each a series of blocks."""

    def __init__(self) -> None:
        # Few items are too many for memory.
        import tempfile

        self.spans: list[tuple[int, int]] = []
        with _named_errors():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - see `close`

    def append(self, run: Iterable[T]) -> None:
        rest = iter(run)
        with _named_errors():
            start = self._file.seek(self.spans[-1][1] if self.spans else 0)
            while block := [_plain(item) for item in islice(rest, _BLOCK)]:
                data = marshal.dumps(block)
                self._file.write(len(data).to_bytes(_HEADER_BYTES, "big"))
                self._file.write(data)
            self.spans.append((start, self._file.tell()))

    def runs(self) -> list[Iterator[T]]:
        return [self._read(start, stop) for start, stop in self.spans]

    def _read(self, start: int, stop: int) -> Iterator[T]:
        with _named_errors():
            while start < stop:
                self._file.seek(start)
                size = int.from_bytes(self._file.read(_HEADER_BYTES), "big")
                # Of a file without a name, which nobody else can write.
                block: list[T] = marshal.loads(self._file.read(size))  # noqa: S302
                start += _HEADER_BYTES + size
                yield from block

    def clear(self) -> None:
        with _named_errors():
            self._file.seek(0)
            self._file.truncate()
        self.spans.clear()

    def close(self) -> None:
        # Closing flushes the buffer, which can fail.
        with _named_errors():
            self._file.close()


def _named_errors() -> AbstractContextManager[None]:
    """Name the temporary directory in errors."""
    import tempfile

    return filename_in_errors(tempfile.gettempdir())


def _plain(item: Any) -> Any:
    """Return an item without the names of its fields, which cannot be written."""
    return tuple(item) if isinstance(item, tuple) else item
