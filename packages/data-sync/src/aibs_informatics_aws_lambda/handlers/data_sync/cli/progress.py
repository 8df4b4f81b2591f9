"""Progress of a sync on a terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event, Thread
from typing import Final, NamedTuple, TypeAlias

from ..progress import NullProgress, Progress
from .arguments import PROGRAM
from .output import format_count, format_size

_BAR_SECONDS: Final = 0.1
_LINE_SECONDS: Final = 15.0


class Amount(NamedTuple):
    """A number of files and their total size in bytes."""

    files: int = 0
    size: int = 0

    def plus(self, files: int, size: int) -> Amount:
        """Return the sum."""
        return Amount(self.files + files, self.size + size)

    def minus(self, other: Amount) -> Amount:
        """Return the difference."""
        return Amount(self.files - other.files, self.size - other.size)


Display: TypeAlias = Callable[[Amount, Amount], None]
"""Shows the planned and the completed amount."""


class ThrottledProgress:
    """A `Progress` that accumulates amounts and displays them at intervals.

    Args:
        display: shows the amounts.
        seconds: the shortest interval between two calls of ``display``.
    """

    def __init__(self, display: Display, seconds: float) -> None:
        self._display = display
        self._seconds = seconds
        self._displayed = time.monotonic()
        self._planned = Amount()
        self._completed = Amount()

    def plan(self, files: int, size: int) -> None:
        """Add to the planned amount."""
        self._planned = self._planned.plus(files, size)
        self._display_if_due()

    def advance(self, files: int, size: int) -> None:
        """Add to the completed amount."""
        self._completed = self._completed.plus(files, size)
        self._display_if_due()

    def display(self) -> None:
        """Display both amounts now."""
        self._displayed = time.monotonic()
        self._display(self._planned, self._completed)

    def _display_if_due(self) -> None:
        if time.monotonic() >= self._displayed + self._seconds:
            self.display()


@contextmanager
def show_progress(*, quiet: bool = False, seconds: float = _LINE_SECONDS) -> Iterator[Progress]:
    """Show progress on stderr inside the block.

    It is a progress bar on a terminal, and elsewhere, or without rich, a line now and then.

    Args:
        quiet: show nothing.
        seconds: the seconds between two lines; 0 for none.
    """
    if quiet:
        yield NullProgress()
        return
    bar = _progress_bar() if sys.stderr is not None and sys.stderr.isatty() else None
    if bar is None:
        with _lines(seconds) as progress:
            yield progress
        return
    with bar as display:
        progress = ThrottledProgress(display, _BAR_SECONDS)
        yield progress
        progress.display()


@contextmanager
def _lines(seconds: float) -> Iterator[Progress]:
    """Write a line each time so many seconds have passed, also while nothing happens."""
    if not seconds:
        yield NullProgress()
        return
    progress = ThrottledProgress(_write_line, math.inf)
    with _called_each(seconds, progress.display):
        yield progress


@contextmanager
def show_waiting(action: str) -> Iterator[None]:
    """Write a line to stderr now and then inside the block, which shows nothing else.

    Args:
        action: what is being done.
    """
    start = time.monotonic()

    def write() -> None:
        if sys.stderr is not None:
            seconds = time.monotonic() - start
            sys.stderr.write(f"{PROGRAM}: {action} for {seconds:.0f} s\n")

    with _called_each(_LINE_SECONDS, write):
        yield


@contextmanager
def _called_each(seconds: float, write: Callable[[], None]) -> Iterator[None]:
    """Call a function each time so many seconds have passed inside the block."""
    ended = Event()

    def call() -> None:
        while not ended.wait(seconds):
            write()

    writer = Thread(target=call, daemon=True)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


def _write_line(planned: Amount, completed: Amount) -> None:
    amount = (
        f"{completed.files:,} of {format_count(planned.files)}, "
        f"{format_size(completed.size)} of {format_size(planned.size)}"
        if planned.files
        else "comparing source and destination"
    )
    sys.stderr.write(f"{PROGRAM}: {amount}\n")


def _progress_bar() -> AbstractContextManager[Display] | None:
    # rich takes as long to import as a short sync takes to run: it is for terminals only.
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress as RichProgress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ModuleNotFoundError:
        return None

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    bars = RichProgress(*columns, console=Console(stderr=True), transient=True)
    task = bars.add_task("Listing", total=None, amount="", rate="")

    def display(planned: Amount, completed: Amount) -> None:
        speed = bars.tasks[task].finished_speed or bars.tasks[task].speed
        bars.update(
            task,
            description="Syncing",
            total=planned.size,
            completed=completed.size,
            amount=f"{completed.files:,}/{planned.files:,} files, "
            f"{format_size(completed.size)} of {format_size(planned.size)}",
            rate=f"{format_size(int(speed))}/s" if speed else "",
        )

    @contextmanager
    def shown_bar() -> Iterator[Display]:
        with bars:
            yield display

    return shown_bar()
