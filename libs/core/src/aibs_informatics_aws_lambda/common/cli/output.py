"""What a command prints on stdout, which may have no reader any more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class UnreadError(BrokenPipeError):
    """Nobody reads what the command prints: not any other pipe that is broken."""


@contextmanager
def printing(stdout: TextIO) -> Iterator[None]:
    """Have what is written to ``stdout`` inside the block go out at its end.

    Raises:
        UnreadError: nobody reads it.
        OSError: the disk is full.
    """
    try:
        yield
        stdout.flush()
    except OSError as error:
        # Or Python would try to write the rest once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise UnreadError(error.errno, error.strerror) from error
        raise


def print_to(stdout: TextIO, text: str) -> None:
    """Print a line; the errors are those of `printing`."""
    with printing(stdout):
        print(text, file=stdout)
