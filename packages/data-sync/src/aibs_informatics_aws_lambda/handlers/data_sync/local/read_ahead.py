"""Read-ahead for walks of slow file systems.

On NFS and EFS, each operation takes about a millisecond, however many run at a time. Folders are
read and files are looked up in parallel, and entries are yielded in the order of the walk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from itertools import islice, takewhile
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

from ..entries import Entry
from .sorted_names import Name
from .threads import THREADS, threads

T = TypeVar("T")

# Files that one thread looks up in turn: a task for each would cost more than the operation. There
# are more in a task if all threads have one, and further folders follow with which they all end at
# the same time.
_FILES_OF_A_TASK = 16
_FILES_OF_A_LARGE_TASK = 64
# Once fewer tasks are ahead of the walk, more are started.
_LEAST_AHEAD = THREADS + THREADS // 2
_MOST_AHEAD = 2 * THREADS

SLOW_SECONDS: Final = 0.0003
"""Operations of a local disk take less, those of a network file system more."""
SLOW_AT_START: Final = 3
SLOW_IN_A_ROW: Final = 8
"""The number of slow operations from which on a walk reads ahead, at its start and later. A busy
processor makes some of them slow on a local disk too, but not one after the other."""


Found: TypeAlias = os.stat_result | OSError
"""The status of a file, or why there is none."""


class Folder(NamedTuple):
    """A folder of a walk.

    Args:
        path: the path.
        prefix: the path relative to the root of the walk, with a slash at its end; empty for the
            root.
        below_symlink: whether a symlink has led to it.
    """

    path: str
    prefix: str
    below_symlink: bool

    def below(self, name: Name) -> Folder:
        """Return a folder in this one."""
        text, is_symlink = name
        path = f"{self.path}/{text[:-1]}"
        return Folder(path, self.prefix + text, self.below_symlink or is_symlink)


class SymlinkPolicy(Protocol):
    """How a walk treats symlinks and other names that are not directories."""

    lists_directories: bool
    follows_symlinks: bool

    def enters(self, directory: str) -> bool:
        """Return whether to read a directory at or below a symlink, in the order of a walk."""

    def leaves_out(self, path: str, error: Exception) -> bool:
        """Note an error, from any thread, and tell whether the name is left out instead."""

    def look_up(self, path: str) -> Found:
        """Return the status of a name that is not a directory, or the error."""

    def entry(
        self, path: str, relative: str, found: Found, *, below_symlink: bool
    ) -> Entry | None:
        """Return the entry for a name that was looked up, or `None` to leave it out.

        Raises:
            OSError: it is the error that was found.
            ValueError: the name is a dangling symlink, and the policy does not allow that.
        """


def folder_entry(folder: Folder) -> Entry:
    """Return the entry of a folder."""
    return Entry(folder.prefix, 0, 0.0, None, "folder")


ReadNames = Callable[[Folder, SymlinkPolicy], Iterable[Name]]


def walk_ahead(
    levels: Sequence[tuple[Folder, Iterable[Name]]], policy: SymlinkPolicy, read_names: ReadNames
) -> Iterator[Entry]:
    """Yield the entries of a walk, reading ahead of it.

    Args:
        levels: the open folders, deepest first, with their remaining names.
        policy: how symlinks are treated.
        read_names: returns the names in a folder, in order.

    Raises:
        OSError: a directory or file cannot be read. The entries before it have been yielded,
            except those that the same task has looked up.
        ValueError: a symlink is dangling, and the policy does not allow that.
    """
    with threads.use() as pool:
        walk = _WalkAhead(levels, policy, read_names, pool)
        try:
            yield from walk.entries()
        finally:
            walk.close()


class _Rest:
    """The remaining names of a folder."""

    def __init__(self, folder: Folder, names: Iterable[Name]) -> None:
        self.folder = folder
        self._names = iter(names)
        self._next: list[Name] = []

    def take(self, most: int) -> Sequence[Name]:
        """Return the next names: some files, or one folder; nothing at the end."""
        names = self._next
        names += islice(self._names, max(0, most - len(names)))
        if names and _is_folder(names[0]):
            taken = names[:1]
        else:
            taken = list(takewhile(lambda name: not _is_folder(name), names[:most]))
        self._next = names[len(taken) :]
        return taken


class _Files:
    """Files that are being looked up."""

    def __init__(self, entries: Future[list[Entry]]) -> None:
        self.entries = entries


class _Unread:
    """A folder that is being read, or is read once it is at the front."""

    def __init__(self, folder: Folder, names: Future[Iterable[Name]] | None) -> None:
        self.folder = folder
        self.names = names


_Item = _Rest | _Files | _Unread


class _WalkAhead:
    """The rest of a walk, in order, the front of which is in progress."""

    def __init__(
        self,
        levels: Sequence[tuple[Folder, Iterable[Name]]],
        policy: SymlinkPolicy,
        read_names: ReadNames,
        pool: Executor,
    ) -> None:
        self._policy = policy
        self._read_names = read_names
        self._pool = pool
        # The front is at the end.
        self._items: list[_Item] = [_Rest(folder, names) for folder, names in reversed(levels)]
        # The number of items at the front that are in progress, and whether a folder was read
        # since they were counted.
        self._ahead = 0
        self._has_read = False
        # Set once a folder was read, or the task at the front has ended.
        self._has_news = threading.Event()

    def entries(self) -> Iterator[Entry]:
        """Yield the entries, in order."""
        while True:
            self._start_tasks()
            if not self._items:
                return
            front = self._items.pop()
            self._ahead -= 1
            if isinstance(front, _Files):
                yield from self._result(front.entries)
            elif isinstance(front, _Unread) and self._enters(front):
                names = front.names or self._read(front.folder)
                self._items.append(_Rest(front.folder, self._result(names)))
                self._has_read = True

    def close(self) -> None:
        """Begin nothing more, and wait for what has begun."""
        tasks: list[Future[Any]] = []
        for item in self._items:
            if isinstance(item, _Files):
                tasks.append(item.entries)
            elif isinstance(item, _Unread) and item.names:
                tasks.append(item.names)
        wait([task for task in tasks if not task.cancel()])

    def _result(self, task: Future[T]) -> T:
        """Return the result of the task at the front.

        Until then, files of folders that were read in the meantime are looked up.
        """
        if not task.done():
            task.add_done_callback(self._note_news)
            while not task.done():
                self._has_news.wait()
                self._has_news.clear()
                self._start_tasks()
        return task.result()

    def _note_news(self, _: Future[Any]) -> None:
        self._has_news.set()

    def _enters(self, front: _Unread) -> bool:
        # No folder is read twice: which one is read depends on the order.
        return front.names is not None or self._policy.enters(front.folder.path)

    def _start_tasks(self) -> None:
        """Start tasks, those at the front first, up to a number that is ahead of the walk."""
        if self._ahead > _LEAST_AHEAD and not self._has_read:
            return
        self._has_read = False
        position, ahead = len(self._items) - 1, 0
        while position >= 0 and ahead < _MOST_AHEAD:
            item = self._items[position]
            if isinstance(item, _Unread) and item.names and _has_succeeded(item.names):
                item = self._items[position] = _Rest(item.folder, item.names.result())
            if not isinstance(item, _Rest):
                position, ahead = position - 1, ahead + 1
            elif started := self._start(item, is_large=position > 0 and ahead >= THREADS):
                self._items[position + 1 : position + 1] = reversed(started)
                ahead += len(started)
            else:
                del self._items[position]
                position -= 1
        self._ahead = ahead

    def _start(self, rest: _Rest, *, is_large: bool) -> list[_Item]:
        """Start to look up the next files of a folder, or to read the next folder in it."""
        names = rest.take(_FILES_OF_A_LARGE_TASK if is_large else _FILES_OF_A_TASK)
        if not names:
            return []
        if not _is_folder(names[0]):
            return [_Files(self._pool.submit(self._look_up, rest.folder, names))]
        folder = rest.folder.below(names[0])
        unread = _Unread(folder, None if folder.below_symlink else self._read(folder))
        if not self._policy.lists_directories:
            return [unread]
        itself: Future[list[Entry]] = Future()
        itself.set_result([folder_entry(folder)])
        return [_Files(itself), unread]

    def _read(self, folder: Folder) -> Future[Iterable[Name]]:
        task = self._pool.submit(self._read_names, folder, self._policy)
        task.add_done_callback(self._note_read)
        return task

    def _note_read(self, task: Future[Any]) -> None:
        self._has_read = True
        self._note_news(task)

    def _look_up(self, folder: Folder, names: Sequence[Name]) -> list[Entry]:
        policy, (path, prefix, below) = self._policy, folder
        paths = [f"{path}/{text}" for text, _ in names]
        # At once: whatever is done between two operations, other threads wait for.
        found = [policy.look_up(each) for each in paths]
        entries = (
            policy.entry(each, prefix + text, status, below_symlink=below)
            for each, (text, _), status in zip(paths, names, found, strict=True)
        )
        return [entry for entry in entries if entry is not None]


def _is_folder(name: Name) -> bool:
    return name[0].endswith("/")


def _has_succeeded(future: Future[Iterable[Name]]) -> bool:
    # An error is raised where the walk comes to it.
    return future.done() and not future.cancelled() and future.exception() is None
