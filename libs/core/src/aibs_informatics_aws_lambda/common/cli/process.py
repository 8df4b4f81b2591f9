"""Running a command as a process: exit status, error messages, signals."""

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import NoReturn

from ..signals import once_in_a_while
from .errors import CommandError, ExitCode, error_message
from .output import UnreadError, escaped

# As shells report a process that a signal terminated.
_SIGNAL_STATUS = 128
_CLEANUP_SECONDS = 5.0


class _Stopped(KeyboardInterrupt):
    """The process received SIGTERM or SIGHUP, whose number is the argument."""


def run_as_process(
    program: str,
    run: Callable[[], int],
    *,
    format_error: Callable[[BaseException], str] = error_message,
    is_self_explanatory: Callable[[BaseException], bool] = lambda _: False,
    stop_hint: str = "",
) -> int:
    """Run a command and return the exit status of its process.

    A failure is printed to stderr as one line, after its traceback if ``--debug`` is an argument.
    With ``--json`` the line is a JSON object with ``error``, ``type`` and ``exit_status``.

    Args:
        program: the name of the command.
        run: runs the command with the arguments of the process, prints by `output.printing`, and
            returns the exit status.
        format_error: returns the one-line message of an error.
        is_self_explanatory: returns whether an error needs no traceback.
        stop_hint: a text to add to the message if the command is stopped.
    """
    try:
        _handle_signals()
        return run()
    except _Stopped as error:
        status, message = _SIGNAL_STATUS + error.args[0], f"stopped{stop_hint}"
        return _end(_fail(program, error, message, status))
    except KeyboardInterrupt as error:
        status, message = _SIGNAL_STATUS + signal.SIGINT, f"interrupted{stop_hint}"
        return _end(_fail(program, error, message, status))
    except UnreadError:
        # The reader has what it needs, as `head` does: not an error worth a message.
        return _SIGNAL_STATUS + signal.SIGPIPE
    except Exception as error:
        status = error.exit_code if isinstance(error, CommandError) else ExitCode.FAILED
        hint = status == ExitCode.FAILED and not is_self_explanatory(error)
        return _fail(program, error, format_error(error), status, hint=hint)
    finally:
        # The process exits: collecting garbage in all imported modules takes a tenth of the time
        # of a short run.
        gc.freeze()


def _handle_signals() -> None:
    stop = once_in_a_while(_stop)
    # Batch and ECS stop a job by SIGTERM: an exception lets it remove its temporary files.
    signal.signal(signal.SIGTERM, stop)
    # And a terminal that is closed by SIGHUP, which `nohup` ignores.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, stop)
    # In the background of a shell it is ignored.
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, stop)


def _stop(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt if number == signal.SIGINT else _Stopped(number)


def _end(status: int) -> int:
    """Return the exit status of an interrupted process once its threads have cleaned up.

    The process ends here if a thread is still busy: it waits for a server, and Python would wait
    for the thread before it exits.
    """
    end = monotonic() + _CLEANUP_SECONDS
    main = threading.current_thread()
    threads = [t for t in threading.enumerate() if t is not main and not t.daemon]
    # A second interruption does not wait.
    with suppress(KeyboardInterrupt):
        for thread in threads:
            thread.join(max(0.0, end - monotonic()))
    if any(thread.is_alive() for thread in threads):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _fail(
    program: str, error: BaseException, message: str, status: int, *, hint: bool = False
) -> int:
    debug = "--debug" in sys.argv
    if debug:
        traceback.print_exception(error)
    if "--json" in sys.argv:
        # Most runs do not fail.
        import json

        document = {"error": message, "type": type(error).__name__, "exit_status": int(status)}
        sys.stderr.write(f"{json.dumps(document)}\n")
        return status
    suffix = " (--debug shows the traceback)" if hint and not debug else ""
    sys.stderr.write(f"{program}: error: {escaped(message)}{suffix}\n")
    return status
