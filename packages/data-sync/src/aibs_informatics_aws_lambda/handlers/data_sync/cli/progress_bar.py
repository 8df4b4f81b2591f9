"""A bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from .output import format_size
from .progress import Extent, Show


@contextmanager
def drawn_bar() -> Iterator[Show]:
    """Draw a bar on stderr while in the block, and give what moves it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("Listing", total=None, amount="")

        def show(planned: Extent, done: Extent) -> None:
            bars.update(
                task,
                description="Syncing",
                total=planned.size,
                completed=done.size,
                amount=f"{done.files:,}/{planned.files:,} files, "
                f"{format_size(done.size)} of {format_size(planned.size)}",
            )

        yield show


class _Rate(ProgressColumn):
    """Bytes per second, in the units of the other columns."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{format_size(int(speed))}/s" if speed else "")
