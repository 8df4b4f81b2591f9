"""Progress bars of blob transfers on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from .manifest import Descriptor
from .transfer import NullProgress, Progress

if TYPE_CHECKING:
    import rich.progress


_SHOWN_DIGITS = 12


@contextmanager
def show_progress() -> Iterator[Progress]:
    """Show progress bars on stderr during the block, if it is a terminal."""
    if not sys.stderr.isatty():
        yield NullProgress()
        return

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bars(bars)


class _Bars:
    """A bar for all blobs, and one per blob in flight; see `Progress`."""

    def __init__(self, bars: rich.progress.Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, rich.progress.TaskID] = {}
        self._done: dict[str, int] = {}
        self._total: rich.progress.TaskID | None = None
        self._lock = Lock()

    def begin(self, blobs: Sequence[Descriptor]) -> None:
        """Add the bar for all blobs."""
        total = sum(blob.size for blob in blobs)
        self._total = self._bars.add_task(f"{len(blobs)} blobs", total=total)

    def advance(self, blob: Descriptor, done: int) -> None:
        """Update the bars."""
        with self._lock:
            if blob.digest not in self._tasks:
                name = blob.digest.removeprefix("sha256:")[:_SHOWN_DIGITS]
                self._tasks[blob.digest] = self._bars.add_task(name, total=blob.size)
            self._bars.update(self._tasks[blob.digest], completed=done)
            self._update(blob, done)

    def finish(self, blob: Descriptor) -> None:
        """Remove the bar of the blob."""
        with self._lock:
            if blob.digest in self._tasks:
                self._bars.remove_task(self._tasks.pop(blob.digest))
            self._update(blob, blob.size)

    def _update(self, blob: Descriptor, done: int) -> None:
        self._done[blob.digest] = done
        if self._total is not None:
            self._bars.update(self._total, completed=sum(self._done.values()))
