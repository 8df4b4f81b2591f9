"""Progress of a sync on a terminal."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from threading import Event, Thread
from typing import Final, NamedTuple

from aibs_informatics_aws_lambda.common.cli.output import escaped

from ..progress import Item, NullProgress, Phase, Progress, activity
from .arguments import PROGRAM
from .output import format_count, format_size

_LINE_SECONDS: Final = 15.0
_MAX_ITEMS: Final = 5
_NAME_CHARACTERS: Final = 60
_PHASES_WITHOUT_AMOUNTS: Final = ("deleting", "waiting for the lock")


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


class ThrottledProgress:
    """A `Progress` that accumulates the completed amount and sends it at intervals.

    Args:
        send: sends the completed amount.
        seconds: the shortest interval between two calls of ``send``.
    """

    def __init__(self, send: Callable[[Amount], None], seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self._sent = time.monotonic()
        self._completed = Amount()

    def plan(self, files: int, size: int) -> None:
        """Do nothing: the amount is planned elsewhere."""

    def advance(self, files: int, size: int) -> None:
        """Add to the completed amount."""
        self._completed = self._completed.plus(files, size)
        if time.monotonic() >= self._sent + self._seconds:
            self.send()

    def send(self) -> None:
        """Send the completed amount now."""
        self._sent = time.monotonic()
        self._send(self._completed)


class WatchedProgress:
    """A `Progress` that adds up, for those who look at it now and then.

    Args:
        clock: returns the time in seconds.

    Attributes:
        planned: the planned amount.
        completed: the completed amount.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: float | None = None
        self._before: tuple[int, Amount] | None = None
        self._listed = activity.listed
        self.planned = Amount()
        self.completed = Amount()

    def plan(self, files: int, size: int) -> None:
        """Add to the planned amount."""
        if self._started is None:
            self._started = self._clock()
        self.planned = self.planned.plus(files, size)

    def advance(self, files: int, size: int) -> None:
        """Add to the completed amount."""
        self.completed = self.completed.plus(files, size)

    def line(self) -> str:
        """Return the phase, and what is done of it since the start."""
        now, reached = self._clock(), (activity.listed, self.completed)
        phase = find_phase(
            activity.phase,
            waits_to_retry=now < activity.retry_at,
            is_idle=self._before in (reached, None),
        )
        self._before = reached
        if phase == "listing":
            return f"listing: {activity.listed - self._listed:,} found"
        if phase in _PHASES_WITHOUT_AMOUNTS or not self.planned.files:
            return phase
        seconds = 0.0 if self._started is None else now - self._started
        return f"{phase}: {', '.join(_amounts(self.planned, self.completed, seconds))}"


def find_phase(phase: Phase, *, waits_to_retry: bool, is_idle: bool) -> str:
    """Return the phase to show.

    Args:
        phase: what the sync does.
        waits_to_retry: whether a failed request is to be repeated.
        is_idle: whether nothing has come forward since the last look.
    """
    if waits_to_retry and is_idle and phase != "waiting for the lock":
        return "waiting to retry"
    return phase


def _amounts(planned: Amount, completed: Amount, seconds: float) -> Iterator[str]:
    yield f"{completed.files:,} of {format_count(planned.files)}"
    yield f"{format_size(completed.size)} of {format_size(planned.size)}"
    if completed.size and seconds > 0:
        rate = completed.size / seconds
        yield f"{format_size(int(rate))}/s"
        yield f"{max(0, math.ceil((planned.size - completed.size) / rate)):,} s left"


def item_lines(items: Iterable[Item]) -> list[str]:
    """Return a line for each of the first entries that are being transferred."""
    return [
        f" * {_shortened(escaped(name))}: {format_size(done)} of {format_size(size)}"
        for name, done, size in islice(items, _MAX_ITEMS)
    ]


def _shortened(name: str) -> str:
    """Return a name, or its end, which tells more than its beginning."""
    return name if len(name) <= _NAME_CHARACTERS else f"…{name[1 - _NAME_CHARACTERS :]}"


@contextmanager
def show_progress(
    *, quiet: bool = False, seconds: float = _LINE_SECONDS, verbose: bool = False
) -> Iterator[Progress]:
    """Show progress on stderr inside the block.

    It is a progress bar on a terminal, and elsewhere, or without rich, a line now and then.

    Args:
        quiet: show nothing.
        seconds: the seconds between two lines; 0 for none.
        verbose: show the entries that are being transferred below the bar.
    """
    if quiet:
        yield NullProgress()
        return
    progress = WatchedProgress()
    bar = None
    if sys.stderr is not None and sys.stderr.isatty():
        bar = _progress_bar(progress, verbose=verbose)
    if bar is not None:
        with bar:
            yield progress
    elif seconds:
        with _called_each(seconds, lambda: _write_line(progress.line())):
            yield progress
    else:
        yield NullProgress()


def watch(options: argparse.Namespace) -> AbstractContextManager[Progress]:
    """Show progress as the options of a verb have it."""
    return show_progress(quiet=options.quiet, seconds=options.stats, verbose=options.verbose)


@contextmanager
def show_waiting(action: str) -> Iterator[None]:
    """Write a line to stderr now and then inside the block, which shows nothing else.

    Args:
        action: what is being done.
    """
    waiting = Waiting(action)
    with _called_each(_LINE_SECONDS, lambda: _write_line(waiting.line())):
        yield


class Waiting:
    """Describes an action that has no progress but the number of entries found.

    Args:
        action: what is being done.
        clock: returns the time in seconds.
    """

    def __init__(self, action: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._action = action
        self._clock = clock
        self._start = clock()
        self._listed = activity.listed

    def line(self) -> str:
        """Return the action, for how long it has run, and how much it has found."""
        now, found = self._clock(), activity.listed - self._listed
        text = f"{self._action} for {now - self._start:.0f} s"
        if found:
            text += f": {found:,} found"
        return f"{text}, waiting to retry" if now < activity.retry_at else text


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


def _write_line(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{PROGRAM}: {text}\n")


def _progress_bar(
    progress: WatchedProgress, *, verbose: bool
) -> AbstractContextManager[object] | None:
    # rich takes as long to import as a short sync takes to run: it is for terminals only.
    try:
        from rich.console import Console, RenderableType
        from rich.progress import (
            BarColumn,
            Progress as RichProgress,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text
    except ModuleNotFoundError:
        return None

    class Bar(RichProgress):
        """Looks at the progress whenever it is drawn."""

        def get_renderables(self) -> Iterable[RenderableType]:
            if self.tasks:
                self._look()
            yield from super().get_renderables()
            if verbose:
                yield from map(Text, item_lines(activity.items()))

        def _look(self) -> None:
            bar, planned, completed = self.tasks[0], progress.planned, progress.completed
            description = activity.phase.capitalize()
            if not planned.files:
                self.update(bar.id, description=description)
                return
            speed = bar.finished_speed or bar.speed
            self.update(
                bar.id,
                description=description,
                total=planned.size,
                completed=completed.size,
                amount=f"{completed.files:,}/{planned.files:,} files, "
                f"{format_size(completed.size)} of {format_size(planned.size)}",
                rate=f"{format_size(int(speed))}/s" if speed else "",
            )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("Listing", total=None, amount="", rate="")
    return bar
