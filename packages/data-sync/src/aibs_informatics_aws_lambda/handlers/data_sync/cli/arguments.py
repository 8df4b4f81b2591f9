"""What the arguments of all verbs have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from aibs_informatics_aws_lambda.common.cli.errors import UsageError, in_one_line
from aibs_informatics_aws_lambda.storage.paths import DataLocation, parse_data_path

from ..sync.filters import compile_patterns

PROGRAM: Final = "data-sync"

VERBS: Final = ("ls", "stats", "stale", "rm")

EXIT_STATUS: Final = """\
exit status:
  0  done                     3  a file with a plan cannot be used
  1  failed                   4  done in part
  2  wrong arguments          130, 143  interrupted, stopped
"""

T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """Parses the arguments of a verb.

    Args:
        prog: program and verb.
        description: what it does.
        epilog: examples.
        usage: the form of the arguments, unless argparse is to tell.
    """

    def __init__(self, prog: str, description: str, epilog: str, usage: str | None = None) -> None:
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            epilog=f"{epilog}\n{EXIT_STATUS}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            # Or a new option could change what a command in somebody's script context.
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise a `UsageError`, which becomes one line."""
        raise UsageError(f"{message} ({self.prog} --help says more)")


def add_output_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that every verb has, and return their group."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--json", action="store_true", help="print the answer as one line of JSON, and no more"
    )
    group.add_argument("--verbose", "-v", action="store_true", help="tell on stderr what is done")
    # Read from the arguments themselves where a failure is shown: it may be one of reading them.
    group.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return group


def as_argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return a type for argparse that has it show the message of a `ValueError`."""

    def parse_argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(in_one_line(error)) from error

    return parse_argument


@as_argument
def parse_path(text: str) -> DataLocation:
    """Return a path on S3, on EFS or on a local disk."""
    return parse_data_path(text)


@as_argument
def parse_pattern(text: str) -> str:
    """Return a regular expression as it is given."""
    compile_patterns(text, "")
    return text


@as_argument
def parse_size(text: str) -> int:
    """Return a number of bytes, such as ``500MB`` or ``1.5GiB``."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        raise ValueError(f"{text!r} is no number of bytes, such as 500MB or 16GiB") from None


@as_argument
def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if not text.isdecimal() or not int(text):
        raise ValueError(f"{text!r} is no whole number of at least 1")
    return int(text)


@as_argument
def not_negative(text: str) -> float:
    """Return a number that may have a fraction and is not below 0."""
    if not text.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text!r} is no number of at least 0")
    return float(text)
