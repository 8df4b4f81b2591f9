"""The entry point of the command ``data-sync``.

An interruption while the command starts ends it silently, where Python would print a traceback.
"""

# The module `signal` adds names to this one, by imports that take a part of the start.
import _signal  # type: ignore[import-not-found]
import os

_INTERRUPTED = 130


def main() -> int:
    """Run the command with the arguments of the process and return its exit status."""
    # Unless interruptions are ignored, as below `nohup`.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _exit)
    # Imported once an interruption is handled.
    from .handlers.data_sync.cli.main import main as run

    return run()


def _exit(*_: object) -> None:
    # An exception could be replaced by another one, or ignored, depending on what is imported.
    os._exit(_INTERRUPTED)
