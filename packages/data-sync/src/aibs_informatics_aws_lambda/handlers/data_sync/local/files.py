"""Local files: compared, written whole or not at all, and flushed."""

import errno
import hashlib
import os
from collections.abc import Iterator
from itertools import zip_longest

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ..entries import Entry
from ..progress import CheckDeadline

DANGLING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ELOOP})
"""Errors about a symlink that points to nothing; NFS, and so EFS, says ESTALE."""

_BLOCK_BYTES = 2**20


def check_unchanged(path: str, entry: Entry) -> None:
    """Check that a file still has the size and modification time of its entry.

    Raises:
        OSError: it has not, or is gone.
    """
    found = os.stat(path)  # noqa: PTH116 - a Path for each file costs more than the call
    if (found.st_size, found.st_mtime) != (entry.size, entry.modified):
        raise OSError(f"{path} changed during the sync: sync again when it is no longer written")


def same_content(path: str, other: str, check: CheckDeadline) -> bool:
    """Tell whether two files of one size have the same bytes.

    ``check`` is called at each block; an error that it raises ends the comparison.

    Raises:
        OSError: one of them cannot be read.
    """
    pairs = zip_longest(_blocks(path, check), _blocks(other, check))
    return all(block == other_block for block, other_block in pairs)


def file_digest(path: str, check: CheckDeadline) -> bytes:
    """Return the SHA-256 of a file.

    ``check`` is called at each block; an error that it raises ends the reading.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    for block in _blocks(path, check):
        digest.update(block)
    return digest.digest()


def write_new(path: str, content: bytes) -> None:
    """Write a file that does not exist yet.

    Raises:
        OSError: it exists, or cannot be written.
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
    """Set the modification time of a file to now."""
    os.utime(path)


def _blocks(path: str, check: CheckDeadline) -> Iterator[bytes]:
    with filename_in_errors(path), open(path, "rb") as file:  # noqa: PTH123
        while block := file.read(_BLOCK_BYTES):
            check()
            yield block
