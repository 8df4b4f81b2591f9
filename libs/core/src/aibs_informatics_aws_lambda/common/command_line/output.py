"""What a command prints on stdout, which may have no reader any more."""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["drop_output", "print_to"]


def print_to(stdout: TextIO, text: str) -> None:
    """Print ``text``.

    Raises:
        OSError: nobody reads it, or the disk is full.
    """
    try:
        print(text, file=stdout, flush=True)
    except OSError:
        drop_output(stdout)
        raise


def drop_output(stdout: TextIO) -> None:
    """Drop what could not be written to ``stdout``, and what else comes.

    Or Python would try to write the rest once more at its end, and complain.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
