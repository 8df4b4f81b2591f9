"""Errors and log lines as people read them on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Final

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, in_one_line

OWN_LOGGERS: Final = "aibs_informatics_aws_lambda"
"""The logger above those of all modules of this toolkit."""


# What messages of the engine, which knows requests alone, call an option.
_FIELDS: Final = {"fail_if_missing: false": "--ignore-missing", "max_delete": "--max-delete"}


def in_words(error: BaseException) -> str:
    """Return an error in one line: what, which, why."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    text = in_one_line(error)
    for name, option in _FIELDS.items():
        text = text.replace(name, option)
    name = type(error).__name__
    return text if explains_itself(error) or text == name else f"{name}: {text}"


def explains_itself(error: BaseException) -> bool:
    """Tell whether the message of an error was written for people who use the command."""
    return isinstance(error, CommandError | ValueError | OSError | KeyboardInterrupt)


def show_log(program: str, *, verbose: bool) -> None:
    """Let warnings come out on stderr, one line each, and if ``verbose`` what is done as well."""
    logger = logging.getLogger(OWN_LOGGERS)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.addHandler(_OnStderr(program))


class _OnStderr(logging.Handler):
    """Writes to what is stderr at the moment: a bar on the terminal puts itself in front of it."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def emit(self, record: logging.LogRecord) -> None:
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        sys.stderr.write(f"{self._program}: {level}{record.getMessage()}\n")
