"""Deletion of local files and directories, and what is protected from it."""

import errno
import math
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from aibs_informatics_aws_lambda.storage import mount_points

from ..evidence import is_absent
from ..settings import REMOVE_ROOTS_KEY
from .descent import Pace, Unit, descend
from .folders import Folder, Folders, open_folder

# That one thread looks up in turn, without a lock for each.
_FILES_OF_A_UNIT = 32


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


class _HeldName(os.PathLike[str]):
    """The name of a file in a folder that is held open, which is shown by its whole path.

    Whatever looks at deletions by a hook, for a log or a test, would see a bare name otherwise.
    """

    __slots__ = ("_name", "_path")

    def __init__(self, name: str, path: str) -> None:
        self._name = name
        self._path = path

    def __fspath__(self) -> str:
        return self._name

    def __str__(self) -> str:
        return self._path


def delete_in(folder: Folder, path: str) -> bool:
    """Delete a file or symlink in a folder. Return whether it was there.

    Raises:
        OSError: it cannot be deleted.
    """
    try:
        os.unlink(_HeldName(path.rpartition("/")[2], path), dir_fd=folder.fd)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OSError(error.errno, f"cannot delete {path}: {error.strerror}") from None
    return True


def delete_empty_directories(directory: str) -> None:
    """Delete all directories and symlinks to directories below one, unless they hold files.

    The directory itself is deleted as well, unless its path ends in ``.`` or ``..``.

    Raises:
        OSError: one of them cannot be deleted.
    """
    above, _, name = os.path.realpath(directory).rpartition("/")
    pace = Pace()

    def enter(fd: int, _: str) -> list[str]:
        names = list(_unlink_symlinks(fd))
        pace.operations += 1 + len(names)
        return names

    descend(open_folder(above), name or ".", enter, delete_if_empty, pace)
    _delete_root(directory)


def _unlink_symlinks(fd: int) -> Iterator[str]:
    """Delete the symlinks to directories in a directory, and yield the names of directories."""
    with os.scandir(fd) as children:
        for child in children:
            if child.is_dir(follow_symlinks=False):
                yield child.name
            elif child.is_symlink() and _leads_to_directory(child):
                _unlink(child.name, fd)


def _leads_to_directory(symlink: os.DirEntry[str]) -> bool:
    try:
        return symlink.is_dir()
    except OSError:
        return False


def delete_empty_parents(root: str, relatives: Iterable[str]) -> None:
    """Delete the parent directories of deleted files that are empty now, up to the root itself.

    The root is kept if its path ends in ``.`` or ``..``.

    Args:
        root: the path of the root.
        relatives: the paths of the files, relative to the root.

    Raises:
        OSError: one of them cannot be deleted.
    """
    names = {relative.rpartition("/")[0] for relative in relatives}
    parents = {
        "/".join(parts[:count])
        for parts in (name.split("/") for name in names)
        for count in range(1, len(parts) + 1)
    }
    folders = Folders(f"{os.path.realpath(root).rstrip('/')}/")
    for relative in sorted(filter(None, parents), reverse=True):
        with suppress(FileNotFoundError):
            folder, name = folders.locate(folders.root + relative)
            delete_if_empty(name, folder.fd)
    _delete_root(root)


def _delete_root(directory: str) -> None:
    # As rm and rmdir do, keep the directory that a shell is in.
    path = directory.rstrip("/")
    if os.path.basename(path) in ("", ".", ".."):  # noqa: PTH119
        return
    parent = open_folder(os.path.realpath(os.path.dirname(path) or "."))  # noqa: PTH120
    _delete_symlink_or_empty_directory(os.path.basename(path), parent.fd)  # noqa: PTH119


class RemovalGuard(NamedTuple):
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


