"""How a sync tells how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

Moved: TypeAlias = Callable[[int], None]
"""Takes how many more bytes of a large entry have moved, in any thread."""


class Progress(Protocol):
    """Is told of a sync, in the thread that runs it."""

    def plan(self, files: int, size: int) -> None:
        """Take how many more files, and bytes, are to be transferred or compared."""

    def advance(self, files: int, size: int) -> None:
        """Take how many more of them have been; no file, and some bytes, within a large one."""


class NullProgress:
    """Tells nobody."""

    def plan(self, files: int, size: int) -> None:
        """Do nothing."""

    def advance(self, files: int, size: int) -> None:
        """Do nothing."""
