"""Printing to stdout, whose reader may be gone, and to terminals."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_STDOUT, _STDERR = 1, 2

# An invalid byte of a file name is a lone surrogate (PEP 383), from this one on.
_FIRST_INVALID_BYTE = 0xDC80
_INVALID_BYTES = 0x80


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


def escaped(text: str) -> str:
    """Return a text in one line, without control sequences: names of files may have them.

    Characters that are not printable, and bytes that are not UTF-8, are escaped as in Python.
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    if 0 <= ord(character) - _FIRST_INVALID_BYTE < _INVALID_BYTES:
        return f"\\x{ord(character) & 0xFF:02x}"
    return character.encode("unicode_escape").decode()


def print_to(stdout: TextIO, text: str) -> None:
    """Print a line; raise the errors of `printing`."""
    with printing(stdout):
        print(text, file=stdout)
