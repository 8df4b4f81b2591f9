"""A line on stdout for each action: what would be done, or has been done."""

import json
from pathlib import Path

from ..sync.diff import Step
from ..sync.plan_file import Planned, describe
from ..sync.report import CHANGES, NO_EVIDENCE, Evidence, Report, ReportAction
from ..sync.routes import Route
from .output import format_size, print_lines

DIFFERENCES = ("different", "missing", "extra")
"""The results of a comparison that are shown."""


class ActionLines(Report):
    """Prints a line for each action or difference, and none for what is unchanged.

    Args:
        folder: local paths below it are shown relative to it.
        has_reasons: whether the reasons are shown: a copy has none.
    """

    def __init__(self, folder: Path | None = None, *, has_reasons: bool = True) -> None:
        self._start = f"{folder or Path.cwd()}/"
        self._has_reasons = has_reasons

    def add(
        self,
        route: Route,
        step: Step,
        action: ReportAction,
        evidence: Evidence = NO_EVIDENCE,  # noqa: ARG002
        error: BaseException | None = None,
    ) -> None:
        """Print an action, unless it has failed, or a difference."""
        if action in CHANGES and error is None:
            print_lines([self.format(describe(route, step, action))])
        elif action in DIFFERENCES:
            is_extra = action == "extra"
            name = (
                route.target.name(step.target)
                if is_extra
                else route.source.name(step.entry.relative)
            )
            print_lines([f"{action} {self.shown(name)}"])

    def format(self, planned: Planned) -> str:
        """Return an action in one line: ``upload a -> s3://bucket/a (2 B, missing)``."""
        names = [self.shown(name) for name in (planned.source, planned.destination) if name]
        size = format_size(planned.size)
        reason = f", {planned.reason}" if self._has_reasons else ""
        return f"{planned.action} {' -> '.join(names)} ({size}{reason})"

    def shown(self, name: str) -> str:
        """Return a path as it is shown: relative to the folder, in one line."""
        shown = name.removeprefix(self._start)
        # A line break would make two lines of one.
        return json.dumps(shown) if "\n" in shown else shown
