"""Writing and removing local files, whole or not at all."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ..entries import Entry

# With the process and a number, a name that no other machine makes either.
_OWN = os.urandom(6).hex()
_numbers = itertools.count()


def check_unchanged(path: str, entry: Entry) -> None:
    """Check that a file is what was listed.

    Raises:
        OSError: it is not, or is gone.
    """
    found = os.stat(path)  # noqa: PTH116 - a Path for each file costs more than the call
    if (found.st_size, found.st_mtime) != (entry.size, entry.modified):
        raise OSError(f"{path} has changed while it was synced: sync again when it is at rest")


def temporary_path(target: str) -> str:
    """Return a hidden path beside a file, at which it can be written before it is renamed."""
    folder, _, name = target.rpartition("/")
    # Names have at most 255 bytes, and a character up to four.
    return f"{folder}/.{name[:48]}.{_OWN}-{os.getpid()}-{next(_numbers)}.tmp"


def write_new(path: str, content: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        OSError: it is there, or cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    except OSError as error:
        # Not by `filename_in_errors`: a context manager is too slow for millions of files.
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def flush(path: str) -> None:
    """Wait until the content of a file is on the disk.

    Raises:
        OSError: it cannot be written there.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with filename_in_errors(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def touch(path: str) -> None:
    """Make a file one that was modified just now."""
    os.utime(path)


class Folders:
    """Makes folders that are missing, each once."""

    def __init__(self) -> None:
        self._made: set[str] = set()

    def make_parent(self, path: str) -> None:
        """Make the folder that a path lies in."""
        folder = path.rpartition("/")[0]
        if folder not in self._made:
            Path(folder or "/").mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
