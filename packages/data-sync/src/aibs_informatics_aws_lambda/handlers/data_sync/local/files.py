"""Local files: compared with their entries and with each other, and touched."""

import errno
import hashlib
import os
from collections.abc import Generator, Iterator
from contextlib import closing
from io import FileIO
from itertools import zip_longest

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ..entries import Entry
from ..progress import CheckDeadline
from .folders import Folder

DANGLING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ELOOP})
"""Errors about a symlink that points to nothing; NFS, and so EFS, says ESTALE."""

_BLOCK_BYTES = 2**20
_STAT_BLOCK_BYTES = 512


class FileChangedError(OSError):
    """A file is not what was listed; the message says what happened to it."""


def check_unchanged(path: str, entry: Entry, folder: Folder | None = None) -> None:
    """Check that a file still has the size and modification time of its entry.

    Args:
        path: its path.
        entry: the file as it was listed.
        folder: its directory, if that is held open.

    Raises:
        FileChangedError: it has not.
        FileNotFoundError: it is gone.
        OSError: it cannot be looked at.
    """
    name = path if folder is None else path.rpartition("/")[2]
    try:
        found = os.stat(name, dir_fd=folder.fd if folder else None)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} was deleted or renamed during the sync: sync again"
        ) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    if (found.st_size, found.st_mtime) != (entry.size, entry.modified):
        raise FileChangedError(
            f"{path} changed during the sync: {_describe_change(entry, found)}. Sync again when "
            "it is no longer written"
        )


def is_seen_twice(path: str, other: str) -> bool:
    """Return whether two paths lead to one file by two mounts of a file system.

    Such mounts may have device numbers of their own. Files of two file systems may have one inode
    number, but not one time of their last change in nanoseconds as well.

    Raises:
        OSError: one of them cannot be looked at.
    """
    found, there = os.stat(path), os.stat(other)  # noqa: PTH116
    return found.st_dev != there.st_dev and _identity(found) == _identity(there)


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


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


def read_whole(path: str, size: int) -> bytes:
    """Return the content of a small file.

    Raises:
        FileChangedError: it has another size than the given one, with which it was listed.
        OSError: it cannot be read.
    """
    with filename_in_errors(path), open(path, "rb", 0) as file:  # noqa: PTH123
        return read_to_end(file, size)


def read_to_end(file: FileIO, size: int) -> bytes:
    """Return the content of an open file; see `read_whole`."""
    content = b""
    # One byte more than the file had when it was listed shows that it has grown.
    while more := file.read(size + 1 - len(content)):
        content += more
    check_length(os.fsdecode(file.name), size, len(content))
    return content


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
    """Return whether two files of one size have the same bytes.

    ``check`` is called at each block; an error that it raises ends the comparison.

    Raises:
        OSError: one of them cannot be read.
    """
    # Both files are closed at once, also where the time is up in the middle of one of them.
    with closing(_blocks(path, check)) as blocks, closing(_blocks(other, check)) as others:
        return all(block == other for block, other in zip_longest(blocks, others))


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


def set_modified(folder: Folder, name: str, seconds: float | None = None) -> None:
    """Set the modification time of a file in a directory.

    Args:
        folder: the directory.
        name: the name of the file.
        seconds: the time in seconds since 1970 UTC; by default now.

    Raises:
        PermissionError: the file belongs to another user, and may be given no other time than now.
        OSError: the file is gone, or cannot be changed.
    """
    times = None if seconds is None else (seconds, seconds)
    try:
        os.utime(name, times, dir_fd=folder.fd, follow_symlinks=False)
    except OSError as error:
        raise OSError(error.errno, error.strerror, folder.path + name) from None


def has_no_holes(found: os.stat_result, size: int | None = None) -> bool:
    """Return whether a file takes as much space as its size, or as a given size."""
    return found.st_blocks * _STAT_BLOCK_BYTES >= (found.st_size if size is None else size)


def data_spans(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the start and end of the data in an open file; between them are holes.

    A file without holes is one span, whose end is beyond its size: it may still grow.

    Args:
        fd: its file descriptor.
        size: its size.

    Raises:
        OSError: the file cannot be read.
    """
    if has_no_holes(os.fstat(fd), size):
        yield 0, size + 1
        return
    end = 0
    while end < size:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            # There is only a hole left.
            return
        end = os.lseek(fd, start, os.SEEK_HOLE)
        os.lseek(fd, start, os.SEEK_SET)
        yield start, end


def _blocks(path: str, check: CheckDeadline) -> Generator[bytes]:
    with filename_in_errors(path), open(path, "rb") as file:  # noqa: PTH123
        while block := file.read(_BLOCK_BYTES):
            check()
            yield block
