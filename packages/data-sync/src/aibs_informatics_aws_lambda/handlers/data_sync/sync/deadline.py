"""The deadline of a sync: the time at which it stops, complete or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from ..progress import OutOfTimeError as OutOfTimeError

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.sync import Deadline

T = TypeVar("T")

# Reserved for the report, the response and the runtime before the Lambda function times out.
_RESERVE = 0.2
_MAX_RESERVE_SECONDS = 10.0
# No transfer starts in the last part of the time, which is left to those in flight.
_GRACE = 0.1
_MAX_GRACE_SECONDS = 5.0


class TimeBudget:
    """The time that a sync has left.

    Args:
        seconds: the time from now; `None` for no limit.

    Attributes:
        is_limited: whether there is a limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else monotonic() + seconds
        self._grace = min(_MAX_GRACE_SECONDS, _GRACE * (seconds or 0.0))
        self.is_limited = seconds is not None

    @property
    def seconds_left(self) -> float | None:
        """The seconds left, or `None` if there is no limit."""
        return None if self._end is None else max(0.0, self._end - monotonic())

    def check(self) -> None:
        """Raise `OutOfTimeError` if no time is left."""
        if self._end is not None and monotonic() >= self._end:
            raise OutOfTimeError

    def check_start(self) -> None:
        """Raise `OutOfTimeError` if too little time is left to start a transfer."""
        if self._end is not None and monotonic() >= self._end - self._grace:
            raise OutOfTimeError

    def limit(self, entries: Iterable[T]) -> Iterator[T]:
        """Yield the entries while enough time is left to start a transfer.

        Raises:
            OutOfTimeError: too little time is left.
        """
        for entry in entries:
            self.check_start()
            yield entry


UNLIMITED = TimeBudget()
"""The time budget of a sync without a deadline."""


def make_time_budget(
    deadlines: Iterable[Deadline | None], seconds_left: Callable[[], float]
) -> TimeBudget:
    """Return the time budget until the earliest deadline.

    Args:
        deadlines: the deadlines of the requests; `None` for no deadline.
        seconds_left: returns the seconds until the Lambda function times out; 0 outside Lambda.
    """
    seconds = [_seconds(deadline, seconds_left) for deadline in deadlines]
    return TimeBudget(min((number for number in seconds if number is not None), default=None))


def _seconds(deadline: Deadline | None, seconds_left: Callable[[], float]) -> float | None:
    if isinstance(deadline, datetime):
        return (deadline - datetime.now(UTC)).total_seconds()
    if deadline == "auto":
        left = seconds_left()
        # Outside Lambda, the remaining time is 0.
        return left - min(_MAX_RESERVE_SECONDS, _RESERVE * left) if left else None
    return deadline
