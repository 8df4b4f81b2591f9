"""Commands as processes: exit status, messages, signals."""

from __future__ import annotations

import gc
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from .errors import CommandError, ExitCode, error_message
from .output import UnreadError

# The shell's form for a process that a signal ended.
_SIGNAL_STATUS = 128


class _Stopped(KeyboardInterrupt):
    """The process was asked to end by SIGTERM."""


def run_as_process(
    program: str,
    run: Callable[[], int],
    *,
    format_error: Callable[[BaseException], str] = error_message,
    is_self_explanatory: Callable[[BaseException], bool] = lambda _: False,
    stop_hint: str = "",
) -> int:
    """Run a command and return the exit status of its process.

    Each failure is one line on stderr, after its traceback if ``--debug`` is an argument.

    Args:
        program: the name of the command.
        run: does what the arguments of the process ask for, prints by `output.printing`, and
            returns the exit status.
        format_error: tells an error that has ended it, in one line.
        is_self_explanatory: whether people need no traceback to understand an error.
        stop_hint: what to say to who stops it, beside that it was stopped.
    """
    # A job that is stopped (Batch and ECS send SIGTERM) still removes its temporary files.
    signal.signal(signal.SIGTERM, _stop)
    try:
        return run()
    except _Stopped as error:
        status, message = _SIGNAL_STATUS + signal.SIGTERM, f"stopped{stop_hint}"
        return _fail(program, error, message, status)
    except KeyboardInterrupt as error:
        status, message = _SIGNAL_STATUS + signal.SIGINT, f"interrupted{stop_hint}"
        return _fail(program, error, message, status)
    except UnreadError:
        # Who reads the output has seen enough, as `head` has: no word about it.
        return _SIGNAL_STATUS + signal.SIGPIPE
    except Exception as error:
        status = error.exit_code if isinstance(error, CommandError) else ExitCode.FAILED
        is_riddle = status == ExitCode.FAILED and not is_self_explanatory(error)
        return _fail(program, error, format_error(error), status, is_riddle=is_riddle)
    finally:
        # The process ends: looking for cycles in all that it has imported takes a tenth of the
        # time of a short run.
        gc.freeze()


def _stop(number: int, _: object) -> NoReturn:
    raise _Stopped(number)


def _fail(
    program: str, error: BaseException, message: str, status: int, *, is_riddle: bool = False
) -> int:
    debug = "--debug" in sys.argv
    if debug:
        traceback.print_exception(error)
    hint = " (--debug shows the traceback)" if is_riddle and not debug else ""
    sys.stderr.write(f"{program}: error: {message}{hint}\n")
    return status
