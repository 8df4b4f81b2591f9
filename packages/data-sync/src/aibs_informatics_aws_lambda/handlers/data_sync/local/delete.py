"""Deletion of local files and directories, and what is protected from it."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aibs_informatics_aws_lambda.storage import mount_points

from ..evidence import is_absent
from ..settings import REMOVE_ROOTS_KEY

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def delete_file(path: str) -> bool:
    """Delete a file or symlink. Return whether it was there.

    Raises:
        OSError: it cannot be deleted.
    """
    try:
        os.unlink(path)  # noqa: PTH108 - a Path for each file costs more than the call
    except FileNotFoundError:
        return False
    return True


def delete_empty_directories(directory: str) -> None:
    """Delete a directory with all directories and symlinks below it, unless they hold files.

    Raises:
        OSError: one of them cannot be deleted.
    """
    for path, names, _ in os.walk(directory, topdown=False):
        for name in names:
            _delete_symlink_or_empty_directory(os.path.join(path, name))  # noqa: PTH118
    _delete_symlink_or_empty_directory(directory.rstrip("/"))


def delete_empty_parents(root: str, relatives: Iterable[str]) -> None:
    """Delete the parent directories of deleted files that are empty now, up to the root itself.

    Args:
        root: the path of the root, with a slash at its end.
        relatives: the paths of the files, relative to the root.

    Raises:
        OSError: one of them cannot be deleted.
    """
    folders = {relative.rpartition("/")[0] for relative in relatives}
    parents = {
        "/".join(parts[:count])
        for parts in (folder.split("/") for folder in folders)
        for count in range(len(parts) + 1)
    }
    for folder in sorted(parents, reverse=True):
        _delete_if_empty(root + folder)


@dataclass(frozen=True)
class RemovalGuard:
    """Protects mount points, and everything outside of the configured roots, from deletion.

    Args:
        roots: the directories below which deletion is allowed; empty: anywhere.
        mounts: mount points beyond those that the operating system reports.
    """

    roots: tuple[Path, ...] = ()
    mounts: tuple[Path, ...] = ()

    def check(self, path: Path) -> Path:
        """Return a path with all symlinks above it resolved, if it may be deleted.

        Raises:
            ValueError: it is ``/`` or a mount point, contains one, or is below no root.
        """
        real = _resolved_above(path)
        if os.path.ismount(real) or real in self.mounts:
            raise ValueError(
                f"cannot remove {path}: it is a mount point. Name paths below it instead"
            )
        inside = next((mount for mount in self.mounts if mount.is_relative_to(real)), None)
        if inside:
            raise ValueError(f"cannot remove {path}: it contains the mount point {inside}")
        if self.roots and not any(root in real.parents for root in self.roots):
            allowed = os.pathsep.join(map(str, self.roots))
            raise ValueError(
                f"cannot remove {path}: {REMOVE_ROOTS_KEY} allows only paths below {allowed}"
            )
        return real


def find_removal_guard(mounts: tuple[mount_points.MountPoint, ...] = ()) -> RemovalGuard:
    """Return the guard that the environment variables configure.

    Args:
        mounts: further mounts of EFS.

    Raises:
        ValueError: a root is not an absolute path.
    """
    roots = [Path(root) for root in os.environ.get(REMOVE_ROOTS_KEY, "").split(os.pathsep) if root]
    for root in roots:
        if not root.is_absolute():
            raise ValueError(f"{REMOVE_ROOTS_KEY} contains {str(root)!r}: not an absolute path")
    folders = [
        value
        for name, value in os.environ.items()
        if name.startswith(mount_points.EFS_MOUNT_POINT_PATH_KEY_PREFIX) and value
    ]
    folders += [str(mount.path) for mount in mounts]
    return RemovalGuard(_real(roots), _real(folders))


@dataclass(frozen=True)
class TreeStat:
    """A file, symlink or directory, with the total of all files below it.

    Args:
        size_bytes: the sum over all files; 0 for a symlink.
        inode: the inode number of the file, the directory or the symlink.
        last_modified: the latest modification time of the files, in seconds since 1970 UTC.
        is_folder: whether it is a directory.
    """

    size_bytes: int
    inode: int
    last_modified: float
    is_folder: bool


def stat_tree(path: Path) -> TreeStat | None:
    """Return the totals of a path, or `None` if it does not exist. Symlinks are not followed.

    Raises:
        ValueError: another file system is mounted below the path.
        OSError: a directory cannot be read.
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
                    f"cannot remove {path}: another file system is mounted at {folder}"
                )
            for name in names:
                below = _lstat(name, fd)
                if below and not stat.S_ISLNK(below.st_mode) and not stat.S_ISDIR(below.st_mode):
                    size += below.st_size
                    latest = max(latest, below.st_mtime)
        return TreeStat(size, found.st_ino, latest, is_folder=True)


