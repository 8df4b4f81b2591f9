"""Printing to stdout, whose reader may be gone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class UnreadError(BrokenPipeError):
    """The reader of stdout is gone; distinct from other broken pipes."""


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
