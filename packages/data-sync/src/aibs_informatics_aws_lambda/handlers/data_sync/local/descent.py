"""Visits to a directory and all directories below it, however deep.

On NFS and EFS, each operation takes about a millisecond, however many run at a time. There,
directories are visited side by side, and on a local disk in turn. Each is opened by its name in
its parent and held open until everything in it was visited, so that nothing outside is reached.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias, TypeVar

from ..cpu_affinity import share_cpu
from .folders import READ, Folder
from .threads import THREADS

T = TypeVar("T")

Unit: TypeAlias = str | Callable[[], None]
"""What is to visit in a directory: another one, by its name, or work on what else is in it."""

Enter: TypeAlias = Callable[[int, str], Iterable[Unit]]
Leave: TypeAlias = Callable[[str, int], None]

_THREADS = min(32, THREADS)
# Whatever is below further ones is visited in turn, with one directory open at a time.
_MOST_OPEN = 2 * THREADS

# Operations of a local disk take less, those of a network file system more.
_SLOW_SECONDS = 0.0003
_MEASURED_OPERATIONS = 16
_MOST_MEASURED = 64


class Pace:
    """How long operations take: the lower quartile of the first ones.

    A busy processor makes the average long on a local disk as well.
    """

    def __init__(self) -> None:
        self.operations = 0
        self._seconds: list[float] = []

    def note(self, seconds: float) -> None:
        """Count an operation, and note its time."""
        self.operations += 1
        self.note_time(seconds, 1)

    def note_time(self, seconds: float, operations: int) -> None:
        """Note the time that some operations, which are counted, took together."""
        if operations and len(self._seconds) < _MOST_MEASURED:
            insort(self._seconds, seconds / operations)

    def is_slow(self) -> bool:
        """Return whether operations are so slow that it is faster to have several at a time."""
        if self.operations < _MEASURED_OPERATIONS:
            return False
        return self._seconds[len(self._seconds) // 4] > _SLOW_SECONDS


def descend(
    parent: Folder, name: str, enter: Enter, leave: Leave | None = None, pace: Pace | None = None
) -> None:
    """Visit a directory and all directories below it. Symlinks are not followed.

    Args:
        parent: the parent of the directory.
        name: its name; nothing is visited if it is gone.
        enter: called with the file descriptor and the path, from ``name`` on, of each directory,
            which stays open for what it returns: the names of those in it to visit, and work.
        leave: called with the name of each directory below the first and the file descriptor of
            its parent, once everything in it was visited.
        pace: the time of operations. Where they are slow, directories are visited in several
            threads; by default, all are visited in this one.

    Raises:
        OSError: a directory cannot be read, or was moved in the meantime.
    """
    _Descent(enter, leave, pace).run(parent, name)


def list_folders(fd: int) -> list[str]:
    """Return the names of the folders in an open one; not of symlinks to folders."""
    with os.scandir(fd) as children:
        return [child.name for child in children if child.is_dir(follow_symlinks=False)]


class _Directory:
    """A directory that is open until everything in it was visited."""

    __slots__ = ("_next", "_units", "above", "folder", "name", "path", "pending", "stat")

    def __init__(
        self, above: _Directory | None, folder: Folder, name: str, path: str, units: Iterable[Unit]
    ) -> None:
        self.above = above
        self.folder = folder
        self.name = name
        self.path = path
        self.stat = os.fstat(folder.fd)
        self.pending = 0
        self._units = iter(units)
        self._next = next(self._units, None)

    @property
    def has_units(self) -> bool:
        """Whether anything in it is still to be visited."""
        return self._next is not None

    @property
    def is_done(self) -> bool:
        """Whether everything in it was visited."""
        return self._next is None and not self.pending

    def take(self) -> Unit | None:
        """Return what is to visit next."""
        unit, self._next = self._next, next(self._units, None)
        self.pending += 1
        return unit


class _Descent:
    """The directories that are open, and the threads that visit what is in them."""

    def __init__(self, enter: Enter, leave: Leave | None, pace: Pace | None) -> None:
        self._enter = enter
        self._leave = leave
        self._pace = pace
        self._changed = threading.Condition()
        # Those in which there is something to visit, the deepest at the end.
        self._unvisited: list[_Directory] = []
        self._open = 0
        self._busy = 0
        self._is_stopped = False

    def run(self, parent: Folder, name: str) -> None:
        """Visit a directory, and all directories below it."""
        self._measure(lambda: self._visit_directory(None, parent, name))
        while self._pace is None or not self._pace.is_slow():
            if not self._measure(self._visit_next):
                return
        self._run_side_by_side()

    def _measure(self, visit: Callable[[], T]) -> T:
        if self._pace is None:
            return visit()
        before, start = self._pace.operations, time.perf_counter()
        found = visit()
        self._pace.note_time(time.perf_counter() - start, self._pace.operations - before)
        return found

    def _run_side_by_side(self) -> None:
        with ThreadPoolExecutor(_THREADS, "descent", initializer=share_cpu) as pool:
            workers = [pool.submit(self._work) for _ in range(_THREADS)]
            try:
                for worker in workers:
                    worker.result()
            finally:
                self._stop()

    def _work(self) -> None:
        try:
            while self._visit_next():
                pass
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _visit_next(self) -> bool:
        """Visit what comes next. Return false if everything was visited."""
        with self._changed:
            while not self._unvisited and self._busy and not self._is_stopped:
                self._changed.wait()
            if not self._unvisited or self._is_stopped:
                return False
            directory = self._unvisited[-1]
            unit = directory.take()
            if not directory.has_units:
                self._unvisited.pop()
            self._busy += 1
        try:
            if isinstance(unit, str):
                self._visit_directory(directory, directory.folder, unit)
            elif unit is not None:
                unit()
                self._end_unit(directory)
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
        return True

    def _visit_directory(self, above: _Directory | None, parent: Folder, name: str) -> None:
        path = f"{above.path}/{name}" if above else name
        if self._open >= _MOST_OPEN:
            _descend_in_turn(parent, name, path, self._enter, self._leave)
            if above and self._leave:
                self._leave(name, parent.fd)
            self._end_unit(above)
            return
        fd = _open_to_read(name, parent.fd)
        if fd is None:
            self._end_unit(above)
            return
        folder = Folder(fd, path)
        directory = _Directory(above, folder, name, path, self._enter(fd, path))
        with self._changed:
            self._open += 1
            if directory.has_units:
                self._unvisited.append(directory)
                return
        self._end(directory)

    def _end_unit(self, directory: _Directory | None) -> None:
        """Note that something in a directory was visited, which may have been the last."""
        if directory is None:
            return
        with self._changed:
            directory.pending -= 1
            is_done = directory.is_done
        if is_done:
            self._end(directory)

    def _end(self, directory: _Directory) -> None:
        above = directory.above
        with self._changed:
            self._open -= 1
        if above is None:
            return
        _check_parent(directory.folder.fd, above.stat, above.path)
        if self._leave:
            self._leave(directory.name, above.folder.fd)
        self._end_unit(above)


def _check_parent(fd: int, parent: os.stat_result, path: str) -> None:
    """Raise an error if a directory is in another one now."""
    if not os.path.samestat(parent, os.stat("..", dir_fd=fd)):
        raise OSError(errno.ESTALE, "a directory in it was moved in the meantime", path)


class _Level(NamedTuple):
    """A directory on the way down, and which directories in it are left to visit."""

    name: str
    path: str
    stat: os.stat_result
    unvisited: Iterator[str]


def _descend_in_turn(
    parent: Folder, name: str, path: str, enter: Enter, leave: Leave | None
) -> None:
    """Visit directories with only one open at a time.

    The way back up is by ``..``, which must lead to the directory that the way down has come from.
    """
    fd = _open_to_read(name, parent.fd)
    if fd is None:
        return
    try:
        levels = [_Level(name, path, os.fstat(fd), _enter_in_turn(enter, fd, path))]
        while True:
            level = levels[-1]
            below = next(level.unvisited, None)
            if below is not None:
                found = _open_to_read(below, fd)
                if found is not None:
                    os.close(fd)
                    fd, path = found, f"{level.path}/{below}"
                    unvisited = _enter_in_turn(enter, fd, path)
                    levels.append(_Level(below, path, os.fstat(fd), unvisited))
                continue
            levels.pop()
            if not levels:
                return
            found = os.open("..", READ, dir_fd=fd)
            os.close(fd)
            fd = found
            _check_parent_is(levels[-1], fd)
            if leave:
                leave(level.name, fd)
    finally:
        os.close(fd)


def _check_parent_is(level: _Level, fd: int) -> None:
    if not os.path.samestat(level.stat, os.fstat(fd)):
        raise OSError(errno.ESTALE, "a directory in it was moved in the meantime", level.path)


def _enter_in_turn(enter: Enter, fd: int, path: str) -> Iterator[str]:
    """Do the work in a directory, and return the names of the directories in it to visit."""
    names = []
    for unit in enter(fd, path):
        if isinstance(unit, str):
            names.append(unit)
        else:
            unit()
    return iter(names)


def _open_to_read(name: str, parent: int) -> int | None:
    try:
        return os.open(name, READ, dir_fd=parent)
    except FileNotFoundError:
        return None