def remove_tree(path: Path, found: TreeStat) -> None:
    """Delete a path with everything below it. Symlinks are deleted, never followed.

    Args:
        path: the path.
        found: what `stat_tree` has returned for it.

    Raises:
        OSError: something cannot be deleted; what was deleted until then stays deleted.
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
        _rmdir(path.name, parent)


def _folders(path: Path, parent: int) -> Iterator[tuple[Path, list[str], int]]:
    """Yield each directory below, the path itself last: with its names and file descriptor.

    Only one directory is open at a time, however deep the tree is. The way back up is by ``..``,
    which must lead to the directory that the walk has come from.

    Raises:
        OSError: a directory cannot be read, or was moved meanwhile.
    """
    fd = _open_directory(path.name, parent)
    if fd is None:
        return
    try:
        levels = [_Level(path, fd)]
        while levels:
            level = levels[-1]
            name = next(level.unvisited, None)
            below = None if name is None else _open_directory(name, fd)
            if below is not None:
                os.close(fd)
                fd = below
                levels.append(_Level(level.path / str(name), fd))
            elif name is None:
                yield level.path, level.names, fd
                levels.pop()
                if levels:
                    above = os.open("..", _DIRECTORY, dir_fd=fd)
                    os.close(fd)
                    fd = above
                    levels[-1].check(fd)
    finally:
        os.close(fd)


class _Level:
    """A directory on the way down, and the directories in it that are not visited yet."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._stat = os.fstat(fd)
        with os.scandir(fd) as children:
            kinds = {child.name: child.is_dir(follow_symlinks=False) for child in children}
        self.names = list(kinds)
        self.unvisited = iter([name for name, is_directory in kinds.items() if is_directory])

    def check(self, fd: int) -> None:
        """Raise `OSError` if another directory than this one is open."""
        if not os.path.samestat(self._stat, os.fstat(fd)):
            raise OSError(errno.ESTALE, "a directory in it was moved meanwhile", str(self.path))


def _open_directory(name: str, parent: int) -> int | None:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except OSError as error:
        _raise_unless_gone(error)
        return None


@contextmanager
def _opened_parent(path: Path) -> Iterator[int | None]:
    # All further names are looked up in this very directory, whatever becomes of its path.
    try:
        fd = os.open(path.parent, _DIRECTORY)
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
        _rmdir(name, folder)
    else:
        _unlink(name, folder)


def _unlink(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError as error:
        _raise_unless_gone(error)


def _rmdir(name: str, folder: int) -> None:
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        _raise_unless_gone(error)


def _raise_unless_gone(error: OSError) -> None:
    if not is_absent(error):
        raise error


def _delete_symlink_or_empty_directory(path: str) -> None:
    if os.path.islink(path):  # noqa: PTH114
        os.unlink(path)  # noqa: PTH108
    else:
        _delete_if_empty(path)


def _delete_if_empty(path: str) -> None:
    with os.scandir(path) as found:
        if next(found, None) is not None:
            return
    os.rmdir(path)  # noqa: PTH106


def _resolved_above(path: Path) -> Path:
    if path.name in ("", ".."):
        return Path(os.path.realpath(path))
    return Path(os.path.realpath(path.parent)) / path.name


def _real(paths: list[Path] | list[str]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(path)) for path in paths)
