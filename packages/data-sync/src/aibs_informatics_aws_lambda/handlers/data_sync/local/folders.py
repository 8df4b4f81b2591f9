"""Directories that are held open: what is written or deleted below them stays below them.

The operating system resolves a path anew in each call, and whoever may rename a directory can swap
it for a symbolic link between two of them. A directory that is open stays the same one. Each is
opened by its name in its parent and without following a symbolic link, as ``openat2`` does with
``RESOLVE_BENEATH`` and ``RESOLVE_NO_SYMLINKS``, for which Python has no function.
"""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from ..settings import count_held, count_open_files

# O_PATH needs no permission to read the directory.
_HOLD = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW
READ = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
"""Flags to open a directory that is read."""

# Its maker may set the permissions of a file, unless there are none.
_NO_PERMISSIONS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})

_MOST_HELD = count_held(count_open_files())


class Folder:
    """A directory that is held open as long as there is a reference to it.

    Args:
        fd: its file descriptor.
        path: its path, for messages, with a slash at its end.
    """

    __slots__ = ("fd", "path")

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.fd)


@dataclass
class Folders:
    """The directories below a root; those that were used last are held open.

    Any thread may locate files, but only one at a time may make directories. A `Folder` is for all
    threads.

    Args:
        root: the path of the root, with a slash at its end: absolute and without symlinks, unless
            ``real_root`` is given.
        mode_of: returns the permissions of a directory that is made, given its path below the
            root; by default the umask decides.
        real_root: the absolute path of the root without symlinks.
    """

    root: str
    mode_of: Callable[[str], int] | None = None
    real_root: str | None = None
    _top: Folder | None = field(default=None, init=False)
    _held: dict[str, Folder] = field(default_factory=dict, init=False)
    _modes: dict[str, int] = field(default_factory=dict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def relative(self, path: str) -> str:
        """Return the path of a file below the root, relative to it."""
        return path[len(self.root) :]

    def locate(self, path: str) -> tuple[Folder, str]:
        """Return the directory of a file below the root, and the name of the file in it.

        Raises:
            FileNotFoundError: the directory does not exist.
            OSError: it cannot be opened, or a symlink or a file is in place of a directory.
        """
        relative, _, name = self.relative(path).rpartition("/")
        return self._get(relative, makes=False), name

    def make_parent(self, path: str) -> Folder:
        """Return the directory of a file below the root, as `make` does.

        Raises:
            OSError: it, or one of its missing parents, cannot be made or opened.
        """
        return self.make(self.relative(path).rpartition("/")[0])

    def make(self, relative: str) -> Folder:
        """Return a directory below the root, or the root itself; make it and its missing parents.

        Raises:
            OSError: one of them cannot be made or opened, or is a symlink or a file.
        """
        return self._get(relative, makes=True)

    def set_modes(self) -> None:
        """Set the permissions that keep their owner out, once nothing is written any more.

        Raises:
            OSError: a directory cannot be changed.
        """
        for relative in sorted(self._modes, reverse=True):
            folder = self.make(relative)
            fd = os.open(".", READ, dir_fd=folder.fd)
            try:
                set_mode(fd, self._modes.pop(relative))
            finally:
                os.close(fd)

    def _get(self, relative: str, *, makes: bool) -> Folder:
        if not relative:
            if self._top is None:
                self._top = self._open_root(makes=makes)
            return self._top
        held = self._held
        # Not while a directory is opened, which takes a millisecond on NFS.
        with self._lock:
            folder = held.pop(relative, None)
            if folder is not None:
                held[relative] = folder
                return folder
        folder = self._open(relative, makes=makes)
        with self._lock:
            held[relative] = folder
            if len(held) > _MOST_HELD:
                del held[next(iter(held))]
        return folder

    def _open_root(self, *, makes: bool) -> Folder:
        if makes and not os.path.isdir(self.root):  # noqa: PTH112
            self._make_root()
        folder = open_folder(self.real_root or self.root)
        folder.path = self.root
        return folder

    def _open(self, relative: str, *, makes: bool) -> Folder:
        # From the nearest parent that is held, and otherwise from the root.
        end = relative.rfind("/")
        while end >= 0 and relative[:end] not in self._held:
            end = relative.rfind("/", 0, end)
        folder = self._get(relative[: max(end, 0)], makes=makes)
        for name in relative[end + 1 :].split("/"):
            folder = self._child(folder, name, makes=makes)
        return folder

    def _child(self, parent: Folder, name: str, *, makes: bool) -> Folder:
        path = f"{parent.path}{name}/"
        try:
            return Folder(os.open(name, _HOLD, dir_fd=parent.fd), path)
        except OSError as error:
            if not makes or error.errno != errno.ENOENT:
                raise _named(error, path) from None
        # Its errors are about another directory, whose permissions these are.
        mode = self.mode_of(self.relative(path).rstrip("/")) if self.mode_of else None
        try:
            return self._make_child(parent, name, path, mode)
        except OSError as error:
            raise _named(error, path) from None

    def _make_child(self, parent: Folder, name: str, path: str, mode: int | None) -> Folder:
        try:
            os.mkdir(name, 0o777 if mode is None else stat.S_IRWXU, dir_fd=parent.fd)
        except FileExistsError:
            # Made by another sync meanwhile; or a file, which cannot be opened as a directory.
            return Folder(os.open(name, _HOLD, dir_fd=parent.fd), path)
        if mode is None:
            return Folder(os.open(name, _HOLD, dir_fd=parent.fd), path)
        folder = Folder(os.open(name, READ, dir_fd=parent.fd), path)
        set_mode(folder.fd, self._mode_while_written(path, mode))
        return folder

    def _make_root(self) -> None:
        make_directories(os.path.dirname(self.root.rstrip("/")))  # noqa: PTH120
        mode = self.mode_of("") if self.mode_of else None
        with suppress(FileExistsError):
            os.mkdir(self.root, 0o777 if mode is None else stat.S_IRWXU)  # noqa: PTH102
            if mode is not None:
                set_mode(self.root, self._mode_while_written(self.root, mode))

    def _mode_while_written(self, path: str, mode: int) -> int:
        """Return a mode with which the owner can write to a directory; note one without."""
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            self._modes[self.relative(path).rstrip("/")] = mode
        return mode | stat.S_IRWXU


def mode_below(root: str, relative: str) -> int:
    """Return the permissions of a directory below a root."""
    return stat.S_IMODE(os.stat(root + relative).st_mode)  # noqa: PTH116


def set_mode(made: int | str, mode: int) -> None:
    """Set the permissions of a file or directory that this process has made.

    Where its file system has none, as those of other systems that are mounted or shared, it keeps
    those that it was given.

    Args:
        made: its file descriptor or its path.
        mode: the permissions.

    Raises:
        OSError: they cannot be set.
    """
    try:
        os.chmod(made, mode)  # noqa: PTH101
    except OSError as error:
        if error.errno not in _NO_PERMISSIONS:
            raise


def open_folder(path: str) -> Folder:
    """Open a directory at an absolute path, in which no name is followed if it is a symlink.

    Raises:
        OSError: it cannot be opened, or a name in the path is a symlink or a file.
    """
    fd = os.open("/", _HOLD)
    try:
        for name in filter(None, path.split("/")):
            below = os.open(name, _HOLD, dir_fd=fd)
            os.close(fd)
            fd = below
    except OSError as error:
        os.close(fd)
        raise _named(error, path) from None
    return Folder(fd, path if path.endswith("/") else f"{path}/")


def make_directories(path: str) -> None:
    """Make a directory and its missing parents, however many.

    Raises:
        OSError: one of them cannot be made.
    """
    missing = []
    # Not pathlib, which calls itself for each parent.
    while not os.path.isdir(path):  # noqa: PTH112
        missing.append(path)
        path = os.path.dirname(path)  # noqa: PTH120
    for directory in reversed(missing):
        try:
            os.mkdir(directory)  # noqa: PTH102
        except FileExistsError:
            # Made by another sync meanwhile, or a file.
            if not os.path.isdir(directory):  # noqa: PTH112
                raise


def _named(error: OSError, path: str) -> OSError:
    """Return an error about a name in an open directory with the path that it is at."""
    path = path.rstrip("/")
    if error.errno in (errno.ENOTDIR, errno.ELOOP):
        reason = "a symbolic link or a file is in place of this folder: delete it, and sync again"
        return NotADirectoryError(errno.ENOTDIR, reason, path)
    return OSError(error.errno, error.strerror, path)
