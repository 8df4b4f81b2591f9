"""Errors of commands, their exit statuses and their one-line messages."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pydantic

_LONGEST_MESSAGE = 2000


class ExitCode(IntEnum):
    """The exit statuses of the process."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INVALID_PAYLOAD = 3
    PARTLY_FAILED = 4


class CommandError(Exception):
    """A run failed before or after the handler ran."""

    exit_code = ExitCode.FAILED


class UsageError(CommandError):
    """The arguments or variables are invalid; the handler has not run."""

    exit_code = ExitCode.USAGE


class PayloadError(CommandError):
    """The payload cannot be read, or is not a valid request; the handler has not run."""

    exit_code = ExitCode.INVALID_PAYLOAD


class ResponseError(CommandError):
    """The handler succeeded, but its response cannot be written."""


def error_message(error: BaseException) -> str:
    """Return the message of an error in one line, or its type if it has no message."""
    # Not imported here: half of the start of a command that has no models of its own.
    models = sys.modules.get("pydantic")
    if models and isinstance(error.__cause__, models.ValidationError):
        return _problems(error.__cause__)
    message = " ".join(str(error).split()) or type(error).__name__
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."


def _problems(error: pydantic.ValidationError) -> str:
    found = [
        ": ".join(filter(None, [".".join(map(str, problem["loc"])), problem["msg"]]))
        for problem in error.errors(include_url=False, include_input=False)
    ]
    return f"{error.title}: {'; '.join(found)}"
