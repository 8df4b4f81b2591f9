"""A second tree of the same files: hard links where possible, copies elsewhere.

A journal tells which files there were, so that the first tree is deleted later only as far as it
still is what was linked.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Final

from aibs_informatics_aws_lambda.common.files import filename_in_errors

from ..entries import Entry
from ..evidence import is_absent
from .delete import delete_if_empty
from .folders import Folder, Folders
from .journal import Known, compared, known, write_entry
from .walk import list_destination

# Of another user, too many links already, or a file system without links.
_NO_LINK: Final = frozenset({errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP})
_CLONE: Final = 0x40049409  # FICLONE of <linux/fs.h>


def link_tree(source: str, target: str, journal: IO[str], check: Callable[[], None]) -> None:
    """Make a tree with the files, symlinks and folders of another one on the same file system.

    Folders get the mode, the owner and the extended attributes of theirs. No file is ever written
    to by a sync, which puts another one at its path: so both trees may share their files.

    Args:
        source: the path of the tree, with a slash at its end, without symlinks.
        target: the path of the new tree, likewise, whose parent exists.
        journal: receives a line for each file.
        check: called at each file; an error that it raises ends the work.

    Raises:
        OSError: a file can be neither linked nor copied, or another file system is mounted in the
            tree.
    """
    old, new = Folders(source), Folders(target)
    folders = [""]
    new.make("")
    for entry in list_destination(Path(source)):
        check()
        write_entry(journal, entry)
        if entry.kind == "folder":
            folders.append(entry.relative)
            new.make(entry.relative.rstrip("/"))
        else:
            _link(*old.locate(source + entry.relative), new.make_parent(target + entry.relative))
    # Last, and deepest first: a folder may be one that nothing can be written to.
    for relative in reversed(folders):
        _copy_metadata(source + relative, target + relative)


def find_change(journal: Iterable[Known], tree: str, other: str) -> str | None:
    """Return the first path at which a tree has changed since it was linked, if there is one.

    Args:
        journal: the journal of the tree.
        tree: its path, with a slash at its end.
        other: the path of the tree that was made from it, likewise. What both share has changed in
            both.

    Raises:
        OSError: a folder cannot be read.
    """
    for entry, line in compared(journal, list_destination(Path(tree))):
        if entry is None:
            return tree + line.relative if line else tree
        if not _is_known(entry, line, tree, other):
            return tree + entry.relative
    return None


def delete_known(journal: Iterable[Known], tree: str, other: str) -> int:
    """Delete what is in a tree, but nothing that has come or changed since it was linked.

    Args:
        journal: the journal of the tree.
        tree: its path, with a slash at its end, without symlinks.
        other: the path of the tree that was made from it, likewise.

    Returns:
        The number of files and folders that were kept.

    Raises:
        OSError: a file cannot be deleted.
    """
    held, folders, kept = Folders(tree), [], 0
    for entry, line in compared(journal, list_destination(Path(tree))):
        if entry is None:
            continue
        if not _is_known(entry, line, tree, other):
            kept += 1
        elif entry.kind == "folder":
            folders.append(entry.relative)
        else:
            folder, name = held.locate(tree + entry.relative)
            os.unlink(name, dir_fd=folder.fd)
    for relative in reversed(folders):
        folder, name = held.locate(tree + relative.rstrip("/"))
        delete_if_empty(name, folder.fd)
    return kept


def _is_known(entry: Entry, line: Known | None, tree: str, other: str) -> bool:
    # A file that both trees share is not lost with one of them, whatever was written to it.
    return known(entry) == line or _is_shared(tree + entry.relative, other + entry.relative)


def _is_shared(path: str, other: str) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.lstat(other))
    except OSError as error:
        if is_absent(error) or error.errno == errno.ENOTDIR:
            return False
        raise


def _link(source: Folder, name: str, target: Folder) -> None:
    path = source.path + name
    try:
        os.link(name, name, src_dir_fd=source.fd, dst_dir_fd=target.fd, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise _mounted(path) from None
        if error.errno not in _NO_LINK:
            raise OSError(error.errno, error.strerror, path) from None
    else:
        return
    with filename_in_errors(path):
        _copy(source, name, target)


def _copy(source: Folder, name: str, target: Folder) -> None:
    """Copy a file with its mode, owner and times, or a symlink."""
    found = os.lstat(name, dir_fd=source.fd)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(name, dir_fd=source.fd), name, dir_fd=target.fd)
        return
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EOPNOTSUPP, "not a regular file, and cannot be linked: delete it")
    reader = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source.fd)
    with open(reader, "rb", 0) as old:  # noqa: PTH123
        writer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=target.fd)
        with open(writer, "wb", 0) as new:  # noqa: PTH123
            if not _clone(reader, writer):
                shutil.copyfileobj(old, new, 2**20)
            _keep_owner(writer, found, source.path + name)
            os.fchmod(writer, stat.S_IMODE(found.st_mode))
            os.utime(writer, ns=(found.st_atime_ns, found.st_mtime_ns))


def _clone(reader: int, writer: int) -> bool:
    """Let a file share the blocks of another one. Return whether the file system can."""
    import fcntl

    try:
        fcntl.ioctl(writer, _CLONE, reader)
    except OSError:
        return False
    return True


def _copy_metadata(source: str, target: str) -> None:
    found = os.lstat(source)
    fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _keep_owner(fd, found, source)
    finally:
        os.close(fd)
    shutil.copystat(source, target)


def _keep_owner(fd: int, found: os.stat_result, path: str) -> None:
    made = os.fstat(fd)
    if (made.st_uid, made.st_gid) == (found.st_uid, found.st_gid):
        return
    try:
        os.fchown(fd, found.st_uid, found.st_gid)
    except PermissionError:
        raise PermissionError(
            errno.EPERM,
            f"cannot keep its owner ({found.st_uid}:{found.st_gid}) in a new folder: run the sync "
            "as that user, or without --switch",
            path,
        ) from None


def _mounted(path: str) -> OSError:
    reason = "another file system is mounted above this file: a switch would leave it behind"
    return OSError(errno.EXDEV, reason, path)
