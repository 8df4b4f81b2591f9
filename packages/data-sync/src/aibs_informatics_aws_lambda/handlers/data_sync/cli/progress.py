"""How far a sync has come, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeAlias

from ..progress import NullProgress, Progress
from .output import format_count, format_size

_BAR_SECONDS: Final = 0.1
_LINE_SECONDS: Final = 5.0


class Extent(NamedTuple):
    """So many files, of so many bytes in all."""

    files: int = 0
    size: int = 0

    def plus(self, files: int, size: int) -> Extent:
        """Return the sum."""
        return Extent(self.files + files, self.size + size)

    def minus(self, other: Extent) -> Extent:
        """Return the difference."""
        return Extent(self.files - other.files, self.size - other.size)


Show: TypeAlias = Callable[[Extent, Extent], None]
"""Shows what is planned, and what of it is done."""


class Paced:
    """Sums up what it is told, and shows it from time to time; see `Progress`.

    Args:
        show: shows it.
        seconds: how much time is in between.
    """

    def __init__(self, show: Show, seconds: float) -> None:
        self._show = show
        self._seconds = seconds
        self._shown = time.monotonic()
        self._planned = Extent()
        self._done = Extent()

    def plan(self, files: int, size: int) -> None:
        """Take what more is planned."""
        self._planned = self._planned.plus(files, size)
        self._show_in_time()

    def advance(self, files: int, size: int) -> None:
        """Take what more is done."""
        self._done = self._done.plus(files, size)
        self._show_in_time()

    def show(self) -> None:
        """Show it now."""
        self._shown = time.monotonic()
        self._show(self._planned, self._done)

    def _show_in_time(self) -> None:
        if time.monotonic() >= self._shown + self._seconds:
            self.show()


@contextmanager
def show_progress(*, quiet: bool = False) -> Iterator[Progress]:
    """Draw a bar on stderr while in the block, if that is a terminal.

    Where rich is not installed, a line every few seconds tells the same.
    """
    if quiet or not sys.stderr.isatty():
        yield NullProgress()
        return
    try:
        # rich takes as long as a short sync: it is for terminals alone.
        from .progress_bar import drawn_bar
    except ModuleNotFoundError:
        yield Paced(_write_line, _LINE_SECONDS)
        return
    with drawn_bar() as show:
        progress = Paced(show, _BAR_SECONDS)
        yield progress
        progress.show()


def _write_line(planned: Extent, done: Extent) -> None:
    sys.stderr.write(
        f"{done.files:,} of {format_count(planned.files)}, "
        f"{format_size(done.size)} of {format_size(planned.size)}\n"
    )
