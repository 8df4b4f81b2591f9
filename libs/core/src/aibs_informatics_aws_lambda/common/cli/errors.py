"""How a run of the command line can end other than well, and how it is said in one line."""

from __future__ import annotations

from enum import IntEnum

import pydantic

_LONGEST_MESSAGE = 2000


class ExitCode(IntEnum):
    """What the exit status of the process tells."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INVALID_PAYLOAD = 3
    PARTLY_FAILED = 4


class CommandError(Exception):
    """A run ended before or after the handler's own work."""

    exit_code = ExitCode.FAILED


class UsageError(CommandError):
    """The arguments or variables do not say what to do; nothing has been done."""

    exit_code = ExitCode.USAGE


class PayloadError(CommandError):
    """The payload cannot be read, or the handler cannot take it; nothing has been done."""

    exit_code = ExitCode.INVALID_PAYLOAD


class AnswerError(CommandError):
    """The handler has done its work, but its answer cannot be delivered."""


def error_message(error: BaseException) -> str:
    """Return the message of an error without line breaks; its type where it has no message."""
    if isinstance(error.__cause__, pydantic.ValidationError):
        return _problems(error.__cause__)
    message = " ".join(str(error).split()) or type(error).__name__
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."


def _problems(error: pydantic.ValidationError) -> str:
    found = [
        ": ".join(filter(None, [".".join(map(str, problem["loc"])), problem["msg"]]))
        for problem in error.errors(include_url=False, include_input=False)
    ]
    return f"{error.title}: {'; '.join(found)}"
