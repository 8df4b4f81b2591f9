"""Local files: what is below a folder, in the order in which S3 lists keys."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..entries import Entry, EntryKind, Listing

logger = logging.getLogger(__name__)

# A file that goes away while its folder is read; ESTALE is how NFS, and so EFS, says it.
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}


def find_local(path: Path) -> Listing:
    """Return what a local path names.

    Raises:
        OSError: the path cannot be looked at.
        ValueError: it is neither a file nor a folder, or a link that points nowhere.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise ValueError(_points_nowhere(str(path))) from None
        return Listing(None, (), exists=False)
    if stat.S_ISDIR(found.st_mode):
        return Listing(None, walk(path), exists=True)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is neither a file nor a folder")
    return Listing(Entry("", found.st_size, found.st_mtime), (), exists=True)


def walk(folder: Path) -> Iterator[Entry]:
    """Yield the files below a folder, in the order of their paths.

    A link to a file counts as that file. A link to a folder is followed, but no folder is read
    twice, and one that lies below ``folder`` by itself is read there only. Files that vanish
    meanwhile are left out, and so are pipes, sockets and devices, with a warning.

    Raises:
        OSError: a folder or file cannot be read.
        ValueError: a link points nowhere.
    """
    root = os.fspath(folder)
    return _walk(root, "", _Reading(root), linked=False)


def list_destination(folder: Path) -> Iterator[Entry]:
    """Yield the files, links and folders below a folder, in the order of their paths.

    Links are not followed. A folder that is not there has nothing below it.

    Raises:
        OSError: a folder cannot be read.
    """
    return _list(os.fspath(folder), "")


def _list(folder: str, prefix: str) -> Iterator[Entry]:
    for name, _ in _names_in_order(folder, None, linked=False):
        path = f"{folder}/{name}"
        if name.endswith("/"):
            yield Entry(prefix + name, 0, 0.0, None, "folder")
            yield from _list(path[:-1], prefix + name)
            continue
        try:
            found = os.lstat(path)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            continue
        kind: EntryKind = "file" if stat.S_ISREG(found.st_mode) else "symlink"
        yield Entry(prefix + name, found.st_size, found.st_mtime, None, kind)


def _walk(folder: str, prefix: str, reading: _Reading, *, linked: bool) -> Iterator[Entry]:
    for name, is_link in _names_in_order(folder, reading, linked=linked):
        path = f"{folder}/{name}"
        if name.endswith("/"):
            yield from _walk(path[:-1], prefix + name, reading, linked=linked or is_link)
            continue
        try:
            found = os.stat(path)  # noqa: PTH116 - a Path for each file costs more than the call
        except OSError as error:
            if error.errno not in _GONE:
                raise
            if os.path.islink(path):  # noqa: PTH114
                raise ValueError(_points_nowhere(path)) from None
            continue
        if stat.S_ISREG(found.st_mode):
            kind: EntryKind = "symlink_target" if linked else "file"
            yield Entry(prefix + name, found.st_size, found.st_mtime, None, kind)
        else:
            logger.warning("%s is neither a file nor a folder: it is left out", path)


def _names_in_order(
    folder: str, reading: _Reading | None, *, linked: bool
) -> Iterator[tuple[str, bool]]:
    """Yield the names in a folder, those of folders with a slash, as their content sorts.

    With each comes whether it is a link to a folder that is followed; without ``reading`` none is.
    """
    names = []
    links = set()
    try:
        with os.scandir(folder) as found:
            for child in found:
                if child.is_dir(follow_symlinks=False):
                    names.append(f"{child.name}/")
                elif reading and child.is_symlink() and child.is_dir():
                    names.append(f"{child.name}/")
                    links.add(names[-1])
                else:
                    names.append(child.name)
    except OSError as error:
        if error.errno not in _GONE:
            raise
    names.sort()
    for name in names:
        is_link = name in links
        is_outside = name.endswith("/") and (linked or is_link)
        if reading and is_outside and not reading.enters(f"{folder}/{name}"):
            continue
        yield name, is_link


class _Reading:
    """The folders outside the root that links have led to: none of them is read twice."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root)
        self._entered: set[tuple[int, int]] = set()

    def enters(self, folder: str) -> bool:
        """Tell whether to read a folder to which, or above which, a link has led."""
        real = os.path.realpath(folder)
        if f"{real}/".startswith(f"{self._root.rstrip('/')}/"):
            return False
        found = os.stat(real)  # noqa: PTH116
        identity = found.st_dev, found.st_ino
        if identity in self._entered:
            return False
        self._entered.add(identity)
        return True


def _points_nowhere(path: str) -> str:
    return f"the link {path} points nowhere: mend it, or remove it"
