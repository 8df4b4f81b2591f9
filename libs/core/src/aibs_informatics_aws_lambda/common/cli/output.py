"""Printing to stdout, whose reader may be gone."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_STDOUT, _STDERR = 1, 2


class UnreadError(BrokenPipeError):
    """The reader of stdout is gone; distinct from other broken pipes."""


@contextmanager
def reserved_stdout(*, restores: bool = True) -> Iterator[TextIO]:
    """Yield stdout, and redirect to stderr what anything else writes to it in the block.

    That includes child processes and libraries in C, unless the stdout of Python was replaced.

    Args:
        restores: whether to end the redirection with the block. What a library in C has buffered
            would then appear in stdout when the process exits.
    """
    stdout = sys.stdout
    if not _is_that_of_the_process(stdout):
        with redirect_stdout(sys.stderr):
            yield stdout
        return
    stdout.flush()
    own = os.fdopen(os.dup(_STDOUT), "w", encoding=stdout.encoding, errors=stdout.errors)
    # The process may have no stderr.
    os.dup2(_STDERR if sys.stderr else os.open(os.devnull, os.O_WRONLY), _STDOUT)
    with own, redirect_stdout(sys.stderr):
        try:
            yield own
        finally:
            if restores:
                os.dup2(own.fileno(), _STDOUT)


def _is_that_of_the_process(stdout: TextIO) -> bool:
    try:
        return stdout.fileno() == _STDOUT
    except (AttributeError, OSError, ValueError):
        return False


@contextmanager
def printing(stdout: TextIO) -> Iterator[None]:
    """Flush ``stdout`` at the end of the block; after an error, redirect it to the null device.

    Raises:
        UnreadError: the reader is gone.
        OSError: the disk is full.
    """
    try:
        yield
        stdout.flush()
    except OSError as error:
        # Otherwise Python would flush the rest when it exits, and print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise UnreadError(error.errno, error.strerror) from error
        raise


def print_to(stdout: TextIO, text: str) -> None:
    """Print a line; raise the errors of `printing`."""
    with printing(stdout):
        print(text, file=stdout)
