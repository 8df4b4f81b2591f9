"""Files and folders removed from local disks: what may go, and how it goes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aibs_informatics_aws_lambda.storage.mount_points import MountPoint
from aibs_informatics_aws_lambda.storage.mount_variables import EFS_MOUNT_POINT_PATH_KEY_PREFIX

ROOTS_KEY: Final = "DATA_REMOVE_ROOTS"

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}


@dataclass(frozen=True)
class RemovalGuard:
    """What must not be removed.

    Args:
        roots: the folders below which things may be removed; empty: anywhere.
        mounts: folders at which file systems are mounted, beyond those that the machine tells.
    """

    roots: tuple[Path, ...] = ()
    mounts: tuple[Path, ...] = ()

    def check(self, path: Path) -> Path:
        """Return what a path names, with all links above it resolved, if it may be removed.

        Raises:
            ValueError: it is ``/`` or a mount point, has one below it, or is below no root.
        """
        real = _resolved_above(path)
        if os.path.ismount(real) or real in self.mounts:
            raise ValueError(
                f"{path} is a location where a file system is mounted: it cannot be removed; name "
                "what is to be removed in it"
            )
        inside = next((mount for mount in self.mounts if mount.is_relative_to(real)), None)
        if inside:
            raise ValueError(
                f"{path} cannot be removed: the file system that is mounted at {inside} lies in it"
            )
        if self.roots and not any(root in real.parents for root in self.roots):
            allowed = os.pathsep.join(map(str, self.roots))
            raise ValueError(
                f"{path} must not be removed: it does not lie below {allowed}, which "
                f"{ROOTS_KEY} allows"
            )
        return real


def find_removal_guard(mounts: tuple[MountPoint, ...] = ()) -> RemovalGuard:
    """Return what must not be removed, as environment variables tell.

    Args:
        mounts: further mounts of EFS.

    Raises:
        ValueError: a root is not an absolute path.
    """
    roots = [Path(root) for root in os.environ.get(ROOTS_KEY, "").split(os.pathsep) if root]
    for root in roots:
        if not root.is_absolute():
            raise ValueError(f"{ROOTS_KEY} holds {str(root)!r}, which is no absolute path")
    folders = [
        value
        for name, value in os.environ.items()
        if name.startswith(EFS_MOUNT_POINT_PATH_KEY_PREFIX) and value
    ]
    folders += [str(mount.path) for mount in mounts]
    return RemovalGuard(_real(roots), _real(folders))


@dataclass(frozen=True)
class TreeStat:
    """What there is to remove.

    Args:
        size_bytes: the sum over all files; of a link, nothing.
        inode: of the file, the folder or the link.
        last_modified: when the latest of the files was modified, in seconds since 1970 UTC.
        is_folder: whether it is a folder.
    """

    size_bytes: int
    inode: int
    last_modified: float
    is_folder: bool


def stat_tree(path: Path) -> TreeStat | None:
    """Return what is at a path, or `None` if there is nothing. Links are not followed.

    Raises:
        ValueError: another file system is mounted in the folder.
        OSError: the folder cannot be read.
    """
    with _opened_parent(path) as parent:
        if parent is None:
            return None
        found = _lstat(path.name, parent)
        if found is None:
            return None
        if not stat.S_ISDIR(found.st_mode):
            is_link = stat.S_ISLNK(found.st_mode)
            size, modified = (0, 0.0) if is_link else (found.st_size, found.st_mtime)
            return TreeStat(size, found.st_ino, modified, is_folder=False)
        size, latest = 0, 0.0
        for folder, names, fd in _folders(path, parent):
            if os.fstat(fd).st_dev != found.st_dev:
                raise ValueError(
                    f"{path} cannot be removed: another file system is mounted at {folder}"
                )
            for name in names:
                below = _lstat(name, fd)
                if below and not stat.S_ISLNK(below.st_mode) and not stat.S_ISDIR(below.st_mode):
                    size += below.st_size
                    latest = max(latest, below.st_mtime)
        return TreeStat(size, found.st_ino, latest, is_folder=True)


def remove_tree(path: Path, found: TreeStat) -> None:
    """Remove what was measured at a path. Links are removed, never followed.

    Raises:
        OSError: something cannot be removed; what was removed until then stays so.
    """
    with _opened_parent(path) as parent:
        if parent is None:
            return
        if not found.is_folder:
            _unlink(path.name, parent)
            return
        for _, names, fd in _folders(path, parent):
            for name in names:
                _remove_name(name, fd)
        _remove_folder(path.name, parent)


def _folders(path: Path, parent: int) -> Iterator[tuple[Path, list[str], int]]:
    """Yield each folder below, and the path itself last: the names in it, and how it is opened."""
    walk = os.fwalk(path.name, topdown=False, onerror=_raise_unless_gone, dir_fd=parent)
    for folder, folders, files, fd in walk:
        yield path.parent / folder, folders + files, fd


@contextmanager
def _opened_parent(path: Path) -> Iterator[int | None]:
    # All further names are looked up in this very folder, whatever becomes of its path.
    try:
        fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        _raise_unless_gone(error)
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def _lstat(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=folder)
    except OSError as error:
        _raise_unless_gone(error)
        return None


def _remove_name(name: str, folder: int) -> None:
    found = _lstat(name, folder)
    if found is None:
        return
    if stat.S_ISDIR(found.st_mode):
        _remove_folder(name, folder)
    else:
        _unlink(name, folder)


def _unlink(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError as error:
        _raise_unless_gone(error)


def _remove_folder(name: str, folder: int) -> None:
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        _raise_unless_gone(error)


def _raise_unless_gone(error: OSError) -> None:
    if error.errno not in _GONE:
        raise error


def _resolved_above(path: Path) -> Path:
    if path.name in ("", ".."):
        return Path(os.path.realpath(path))
    return Path(os.path.realpath(path.parent)) / path.name


def _real(paths: list[Path] | list[str]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(path)) for path in paths)
