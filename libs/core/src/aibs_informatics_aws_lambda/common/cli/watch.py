"""The subcommand ``watch``: a running state machine and its batches, as a table."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from ..aws import get_client, named_errors
from ..exceptions import AWSError
from .arguments import PROGRAM
from .errors import CommandError, ExitCode, UsageError
from .parser import CommandParser, number_between

_ARN: Final = re.compile(r"arn:[\w-]+:states:([\w-]+):\d{12}:execution:[^:]+:[^:]+")
_EXAMPLES = f"""\
example:
  {PROGRAM} watch arn:aws:states:us-west-2:123456789012:execution:data-sync:nightly-1

On a terminal the table is updated in place, with the extra `watch` (rich); elsewhere it is printed
whenever it changes. Ctrl-C ends the command, and leaves the execution alone.

exit status:
  0    the execution succeeded
  1    it failed, timed out or was aborted
  2    invalid arguments
  4    it succeeded, and its output reports items that failed
  130  interrupted; the execution continues

Requires states:DescribeExecution, states:DescribeMapRun, states:GetExecutionHistory,
states:ListExecutions and states:ListMapRuns.
"""
_RUNNING: Final = "RUNNING"
_SECONDS: Final = 5.0
_MAX_RUNNING: Final = 10
_MAX_FAILED: Final = 5


class Batch(NamedTuple):
    """A child execution of a Distributed Map.

    Args:
        name: its name.
        status: its status, such as ``RUNNING``.
        started: when it was started.
        error: why it failed, if it did.
    """

    name: str
    status: str
    started: datetime
    error: str = ""


@dataclass(frozen=True)
class View:
    """What is shown of an execution.

    Args:
        name: its name.
        status: its status.
        started: when it was started.
        ended: when it ended, if it did.
        state: the state that it entered last.
        counts: the number of batches by status; empty before there are some.
        batches: the oldest running batches, and some failed ones.
        error: why it failed, if it did.
        output: its output, if it succeeded.
    """

    name: str
    status: str
    started: datetime
    ended: datetime | None = None
    state: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    batches: Sequence[Batch] = ()
    error: str = ""
    output: Any = None


def watch(args: Sequence[str]) -> ExitCode:
    """Show an execution until it ends.

    Args:
        args: the arguments after ``watch``.

    Returns:
        The exit status for that of the execution.

    Raises:
        SystemExit: the arguments are invalid (status 2), or include ``--help`` (status 0).
        UsageError: the ARN is not that of an execution.
        CommandError: Step Functions refuses a request or cannot be reached.
    """
    options = make_parser().parse_args(args)
    found = _ARN.fullmatch(options.arn)
    if found is None:
        raise UsageError(
            f"{options.arn!r} is not the ARN of an execution of a standard state machine, such as "
            "arn:aws:states:us-west-2:123456789012:execution:data-sync:nightly-1"
        )
    try:
        client = get_client("stepfunctions", found[1])
        with _display() as show:
            view = follow(lambda: read(client, options.arn), show, options.interval)
    except KeyboardInterrupt:
        sys.stderr.write(f"{PROGRAM}: the execution continues: it was watched only\n")
        raise
    except AWSError as error:
        # No handler has failed.
        raise CommandError(str(error)) from error
    return exit_code(view)


def follow(
    look: Callable[[], View], show: Callable[[View], None], seconds: float = _SECONDS
) -> View:
    """Show an execution again and again until it has ended, and return the last view.

    Args:
        look: returns the execution as it is now.
        show: shows it.
        seconds: the interval.
    """
    view = look()
    while view.status == _RUNNING:
        show(view)
        time.sleep(seconds)
        view = look()
    show(view)
    return view


def exit_code(view: View) -> ExitCode:
    """Return the exit status for an execution that has ended."""
    if view.status != "SUCCEEDED":
        return ExitCode.FAILED
    return ExitCode.PARTLY_FAILED if _reports_failures(view.output) else ExitCode.DONE


def read(client: Any, arn: str) -> View:
    """Return an execution as it is now.

    Args:
        client: the client of Step Functions.
        arn: the ARN of the execution.

    Raises:
        AWSError: Step Functions refuses a request or cannot be reached.
    """
    with named_errors(f"watch {arn}", "states:DescribeExecution"):
        return _read(client, arn)


def _read(client: Any, arn: str) -> View:
    found = client.describe_execution(executionArn=arn)
    runs = client.list_map_runs(executionArn=arn)["mapRuns"]
    counts: dict[str, int] = {}
    batches: list[Batch] = []
    for run in runs:
        described = client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
        for status, count in described.items():
            counts[status] = counts.get(status, 0) + count
        if described["running"]:
            batches += _running(client, run["mapRunArn"])
        if described["failed"]:
            batches += _failed(client, run["mapRunArn"])
    return View(
        name=found["name"],
        status=found["status"],
        started=found["startDate"],
        ended=found.get("stopDate"),
        state=_state(client, arn),
        counts=counts,
        batches=batches,
        error=": ".join(filter(None, [found.get("error"), found.get("cause")])),
        output=json.loads(found["output"]) if found.get("output") else None,
    )


def _running(client: Any, map_run: str) -> list[Batch]:
    """Return the running batches that were started first."""
    pages = client.get_paginator("list_executions").paginate(
        mapRunArn=map_run, statusFilter=_RUNNING
    )
    found = [_batch(one) for page in pages for one in page["executions"]]
    return sorted(found, key=lambda batch: (batch.started, batch.name))[:_MAX_RUNNING]


def _failed(client: Any, map_run: str) -> list[Batch]:
    found = client.list_executions(
        mapRunArn=map_run, statusFilter="FAILED", maxResults=_MAX_FAILED
    )["executions"]
    return [_with_error(client, one) for one in found[:_MAX_FAILED]]


def _batch(one: Mapping[str, Any], error: str = "") -> Batch:
    return Batch(one["name"], one["status"], one["startDate"], error)


def _with_error(client: Any, one: Mapping[str, Any]) -> Batch:
    found = client.describe_execution(executionArn=one["executionArn"])
    return _batch(one, ": ".join(filter(None, [found.get("error"), found.get("cause")])))


def _state(client: Any, arn: str) -> str:
    """Return the name of the state that was entered last."""
    events = client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=100)
    entered = (event.get("stateEnteredEventDetails") for event in events["events"])
    return next((details["name"] for details in entered if details), "")


def _reports_failures(output: Any) -> bool:
    if not isinstance(output, dict):
        return False
    result = output.get("result")
    names = ("failed_batches_count", "failed_requests_count", "files_failed")
    found = (
        part.get(name) for part in (output, result) if isinstance(part, dict) for name in names
    )
    return any(found)


def format_lines(view: View, now: datetime) -> list[str]:
    """Return a view as lines of text, without the batches.

    Args:
        view: the view.
        now: the present time.
    """
    seconds = ((view.ended or now) - view.started).total_seconds()
    lines = [f"{view.name}: {view.status}, {_duration(seconds)}"]
    if view.state and view.status == _RUNNING:
        lines.append(f"state: {view.state}")
    if view.counts:
        total = view.counts.get("total", 0)
        parts = [
            f"{view.counts[name]:,} {label}"
            for name, label in _COUNTS.items()
            if view.counts.get(name) or name == "succeeded"
        ]
        lines.append(f"batches: {total:,}: {', '.join(parts)}")
    if view.error:
        lines.append(f"error: {_short(view.error, 2000)}")
    return lines


_COUNTS: Final = {
    "succeeded": "succeeded",
    "running": "running",
    "pending": "pending",
    "failed": "failed",
    "timedOut": "timed out",
    "aborted": "aborted",
}


def format_batches(view: View, now: datetime) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table of batches: name, status, age and error.

    Args:
        view: the view.
        now: the present time.
    """
    return [
        (
            batch.name,
            batch.status,
            _duration((now - batch.started).total_seconds()) if batch.status == _RUNNING else "",
            _short(batch.error, 200),
        )
        for batch in view.batches
    ]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _short(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[:length]}..."


