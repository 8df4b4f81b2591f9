"""Bytes and files over time, in a bounded number of intervals of equal length."""

from typing import Final

_FIRST_SECONDS: Final = 0.25
_MAX_INTERVALS: Final = 240


class Throughput:
    """Sums up transfers by interval. The intervals double in length as time goes on.

    Args:
        start: the start of the first interval, in seconds since 1970 UTC.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self.seconds = _FIRST_SECONDS
        self._bytes: list[float] = []
        self._files: list[int] = []

    def add(self, finished: float, seconds: float, size: int) -> None:
        """Add a transfer, whose bytes are spread evenly over its duration.

        Args:
            finished: the end, in seconds since 1970 UTC.
            seconds: the duration.
            size: the size in bytes.
        """
        end = max(finished - self._start, 0.0)
        begin = min(max(end - seconds, 0.0), end)
        last = self._reach(end)
        first = int(begin / self.seconds)
        self._files[last] += 1
        if first == last:
            self._bytes[last] += size
            return
        for number in range(first, last + 1):
            low, high = number * self.seconds, (number + 1) * self.seconds
            share = (min(high, end) - max(low, begin)) / (end - begin)
            self._bytes[number] += size * share

    def intervals(self) -> list[tuple[int, int]]:
        """Return the bytes and the files of each interval."""
        return [(round(size), count) for size, count in zip(self._bytes, self._files, strict=True)]

    def _reach(self, end: float) -> int:
        """Return the number of the interval of a time. The list is extended up to it."""
        while end / self.seconds >= _MAX_INTERVALS:
            self.seconds *= 2
            self._bytes = [sum(self._bytes[i : i + 2]) for i in range(0, len(self._bytes), 2)]
            self._files = [sum(self._files[i : i + 2]) for i in range(0, len(self._files), 2)]
        number = int(end / self.seconds)
        missing = number + 1 - len(self._bytes)
        self._bytes += [0.0] * missing
        self._files += [0] * missing
        return number
