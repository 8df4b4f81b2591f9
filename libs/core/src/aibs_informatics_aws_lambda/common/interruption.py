"""Interruptions (SIGINT, as Ctrl-C sends it) while a command starts."""

# The module `signal` adds names to this one, by imports that take a part of the start.
import _signal  # type: ignore[import-not-found]
import os

_INTERRUPTED = 130


def exit_if_interrupted() -> None:
    """Let an interruption end the process silently, where Python would print a traceback.

    It is for the entry points of commands, before they import what they need: nothing is to be
    undone by then. Interruptions that are ignored, as below ``nohup``, stay ignored.
    """
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _exit)


def _exit(*_: object) -> None:
    # An exception could be replaced by another one, or ignored, depending on what is imported.
    os._exit(_INTERRUPTED)
