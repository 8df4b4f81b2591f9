"""Callbacks of a running sync: its progress and its deadline."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

OnBytes: TypeAlias = Callable[[int], None]
"""Called, from any thread, with the number of further bytes of a large entry transferred."""

CheckDeadline: TypeAlias = Callable[[], None]
"""Raises `OutOfTimeError` once the time is up."""


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