class TreeStat(NamedTuple):
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
    parent = _open_parent(path)
    found = None if parent is None else _lstat(path.name, parent.fd)
    if parent is None or found is None:
        return None
    if not stat.S_ISDIR(found.st_mode):
        is_link = stat.S_ISLNK(found.st_mode)
        size, modified = (0, 0.0) if is_link else (found.st_size, found.st_mtime)
        return TreeStat(size, found.st_ino, modified, is_folder=False)
    totals = _Totals(path, found.st_dev)
    descend(parent, path.name, totals.enter, pace=totals.pace)
    latest = totals.latest if math.isfinite(totals.latest) else 0.0
    return TreeStat(totals.size, found.st_ino, latest, is_folder=True)


class _Totals:
    """The sum of the sizes of files, and their latest time."""

    def __init__(self, path: Path, device: int) -> None:
        self.size = 0
        self.latest = -math.inf
        self.pace = Pace()
        self._path = path
        self._device = device
        self._lock = Lock()

    def enter(self, fd: int, relative: str) -> Iterator[Unit]:
        """Yield the directories in a directory, and the files in it by the dozens."""
        if os.fstat(fd).st_dev != self._device:
            raise ValueError(
                f"cannot remove {self._path}: another file system is mounted at "
                f"{self._path.parent / relative}"
            )
        names: list[str] = []
        with os.scandir(fd) as children:
            for child in children:
                if child.is_dir(follow_symlinks=False):
                    yield child.name
                elif not child.is_symlink():
                    names.append(child.name)
                    if len(names) == _FILES_OF_A_UNIT:
                        yield partial(self._add, fd, names)
                        names = []
        if names:
            yield partial(self._add, fd, names)

    def _add(self, fd: int, names: Iterable[str]) -> None:
        stats = [found for found in (_lstat(name, fd) for name in names) if found is not None]
        with self._lock:
            self.pace.operations += len(stats)
            self.size += sum(found.st_size for found in stats)
            self.latest = max([self.latest, *(found.st_mtime for found in stats)])


def remove_tree(path: Path, found: TreeStat) -> None:
    """Delete a path with everything below it. Symlinks are deleted, never followed.

    Args:
        path: the path.
        found: what `stat_tree` has returned for it.

    Raises:
        OSError: something cannot be deleted; what was deleted until then stays deleted.
    """
    parent = _open_parent(path)
    if parent is None:
        return
    if not found.is_folder:
        _unlink(path.name, parent.fd)
        return
    pace = Pace()

    def enter(fd: int, _: str) -> list[str]:
        # In one directory, operating systems delete one file after the other.
        return list(_unlink_files(fd, pace))

    descend(parent, path.name, enter, _rmdir, pace)
    _rmdir(path.name, parent.fd)


def _unlink_files(fd: int, pace: Pace) -> Iterator[str]:
    """Delete all files in a directory, and yield the names of its directories."""
    with os.scandir(fd) as children:
        for child in children:
            if child.is_dir(follow_symlinks=False):
                yield child.name
            else:
                _unlink(child.name, fd)
                pace.operations += 1


def _open_parent(path: Path) -> Folder | None:
    # All further names are looked up in this very directory, whatever becomes of its path.
    try:
        return open_folder(str(path.parent))
    except FileNotFoundError:
        return None


def _lstat(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=folder)
    except OSError as error:
        _raise_unless_gone(error)
        return None


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


def _delete_symlink_or_empty_directory(name: str, folder: int) -> None:
    found = _lstat(name, folder)
    if found is not None and stat.S_ISLNK(found.st_mode):
        _unlink(name, folder)
    else:
        delete_if_empty(name, folder)


def delete_if_empty(name: str, folder: int) -> None:
    """Delete a directory in an open one, unless something is in it. It may be gone already.

    Raises:
        OSError: it cannot be deleted for another reason.
    """
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            _raise_unless_gone(error)


def _resolved_above(path: Path) -> Path:
    if path.name in ("", ".."):
        return Path(os.path.realpath(path))
    return Path(os.path.realpath(path.parent)) / path.name


def _real(paths: list[Path] | list[str]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(path)) for path in paths)
