"""Parsing the arguments of a command."""

import argparse
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from .output import print_to

Number = TypeVar("Number", int, float)


class CommandParser(argparse.ArgumentParser):
    """Parser of the arguments of a command, whose help keeps its line breaks.

    Options cannot be abbreviated: a new option would change the meaning of existing scripts. The
    message for an unknown option, or a word in its place, suggests the one that it resembles.

    Args:
        settings: arguments of `argparse.ArgumentParser`.
    """

    def __init__(self, **settings: Any) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(**{"formatter_class": formatter, "allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """Print a message in one line, and exit with status 2."""
        text = f"{message}{self.suggestion(message)} (see {self.prog} --help)"
        self.exit(2, f"{self.prog}: error: {text}\n")

    def suggestion(self, message: str) -> str:
        """Return the option that the unknown one in a message resembles, as part of a sentence."""
        unknown = message.removeprefix("unrecognized arguments: ").split()
        if len(unknown) == len(message.split()):
            return ""
        name = unknown[0].partition("=")[0]
        if not name.startswith("--"):
            option = f"--{name}"
            return f"; did you mean {option}?" if option in self._option_string_actions else ""
        # Without the dashes, which all have in common.
        word = name[2:]
        words = [text[2:] for text in self._option_string_actions if text.startswith("--")]
        # Only for a mistake: it takes a millisecond.
        import difflib

        similar = difflib.get_close_matches(word, words, 1) or [
            text for text in words if text.startswith(word)
        ]
        return f"; did you mean --{similar[0]}?" if similar else ""

    def add_version(self, distribution: str) -> None:
        """Add the option ``--version``.

        Args:
            distribution: the distribution whose version is printed.
        """
        self.add_argument(
            "--version",
            action=_Version,
            const=distribution,
            nargs=0,
            help="show the version of the command and exit",
        )


class _Version(argparse.Action):
    """Prints the version, which is read from the metadata of the distribution, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        # Most runs do not print it.
        from importlib.metadata import version

        print_to(sys.stdout, f"{parser.prog} {version(str(self.const))}")
        parser.exit()


def number_between(
    convert: Callable[[str], Number], lowest: Number, highest: Number, noun: str
) -> Callable[[str], Number]:
    """Return a `type` of arguments that accepts the numbers of a range only.

    Args:
        convert: `int` or `float`.
        lowest: the lowest number.
        highest: the highest number.
        noun: what the number is, for messages: "a port".
    """

    def parse(text: str) -> Number:
        try:
            number = convert(text)
        except ValueError:
            number = None
        if number is None or not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {noun} between {lowest} and {highest}"
            )
        return number

    return parse


parse_port = number_between(int, 0, 65535, "a port")
