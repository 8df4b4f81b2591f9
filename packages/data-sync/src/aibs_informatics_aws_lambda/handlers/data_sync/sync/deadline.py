"""When a sync has to stop, whether it is done or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import Final, TypeVar

from aibs_informatics_aws_lambda.storage.data_sync.sync import Deadline

T = TypeVar("T")

# What an answer, a report and the runtime itself need before a Lambda function ends.
_RESERVE: Final = 0.2
_MAX_RESERVE_SECONDS: Final = 10.0
# Nothing new begins in the last part of the time, so that what is under way can end.
_GRACE: Final = 0.1
_MAX_GRACE_SECONDS: Final = 5.0


class OutOfTimeError(Exception):
    """The time of a sync is up."""


class TimeBudget:
    """The time that a sync has.

    Args:
        seconds: how long from now on; `None` for ever.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else monotonic() + seconds
        self._grace = min(_MAX_GRACE_SECONDS, _GRACE * (seconds or 0.0))

    @property
    def is_limited(self) -> bool:
        """Whether the time ends at all."""
        return self._end is not None

    @property
    def seconds_left(self) -> float | None:
        """How many seconds are left, or `None` for ever."""
        return None if self._end is None else max(0.0, self._end - monotonic())

    def check(self) -> None:
        """Raise `OutOfTimeError` if the time is up."""
        if self._end is not None and monotonic() >= self._end:
            raise OutOfTimeError

    def check_start(self) -> None:
        """Raise `OutOfTimeError` if it is too late to begin with anything."""
        if self._end is not None and monotonic() >= self._end - self._grace:
            raise OutOfTimeError

    def limit(self, entries: Iterable[T]) -> Iterator[T]:
        """Yield the entries as long as it is not too late to begin with one.

        Raises:
            OutOfTimeError: it is.
        """
        return self._limited(entries) if self.is_limited else iter(entries)

    def _limited(self, entries: Iterable[T]) -> Iterator[T]:
        for entry in entries:
            self.check_start()
            yield entry


def make_time_budget(
    deadlines: Iterable[Deadline | None], seconds_left: Callable[[], float]
) -> TimeBudget:
    """Return the budget for the earliest of some deadlines.

    Args:
        deadlines: what requests ask for.
        seconds_left: tells how long the Lambda function may still run; 0 outside of one.
    """
    seconds = [_seconds(deadline, seconds_left) for deadline in deadlines]
    return TimeBudget(min((number for number in seconds if number is not None), default=None))


def _seconds(deadline: Deadline | None, seconds_left: Callable[[], float]) -> float | None:
    if isinstance(deadline, datetime):
        return (deadline - datetime.now(UTC)).total_seconds()
    if deadline == "auto":
        left = seconds_left()
        # Outside of Lambda, contexts say 0.
        return left - min(_MAX_RESERVE_SECONDS, _RESERVE * left) if left else None
    return deadline
