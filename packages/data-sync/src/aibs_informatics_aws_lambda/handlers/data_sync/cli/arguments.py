"""Argument parsing shared by all verbs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, UsageError
from aibs_informatics_aws_lambda.common.cli.output import printing
from aibs_informatics_aws_lambda.common.cli.parser import CommandParser

from .messages import format_error

if TYPE_CHECKING:
    from datetime import datetime

    from aibs_informatics_aws_lambda.storage.locations import DataLocation

PROGRAM = "data-sync"

MODULES = {
    "sync": "sync",
    "cp": "cp",
    "mv": "mv",
    "plan": "plan",
    "apply": "apply",
    "verify": "verify",
    "check": "verify",
    "ls": "ls",
    "cat": "cat",
    "stats": "stats",
    "du": "stats",
    "stale": "stale",
    "rm": "rm",
    "probe": "probe",
    "completion": "completion",
}
"""The verbs, and the module of each."""

EXIT_STATUS = """\
exit status:
  0  success                  3  the plan file is invalid
  1  failure                  4  partial failure, or a difference found by --verify
  2  invalid arguments        129, 130, 143  hung up, interrupted, terminated
"""

_EXPLICIT = re.compile(r"argument .*-\w: ignored explicit argument '(\w).*'")

T = TypeVar("T")


class Parser(CommandParser):
    """Parser of the arguments of one verb.

    Args:
        prog: the program and the verb.
        description: the description.
        examples: the examples, which come first.
        usage: the usage line; by default argparse generates it.
        shows_sizes: whether ``-h`` with other arguments means readable sizes, as in ls.
    """

    def __init__(
        self,
        prog: str,
        description: str,
        examples: str,
        usage: str | None = None,
        *,
        shows_sizes: bool = False,
    ) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=f"{description}\n{examples}",
            epilog=EXIT_STATUS,
            add_help=False,
            formatter_class=partial(
                argparse.RawDescriptionHelpFormatter, max_help_position=30, width=100
            ),
        )
        names = ("--help",) if shows_sizes else ("--help", "-h")
        note = " (also -h alone)" if shows_sizes else ""
        self.add_argument(*names, action="help", help=f"show this help, and exit{note}")
        self._is_help = False
        self._rarely_used: list[argparse._ArgumentGroup] = []
        self._shows_all = False

    def add_human(self, text: str) -> None:
        """Add the options for readable sizes, as ls, du, ``aws s3`` and rclone have them.

        Args:
            text: the help.
        """
        self.add_argument("--human", "--human-readable", "-H", action="store_true", help=text)
        self.add_argument("-h", dest="human", nargs=0, action=_HumanOrHelp, help=argparse.SUPPRESS)

    def print_help_alone(self) -> None:
        """Print the help and exit, if ``-h`` is the only argument."""
        if self._is_help:
            self.print_help()
            self.exit()

    def add_rarely_used(self, title: str) -> argparse._ArgumentGroup:
        """Add a group of options that only ``--help-all`` shows."""
        if not self._rarely_used:
            self.add_argument("--help-all", action="store_true", help="show all options, and exit")
        self._rarely_used.append(self.add_argument_group(title))
        return self._rarely_used[-1]

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments, or print the help with all options and exit."""
        self._is_help = list(args or ()) == ["-h"]
        if self._rarely_used and "--help-all" in (args or ()):
            self._shows_all = True
            self.print_help()
            self.exit()
        return super().parse_known_args(args, namespace)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments.

        Raises:
            UsageError: they are invalid.
            CommandError: stdout is closed, and the verb prints to it. Nothing has been done.
        """
        options = super().parse_args(args, namespace)
        if not getattr(options, "quiet", False):
            check_stdout(", or use -q" if hasattr(options, "quiet") else "")
        return options

    def print_help(self, file: Any = None) -> None:
        """Print the help; argparse ignores that it cannot be printed.

        Raises:
            CommandError: stdout is closed.
            OSError: the disk is full, or the reader of stdout is gone.
        """
        if file is not None:
            super().print_help(file)
            return
        check_stdout()
        try:
            with printing(sys.stdout):
                sys.stdout.write(self.format_help())
        except OSError as error:
            error.filename = "stdout"
            raise

    def format_help(self) -> str:
        """Return the help, without the groups that are rarely used."""
        groups = self._action_groups
        hidden = [] if self._shows_all else self._rarely_used
        self._action_groups = [group for group in groups if group not in hidden]
        text = super().format_help()
        self._action_groups = groups
        return text

    @property
    def actions(self) -> list[argparse.Action]:
        """The options and positional arguments."""
        return self._actions

    def suggestion(self, message: str) -> str:
        """Return what to do instead of an unknown option, as part of a sentence."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown == message:
            return ""
        # Only for a mistake.
        from .foreign_options import find_replacement

        found = find_replacement(unknown.split(), self._option_string_actions)
        return found or super().suggestion(message)

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError`. It suggests the option that an unknown one resembles."""
        # Of -rf, argparse takes f for the value of -r, which has none.
        message = _EXPLICIT.sub(r"unrecognized arguments: -\1", message)
        raise UsageError(f"{message}{self.suggestion(message)} (see {self.prog} --help)")


class _HumanOrHelp(argparse.Action):
    """Readable sizes, or the help if there is no other argument."""

    def __call__(
        self,
        parser: Any,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ARG002
        option: str | None = None,  # noqa: ARG002
    ) -> None:
        parser.print_help_alone()
        namespace.human = True


def check_stdout(other: str = "") -> None:
    """Raise `CommandError` if stdout is closed.

    Args:
        other: what can be done besides redirecting it.
    """
    if sys.stdout is None:
        raise CommandError(f"cannot print: stdout is closed. Redirect it to /dev/null{other}")


def add_output_options(
    parser: argparse.ArgumentParser, *, has_json: bool = True, has_quiet: bool = False
) -> argparse._ArgumentGroup:
    """Add the options that every verb has, and return their group."""
    group = parser.add_argument_group("output")
    if has_json:
        group.add_argument(
            "--json", action="store_true", help="print the response as one JSON line"
        )
    detail = "show each action, and log to stderr" if has_quiet else "log to stderr"
    group.add_argument("--verbose", "-v", action="store_true", help=detail)
    group.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="format of log lines"
    )
    if has_quiet:
        group.add_argument(
            "--quiet", "-q", action="store_true", help="show neither progress nor counts"
        )
        group.add_argument(
            "--stats",
            metavar="SECONDS",
            type=not_negative,
            default=15.0,
            help="without a terminal: interval of progress lines (default: 15; 0: none)",
        )
    # `run_as_process` reads it from `sys.argv`: parsing the arguments may be what fails.
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return group


def as_argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return an argparse type that shows the message of a `ValueError` or an `OSError`."""

    def parse_argument(text: str) -> T:
        try:
            return parse(text)
        except (ValueError, OSError) as error:
            raise argparse.ArgumentTypeError(format_error(error)) from error

    return parse_argument


@as_argument
def parse_path(text: str) -> DataLocation:
    """Return an S3 URI, an EFS path or a local path."""
    # Not for the help.
    from aibs_informatics_aws_lambda.storage.locations import parse_data_path

    return parse_data_path(text)


@as_argument
def parse_size(text: str) -> int:
    """Return a size such as ``500MB`` or ``1.5GiB`` in bytes."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        raise ValueError(f"{text!r} is not a size such as 500MB or 16GiB") from None


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


@as_argument
def parse_time(text: str) -> datetime:
    """Return a time such as ``2026-01-31T12:00``, or the time ``36h`` or ``7d`` ago, in UTC."""
    from datetime import UTC, datetime, timedelta

    number, unit = text[:-1], text[-1:]
    if unit in _SECONDS and number.replace(".", "", 1).isdecimal():
        return datetime.now(UTC) - timedelta(seconds=float(number) * _SECONDS[unit])
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an age such as 36h or 7d (s, m, h, d, w, y) nor a time such as "
            "2026-01-31 or 2026-01-31T12:00Z"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@as_argument
def positive(text: str) -> int:
    """Return a positive integer."""
    if not text.isdecimal() or not int(text):
        raise ValueError(f"{text!r} is not a positive integer")
    return int(text)


@as_argument
def not_negative(text: str) -> float:
    """Return a number that is zero or positive."""
    if not text.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text!r} is not a number of at least 0")
    return float(text)
