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


class FileChangedError(OSError):
    """A file is not what was listed; the message says what happened to it."""


def check_unchanged(path: str, entry: Entry) -> None:
    """Check that a file still has the size and modification time of its entry.

    Raises:
        FileChangedError: it has not.
        FileNotFoundError: it is gone.
        OSError: it cannot be looked at.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path for each file costs more than the call
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} was deleted or renamed during the sync: sync again"
        ) from None
    if (found.st_size, found.st_mtime) != (entry.size, entry.modified):
        raise FileChangedError(
            f"{path} changed during the sync: {_describe_change(entry, found)}. Sync again when "
            "it is no longer written"
        )


def _describe_change(entry: Entry, found: os.stat_result) -> str:
    if entry.inode not in (None, found.st_ino):
        return "another file replaced it"
    if found.st_size > entry.size:
        return f"it grew from {entry.size} to {found.st_size} bytes"
    if found.st_size < entry.size:
        return f"it shrank from {entry.size} to {found.st_size} bytes"
    return "it was written to"


def check_is_empty(path: str) -> None:
    """Check that a file whose size is 0 has no content, as files in ``/proc`` have.

    Raises:
        OSError: it has content, or cannot be read.
    """
    with filename_in_errors(path), open(path, "rb", 0) as file:  # noqa: PTH123
        if file.read(1):
            raise FileChangedError(_untrue_size(path, 0, "more"))


def check_length(path: str, size: int, length: int) -> None:
    """Check that as many bytes were read from a file as it was listed with.

    Args:
        path: the file.
        size: its size as it was listed.
        length: the number of bytes that were read.

    Raises:
        OSError: it is another number.
    """
    if length != size:
        raise FileChangedError(_untrue_size(path, size, "more" if length > size else "fewer"))


def _untrue_size(path: str, size: int, more: str) -> str:
    return (
        f"{path} was listed with {size} bytes and has {more}: it changed during the sync, or its "
        "file system reports no true sizes, as /proc and /sys do. Sync again, or exclude it"
    )


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


def set_modified(path: str, seconds: float) -> None:
    """Set the modification time of a file, in seconds since 1970 UTC.

    Raises:
        PermissionError: the file belongs to another user.
        OSError: it cannot be changed.
    """
    os.utime(path, (seconds, seconds))


def _blocks(path: str, check: CheckDeadline) -> Iterator[bytes]:
    with filename_in_errors(path), open(path, "rb") as file:  # noqa: PTH123
        while block := file.read(_BLOCK_BYTES):
            check()
            yield block
