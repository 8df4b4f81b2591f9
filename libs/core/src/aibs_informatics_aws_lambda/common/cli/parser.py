"""Parsing the arguments of a command."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

Number = TypeVar("Number", int, float)


class CommandParser(argparse.ArgumentParser):
    """Parser of the arguments of a command, whose help keeps its line breaks.

    Options cannot be abbreviated: a new option would change the meaning of existing scripts. The
    message for an unknown option suggests the one that it resembles.

    Args:
        settings: arguments of `argparse.ArgumentParser`.
    """

    def __init__(self, **settings: Any) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(**{"formatter_class": formatter, "allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """Print the usage and a message, and exit with status 2."""
        super().error(message + self.suggestion(message))

    def suggestion(self, message: str) -> str:
        """Return the option that the unknown one in a message resembles, as part of a sentence."""
        unknown = message.removeprefix("unrecognized arguments: ").split()
        if len(unknown) == len(message.split()) or not unknown[0].startswith("--"):
            return ""
        name = unknown[0].partition("=")[0]
        options = [text for text in self._option_string_actions if text.startswith(name)]
        # Only for a mistake: it takes a millisecond.
        import difflib

        similar = difflib.get_close_matches(name, self._option_string_actions, 1) or options
        return f"; did you mean {similar[0]}?" if similar else ""


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
