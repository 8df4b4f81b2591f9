"""The question before a removal."""

import sys
from collections.abc import Iterable

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, UsageError
from aibs_informatics_aws_lambda.common.cli.output import escaped


class DeclinedError(CommandError):
    """The user did not confirm."""


def check_terminal() -> None:
    """Raise `UsageError` if there is no terminal to ask on."""
    if not sys.stdin.isatty():
        raise UsageError("cannot ask for confirmation without a terminal: give --yes")


def confirm(question: str, details: Iterable[str] = ()) -> None:
    """Ask a question on the terminal.

    Args:
        question: the question.
        details: lines to show above it.

    Raises:
        UsageError: there is no terminal.
        DeclinedError: the answer is not yes.
    """
    check_terminal()
    for line in details:
        sys.stderr.write(f"{escaped(line)}\n")
    sys.stderr.write(f"{escaped(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise DeclinedError("nothing was removed")
