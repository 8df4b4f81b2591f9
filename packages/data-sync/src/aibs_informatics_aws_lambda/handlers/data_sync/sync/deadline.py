"""The deadline of a sync: when it stops, complete or not."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import TypeVar

from aibs_informatics_aws_lambda.storage.data_sync.sync import Deadline

T = TypeVar("T")

# For the response, the report and the runtime, before a Lambda function times out.
_RESERVE = 0.2
_MAX_RESERVE_SECONDS = 10.0
# No transfer starts in the last part of the time: those in flight need it.
_GRACE = 0.1
_MAX_GRACE_SECONDS = 5.0


class OutOfTimeError(Exception):
    """The time of a sync is up."""


class TimeBudget:
    """The time that is left to a sync.

    Args:
        seconds: the time from now on; `None` for no limit.

    Attributes:
        is_limited: whether there is a limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else monotonic() + seconds
        self._grace = min(_MAX_GRACE_SECONDS, _GRACE * (seconds or 0.0))
        self.is_limited = seconds is not None

    @property
    def seconds_left(self) -> float | None:
        """The seconds that are left, or `None` if there is no limit."""
        return None if self._end is None else max(0.0, self._end - monotonic())

    def check(self) -> None:
        """Raise `OutOfTimeError` if the time is up."""
        if self._end is not None and monotonic() >= self._end:
            raise OutOfTimeError

    def check_start(self) -> None:
        """Raise `OutOfTimeError` if it is too late to start anything."""
        if self._end is not None and monotonic() >= self._end - self._grace:
            raise OutOfTimeError

    def limit(self, entries: Iterable[T]) -> Iterator[T]:
        """Yield the entries as long as it is not too late to start one.

        Raises:
            OutOfTimeError: it is too late.
        """
        for entry in entries:
            self.check_start()
            yield entry


UNLIMITED = TimeBudget()
"""The time budget of a sync without a deadline."""


def make_time_budget(
    deadlines: Iterable[Deadline | None], seconds_left: Callable[[], float]
) -> TimeBudget:
    """Return the time budget for the earliest of some deadlines.

    Args:
        deadlines: the deadlines of requests.
        seconds_left: returns the time until the Lambda function times out; 0 outside of Lambda.
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
