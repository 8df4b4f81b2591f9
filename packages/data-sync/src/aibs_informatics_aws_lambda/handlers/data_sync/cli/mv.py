"""``data-sync mv SRC... DST``: move files and objects."""

from collections.abc import Sequence

from aibs_informatics_aws_lambda.common.cli.errors import ExitCode

from . import cp
from .arguments import Parser


def run(arguments: Sequence[str]) -> ExitCode:
    """Move the sources given by the arguments.

    Raises:
        UsageError: the arguments are invalid. Nothing has been done.
        Exception: a transfer or removal failed.
    """
    return cp.copy("mv", arguments)


def make_parser() -> Parser:
    """Return the parser."""
    return cp.make_parser("mv")
