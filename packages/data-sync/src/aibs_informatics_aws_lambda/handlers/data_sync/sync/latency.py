"""The time that an operation of a file system takes, and whether several run side by side."""

import math

# Where an operation takes longer, as on NFS, several run side by side.
_SLOW_SECONDS = 0.001
_AVERAGED = 10
_MEASURED = 16


class Latency:
    """An average of times in which recent ones count more, once there are some.

    Attributes:
        seconds: the average.
    """

    seconds = 0.0
    _count = 0
    _shortest = math.inf

    @property
    def is_slow(self) -> bool:
        """Whether operations are faster side by side."""
        return self.seconds >= _SLOW_SECONDS

    def add(self, seconds: float) -> None:
        """Add the time of an operation."""
        self._count += 1
        self.seconds += (seconds - self.seconds) / min(self._count, _AVERAGED)
        if seconds < self._shortest:
            self._shortest = seconds

    def are_all_long(self) -> bool:
        """Return whether even the shortest is long, which a busy processor does not explain."""
        return self._count >= _MEASURED and self._shortest >= _SLOW_SECONDS
