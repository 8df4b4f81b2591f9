"""Progress of a running sync: its callbacks, its phase and its deadline."""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

OnBytes: TypeAlias = Callable[[int], None]
"""Called, from any thread, with the number of further bytes of a large entry transferred."""

CheckDeadline: TypeAlias = Callable[[], None]
"""Raises `OutOfTimeError` once the time is up."""


Phase: TypeAlias = Literal[
    "listing", "comparing", "transferring", "verifying", "deleting", "waiting for the lock"
]
"""What a sync does."""


class Item(NamedTuple):
    """An entry that is being transferred.

    Args:
        name: its path below the destination.
        done: the bytes transferred so far.
        size: its size in bytes.
    """

    name: str
    done: int
    size: int


class Activity:
    """What this process does, for those who watch it: set by whatever does it, from any thread.

    With several syncs at a time, it shows one of them.

    Attributes:
        phase: what the sync does.
        listed: the number of entries listed so far, on either side.
        retry_at: the latest time at which a failed request or copy is repeated, in seconds of
            `time.monotonic`.
        items: returns the entries that are being transferred, the oldest first.
    """

    __slots__ = ("items", "listed", "phase", "retry_at")

    def __init__(self) -> None:
        self.phase: Phase = "listing"
        self.listed = 0
        self.retry_at = 0.0
        self.items: Callable[[], Iterable[Item]] = tuple


activity: Final = Activity()
"""That of this process."""


class OutOfTimeError(Exception):
    """The time budget of a sync is used up."""


class Progress(Protocol):
    """Receives the progress of a sync, in the thread that runs it."""

    def plan(self, files: int, size: int) -> None:
        """Add files and bytes to the total to transfer or compare."""

    def advance(self, files: int, size: int) -> None:
        """Add files and bytes that are done: ``files`` is 0 within a large file."""


class NullProgress:
    """Reports no progress."""

    def plan(self, files: int, size: int) -> None:
        """Do nothing."""

    def advance(self, files: int, size: int) -> None:
        """Do nothing."""