@contextmanager
def _display() -> Iterator[Callable[[View], None]]:
    """Give a function that shows a view: in place on a terminal, line by line elsewhere."""
    if not sys.stdout.isatty():
        yield _ChangedLines()
        return
    try:
        from rich.live import Live
    except ModuleNotFoundError:
        yield _ChangedLines()
        return
    with Live(auto_refresh=False) as live:
        yield lambda view: live.update(_table(view), refresh=True)


class _ChangedLines:
    """Prints the lines of a view when anything but the time has changed."""

    def __init__(self) -> None:
        self._shown: object = None

    def __call__(self, view: View) -> None:
        shown = (view.status, view.state, dict(view.counts), [it[:2] for it in view.batches])
        if shown == self._shown:
            return
        self._shown = shown
        now = datetime.now(view.started.tzinfo)
        rows = ["  ".join(filter(None, row)) for row in format_batches(view, now)]
        sys.stdout.write("".join(f"{line}\n" for line in [*format_lines(view, now), *rows]))
        sys.stdout.flush()


def _table(view: View) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    now = datetime.now(view.started.tzinfo)
    # Text, as names and errors may hold what rich would take for markup.
    parts: list[Any] = [Text(line) for line in format_lines(view, now)]
    rows = format_batches(view, now)
    if rows:
        table = Table("batch", "status", "running for", "error")
        for row in rows:
            table.add_row(*map(Text, row))
        parts.append(table)
    return Group(*parts)


def make_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=f"{PROGRAM} watch",
        description="Show a running state machine and its batches until it ends.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("arn", metavar="EXECUTION_ARN", help="the ARN of the execution")
    parser.add_argument(
        "--interval",
        metavar="SECONDS",
        type=number_between(float, 0.1, 86_400, "a number of seconds"),
        default=_SECONDS,
        help="the time between two polls (default: 5)",
    )
    parser.add_argument("--debug", action="store_true", help="print the traceback of a failure")
    return parser
