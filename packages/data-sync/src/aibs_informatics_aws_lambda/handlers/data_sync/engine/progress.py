"""How a sync tells how far it has come."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silence"]


class Progress(Protocol):
    """Is told of a sync, in the thread that runs it."""

    def plan(self, files: int, size: int) -> None:
        """Take how many more files, and bytes, are to be transferred or compared."""

    def advance(self, files: int, size: int) -> None:
        """Take how many more of them have been."""


class Silence:
    """Tells nobody."""

    def plan(self, files: int, size: int) -> None:
        """Do nothing."""

    def advance(self, files: int, size: int) -> None:
        """Do nothing."""
