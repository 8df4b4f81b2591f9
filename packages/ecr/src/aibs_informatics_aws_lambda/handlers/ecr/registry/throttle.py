"""The pace of requests to a registry that limits their rate."""

import random
from threading import Lock
from time import monotonic, sleep

MAX_WAIT_SECONDS = 60.0
"""The longest time to wait for a registry to accept requests again: limits per minute are
waited for, and those per hour are not."""

# Additive increase, multiplicative decrease, as in TCP: https://www.rfc-editor.org/rfc/rfc5681
_FIRST_RATE = 32.0
_LEAST_RATE = 0.5
_MOST_RATE = 200.0
_INCREASE = 0.25
_DECREASE = 0.5
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 20.0


class Throttle:
    """Paces the requests of all threads to a registry; thread-safe.

    Requests are not delayed until the registry rejects one with status 429. Then all of them
    wait, and continue at half the rate, which each accepted request raises.
    """

    def __init__(self) -> None:
        self._rate: float | None = None
        self._next = 0.0
        self._resume_at = 0.0
        self._slowed_at = 0.0
        self._lock = Lock()

    @property
    def rate(self) -> float | None:
        """The maximum number of requests per second; `None` if there is no limit."""
        return self._rate

    def wait(self) -> float:
        """Wait until a request may be sent, and return the time, for `slow_down`."""
        with self._lock:
            now = monotonic()
            if self._rate is None and now >= self._resume_at:
                return now
            start = max(now, self._next, self._resume_at)
            self._next = start + 1 / (self._rate or _MOST_RATE)
        while (now := monotonic()) < start:
            sleep(start - now)
            # Another request may have been rejected meanwhile.
            start = max(start, self._resume_at)
        return now

    def slow_down(self, sent_at: float, seconds: float) -> bool:
        """Wait and halve the rate, after a request was rejected.

        Args:
            sent_at: the time when the request was sent.
            seconds: the time to wait.

        Returns:
            Whether the rate was reduced: requests that were sent before a reduction do not
            reduce it again.
        """
        with self._lock:
            now = monotonic()
            self._resume_at = max(self._resume_at, now + seconds)
            if sent_at < self._slowed_at:
                return False
            self._rate = max(_LEAST_RATE, (self._rate or _FIRST_RATE) * _DECREASE)
            self._slowed_at = now
            return True

    def speed_up(self) -> None:
        """Raise the rate, after a request was accepted."""
        if self._rate is None:
            return
        with self._lock:
            raised = (self._rate or _MOST_RATE) + _INCREASE
            self._rate = raised if raised < _MOST_RATE else None


def backoff(rejections: int) -> float:
    """Return the seconds to wait if the registry states none: exponential, with jitter.

    Args:
        rejections: the number of times that the request was rejected, at least 1.
    """
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** (rejections - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311
