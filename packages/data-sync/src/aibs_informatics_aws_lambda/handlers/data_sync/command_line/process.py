"""The command as a process: its verbs, exit status, messages and signals."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from aibs_informatics_aws_lambda.common.collector import paused_collector
from aibs_informatics_aws_lambda.common.command_line.errors import CommandError, ExitCode
from aibs_informatics_aws_lambda.handlers.data_sync.command_line.arguments import PROGRAM, VERBS
from aibs_informatics_aws_lambda.handlers.data_sync.command_line.messages import (
    explains_itself,
    in_words,
)

__all__ = ["main"]

# The shell's form for a process that a signal ended.
_SIGNAL_STATUS = 128


class _Stopped(KeyboardInterrupt):
    """The process was asked to end by SIGTERM."""


def main() -> int:
    """Run the command with the arguments of the process and return its exit status.

    Each failure is one line on stderr, after its traceback if ``--debug`` asks for it.
    """
    # A job that is stopped (Batch and ECS send SIGTERM) still removes its temporary files.
    signal.signal(signal.SIGTERM, _stop)
    try:
        return _run(sys.argv[1:])
    except CommandError as error:
        return _fail(error, in_words(error), error.exit_code)
    except _Stopped as error:
        return _fail(error, "stopped", _SIGNAL_STATUS + signal.SIGTERM)
    except KeyboardInterrupt as error:
        return _fail(error, "interrupted", _SIGNAL_STATUS + signal.SIGINT)
    except BrokenPipeError:
        # Who reads the output has seen enough, as `head` has: no word about it.
        _drop_output()
        return _SIGNAL_STATUS + signal.SIGPIPE
    except Exception as error:
        return _fail(error, in_words(error), ExitCode.FAILED)
    finally:
        # The process ends: looking for cycles in all that it has imported takes a tenth of the
        # time of a short run.
        gc.freeze()


def _run(arguments: Sequence[str]) -> int:
    is_verb = bool(arguments) and arguments[0] in VERBS
    # A verb imports what it needs itself, and nothing of what the others need.
    with paused_collector():
        module = import_module(f"{__package__}.{arguments[0] if is_verb else 'sync'}")
    status: int = module.run(arguments[1:] if is_verb else arguments)
    sys.stdout.flush()
    return status


def _stop(number: int, _: object) -> NoReturn:
    raise _Stopped(number)


def _drop_output() -> None:
    # Or Python would try to write the rest once more at its end, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: BaseException, message: str, status: int) -> int:
    debug = "--debug" in sys.argv
    if debug:
        traceback.print_exception(error)
    is_riddle = status == ExitCode.FAILED and not explains_itself(error)
    hint = " (--debug shows the traceback)" if is_riddle and not debug else ""
    sys.stderr.write(f"{PROGRAM}: error: {message}{hint}\n")
    return status
