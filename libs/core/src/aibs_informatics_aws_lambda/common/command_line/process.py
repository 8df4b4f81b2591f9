"""The command line as a process: exit status, messages, signals."""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from aibs_informatics_aws_lambda.common.command_line.arguments import PROGRAM
from aibs_informatics_aws_lambda.common.command_line.errors import (
    CommandError,
    ExitCode,
    in_one_line,
)
from aibs_informatics_aws_lambda.common.command_line.run import run

__all__ = ["run_as_process"]

# The shell's form for a process that a signal ended.
_SIGNAL_STATUS = 128


class _Stopped(KeyboardInterrupt):
    """The process was asked to end by SIGTERM."""


def run_as_process() -> int:
    """Run the command line with the process's arguments and return its exit status.

    Each failure is one line on stderr, after its traceback if ``--debug`` asks for it.
    """
    # A job that is stopped (Batch and ECS send SIGTERM) still removes its temporary files.
    signal.signal(signal.SIGTERM, _stop)
    if not sys.flags.safe_path:
        # As `python -m` does, so that a handler in the current folder is found; last, so that
        # nothing in it can stand in for what is installed.
        sys.path.append(str(Path.cwd()))
    try:
        return run()
    except CommandError as error:
        return _fail(error, in_one_line(error), error.exit_code)
    except _Stopped as error:
        return _fail(error, "stopped", _SIGNAL_STATUS + signal.SIGTERM)
    except KeyboardInterrupt as error:
        return _fail(error, "interrupted", _SIGNAL_STATUS + signal.SIGINT)
    except Exception as error:
        message = f"the handler failed: {type(error).__name__}: {in_one_line(error)}"
        return _fail(error, message, ExitCode.FAILED)


def _stop(number: int, _: object) -> NoReturn:
    raise _Stopped(number)


def _fail(error: BaseException, message: str, status: int) -> int:
    debug = "--debug" in sys.argv
    if debug:
        traceback.print_exception(error)
    hint = " (--debug shows the traceback)" if status == ExitCode.FAILED and not debug else ""
    sys.stderr.write(f"{PROGRAM}: error: {message}{hint}\n")
    return status
