"""A new tree beside a folder, which takes its place when it is complete.

It is built in a hidden folder next to the destination, the build folder, which has the name of a
temporary file, and holds:

- ``lock``: its content names the destination; a run that builds holds a lock on it;
- ``new/NAME``: the new tree, and after an exchange the old one;
- ``old/NAME``: the old tree, where the file system cannot exchange two folders;
- ``journal``: what the tree is built for, the identity of the old tree, and what that contained.
  It is there once all files of the old tree are in the new one.

Whoever finds the build folder of a run that was killed tells from it, at any moment, what is left
to do.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

from . import exchange, link_tree
from .delete import delete_if_empty, remove_tree, stat_tree
from .descent import descend
from .folders import make_directories, open_folder
from .staging import is_in_use, is_temporary, temporary_path

logger = logging.getLogger(__name__)

T = TypeVar("T")

Identity: TypeAlias = tuple[int, int]
"""Device and inode number of a folder."""

_LOCK: Final = "lock"
_JOURNAL: Final = "journal"
_FORMAT: Final = "data-sync new tree"
_OPEN: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_ATTEMPTS: Final = 100
_MOUNTS: Final = Path("/proc/self/mountinfo")
_OCTAL: Final = re.compile(r"\\([0-7]{3})")

State: TypeAlias = Literal[
    "unfinished", "resumable", "outdated", "interrupted", "switched", "replaced"
]
"""The new tree lacks files of the old one; it can be completed; the old tree was replaced
meanwhile; the old tree is moved away, and nothing is at the destination yet; the new tree is at
the destination; the old tree is moved away, and another one is at the destination."""


class SwitchError(OSError):
    """A switch is not possible, or not any more; the message says why. Nothing is lost."""


@dataclass(frozen=True)
class Header:
    """The first line of a journal.

    Args:
        purpose: what the tree is built for; another purpose would build another tree.
        old: the identity of the old tree; `None` if there was nothing at the destination.
    """

    purpose: str
    old: Identity | None


def find_state(
    header: Header | None,
    there: Identity | None,
    new: Identity | None,
    old: Identity | None,
) -> State:
    """Return how far a run has come that was stopped or killed.

    Args:
        header: the first line of its journal, if that is complete.
        there: what is at the destination.
        new: what is at ``new/NAME``.
        old: what is at ``old/NAME``.
    """
    if header is None:
        return "unfinished" if old is None else "replaced"
    if old is not None:
        if new is None:
            # Without anything at the destination, the new tree was deleted after the switch.
            return "switched" if there is not None else "replaced"
        return "interrupted" if there is None else "replaced"
    if new is None or (header.old is not None and new == header.old):
        return "switched"
    return "resumable" if there == header.old else "outdated"


class NewTree:
    """A new tree in its build folder, which the process holds.

    Args:
        destination: the absolute path of the destination, without symlinks and without a slash at
            its end.
        folder: the path of the build folder.
        lock: the descriptor of the locked file in it.
    """

    def __init__(self, destination: str, folder: str, lock: int) -> None:
        self._destination = destination
        self._folder = folder
        self._lock = lock
        above, _, self._name = destination.rpartition("/")
        self._above = above or "/"

    @property
    def path(self) -> str:
        """The path of the new tree, with a slash at its end."""
        return f"{self._folder}/new/{self._name}/"

    @property
    def folder(self) -> str:
        """The path of the build folder."""
        return self._folder

    def build(self, purpose: str, check: Callable[[], None]) -> None:
        """Make a tree with the files of the destination, if there is one.

        Args:
            purpose: what the tree is built for.
            check: called at each file; an error that it raises ends the work.

        Raises:
            OSError: a file can be neither linked nor copied.
        """
        old = find_identity(self._destination)
        os.mkdir(f"{self._folder}/new", 0o700)  # noqa: PTH102
        written = f"{self._folder}/{_JOURNAL}.tmp"
        with open(written, "w", encoding="ascii") as journal:  # noqa: PTH123
            if old is not None:
                os.mkdir(self.path, 0o700)  # noqa: PTH102
            journal.write(json.dumps([purpose, old]) + "\n")
            if old is not None:
                link_tree.link_tree(f"{self._destination}/", self.path, journal, check)
        os.rename(written, f"{self._folder}/{_JOURNAL}")  # noqa: PTH104

    def switch(self, *, fsync: bool) -> None:
        """Put the new tree at the destination.

        Args:
            fsync: whether to wait until all folders are on the disk.

        Raises:
            SwitchError: the destination has changed since the tree was built from it.
            OSError: the tree cannot be renamed. The old one is at the destination.
        """
        header = self._read_header()
        if find_identity(self.path) is None:
            # There is nothing at the source, nor at the destination.
            return
        if header is None or find_identity(self._destination) != header.old:
            raise self._changed(self._destination)
        if header.old is not None:
            changed = self._find_change()
            if changed is not None:
                raise self._changed(changed)
        if fsync:
            _fsync_folders(self.path)
        with _renamable(self.path):
            self._rename(has_old=header.old is not None)
        if fsync:
            _fsync(self._above)

    def is_current(self) -> bool:
        """Tell whether the destination still is what the new tree was built from."""
        header = self._read_header()
        return header is not None and (header.old is None or self._find_change() is None)

    def finish(self) -> int:
        """Delete the old tree after the switch, and the build folder.

        Returns:
            The number of files of the old tree that were kept, as they came or changed meanwhile.

        Raises:
            OSError: a file cannot be deleted.
        """
        kept = 0
        for place in ("new", "old"):
            tree = f"{self._folder}/{place}/{self._name}/"
            if find_identity(tree) is not None:
                kept += _with_permission(tree, partial(self._delete_known, tree))
                parent = open_folder(f"{self._folder}/{place}")
                delete_if_empty(self._name, parent.fd)
                if not kept and find_identity(tree) is not None:
                    # Temporary files of other syncs, which no walk shows.
                    kept = 1
        if not kept:
            self.discard()
        return kept

    def complete(self) -> None:
        """Put the new tree at the destination, from which the old one was moved away.

        Raises:
            OSError: it cannot be renamed.
        """
        exchange.move(self._name, open_folder(f"{self._folder}/new"), open_folder(self._above))

    def state(self) -> State:
        """Return how far the run has come that has made the build folder."""
        trees = (f"{self._folder}/{place}/{self._name}" for place in ("new", "old"))
        there = find_identity(self._destination)
        return find_state(self._read_header(), there, *map(find_identity, trees))

    def is_for(self, purpose: str) -> bool:
        """Tell whether the tree was built for a purpose."""
        header = self._read_header()
        return header is not None and header.purpose == purpose

    def delete_temporary_files(self) -> None:
        """Delete what is left in the new tree of transfers that did not end.

        Raises:
            OSError: a file cannot be deleted.
        """

        def enter(fd: int, _: str) -> list[str]:
            for name in filter(is_temporary, os.listdir(fd)):
                # What both trees share is not from there.
                if os.lstat(name, dir_fd=fd).st_nlink == 1:
                    os.unlink(name, dir_fd=fd)
            return _folders_in(fd)

        descend(open_folder(f"{self._folder}/new"), self._name, enter)

    def discard(self) -> None:
        """Delete the build folder with all that is in it.

        Raises:
            OSError: something cannot be deleted.
        """
        # First the journal, without which no tree counts as complete; last the lock, without which
        # nobody knows what the folder is.
        for child in (_JOURNAL, f"{_JOURNAL}.tmp", "new", "old", _LOCK):
            path = Path(self._folder, child)
            found = stat_tree(path)
            if found is not None:
                _with_permission(str(path), partial(remove_tree, path, found))
        with suppress(FileNotFoundError):
            os.rmdir(self._folder)  # noqa: PTH106

    def close(self) -> None:
        """Let others have the build folder."""
        os.close(self._lock)

    def _rename(self, *, has_old: bool) -> None:
        above, new = open_folder(self._above), open_folder(f"{self._folder}/new")
        if not has_old:
            exchange.move(self._name, new, above)
            return
        with _renamable(self._destination):
            if exchange.exchange(self._name, above, new):
                return
            os.mkdir(f"{self._folder}/old", 0o700)  # noqa: PTH102
            old = open_folder(f"{self._folder}/old")
            exchange.move(self._name, above, old)
        try:
            exchange.move(self._name, new, above)
        except OSError:
            exchange.move(self._name, old, above)
            raise

    def _delete_known(self, tree: str) -> int:
        with self._journal() as journal:
            return link_tree.delete_known(journal, tree, f"{self._destination}/")

    def _find_change(self) -> str | None:
        with self._journal() as journal:
            return link_tree.find_change(journal, f"{self._destination}/", self.path)

    @contextmanager
    def _journal(self) -> Iterator[Iterator[link_tree.Known]]:
        with open(f"{self._folder}/{_JOURNAL}", encoding="ascii") as lines:  # noqa: PTH123
            yield link_tree.read_journal(islice(lines, 1, None))

    def _read_header(self) -> Header | None:
        try:
            with open(f"{self._folder}/{_JOURNAL}", encoding="ascii") as lines:  # noqa: PTH123
                purpose, old = json.loads(lines.readline())
        except FileNotFoundError:
            return None
        return Header(purpose, None if old is None else (old[0], old[1]))

    def _changed(self, path: str) -> SwitchError:
        return SwitchError(
            f"{path} changed while the new tree of {self._destination} was built: nothing was "
            "switched. Sync again when nothing else writes to the destination"
        )


def create(destination: str) -> NewTree:
    """Make the build folder of a destination, and lock it.

    Raises:
        SwitchError: the destination is a mount point, or another file system is mounted in it.
        OSError: the folder cannot be made.
    """
    _check_mounts(destination)
    above = destination.rpartition("/")[0] or "/"
    make_directories(above)
    for _ in range(_ATTEMPTS):
        folder = temporary_path(destination)
        os.mkdir(folder, 0o700)  # noqa: PTH102
        lock = _make_lock(folder, destination)
        if lock is not None:
            return NewTree(destination, folder, lock)
    raise SwitchError(f"cannot lock a new folder in {above}: other syncs delete it")


def _make_lock(folder: str, destination: str) -> int | None:
    """Return the descriptor of the locked file of a new build folder.

    `None` if another sync has taken it for one whose run was killed at this point.
    """
    try:
        lock = os.open(f"{folder}/{_LOCK}", _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
    except FileNotFoundError:
        return None
    is_held = False
    try:
        is_held = _take(lock) is not False and os.fstat(lock).st_nlink > 0
        if is_held:
            os.write(lock, _lock_text(destination))
    finally:
        if not is_held:
            os.close(lock)
    return lock if is_held else None


def recover(destination: str, purpose: str) -> NewTree | None:
    """Finish or delete what runs that were killed have left of new trees of a destination.

    Args:
        destination: the path of the destination, as for `NewTree`.
        purpose: what a new tree is needed for.

    Returns:
        A new tree for this purpose that an earlier run has begun, if the destination is still what
        it was built from.

    Raises:
        SwitchError: another run is building a new tree at this moment, or one was killed while
            nothing was at the destination, where there is something again.
        OSError: something cannot be deleted or renamed.
    """
    resumed = None
    for tree in _find_left(destination):
        if resumed is None and _settle(tree, purpose):
            resumed = tree
            continue
        try:
            if resumed is not None:
                _settle(tree, None)
        finally:
            tree.close()
    return resumed


def _settle(tree: NewTree, purpose: str | None) -> bool:
    """Finish or delete a new tree, and tell whether it is to be completed instead."""
    state = tree.state()
    if state == "replaced":
        raise SwitchError(
            f"{tree.folder} contains the folder that was at the destination before a sync with "
            "--switch was killed, and another one is there now: move away one of them"
        )
    if state == "interrupted":
        tree.complete()
    if state in ("interrupted", "switched"):
        warn_of_kept(tree, tree.finish())
        return False
    if state == "resumable" and purpose is not None and tree.is_for(purpose) and tree.is_current():
        tree.delete_temporary_files()
        return True
    tree.discard()
    return False


def warn_of_kept(tree: NewTree, count: int) -> None:
    """Say that files of an old tree were kept, if there are any."""
    if count:
        logger.warning(
            "%s of the files that were at the destination before the switch came or changed "
            "during the sync: they are kept in %s. Move or delete them",
            count,
            tree.folder,
        )


def _find_left(destination: str) -> Iterator[NewTree]:
    """Yield the new trees of a destination whose runs have ended; each is held from then on."""
    above, _, name = destination.rpartition("/")
    start = f".{name[:48]}."
    try:
        with os.scandir(above or "/") as children:
            found = sorted(child.path for child in children if _may_be_build(child, start))
    except FileNotFoundError:
        return
    for folder in found:
        lock = _open_lock(folder, destination)
        if lock is not None:
            yield NewTree(destination, folder, lock)


def _may_be_build(child: os.DirEntry[str], start: str) -> bool:
    is_named = child.name.startswith(start) and is_temporary(child.name)
    return is_named and child.is_dir(follow_symlinks=False)


def _open_lock(folder: str, destination: str) -> int | None:
    """Return the descriptor of the locked file of a build folder, or `None` if it is none."""
    try:
        lock = os.open(f"{folder}/{_LOCK}", _OPEN)
    except FileNotFoundError:
        _delete_empty(folder)
        return None
    except PermissionError:
        return None
    is_held: bool | None = False
    try:
        text = os.pread(lock, 2**16, 0)
        if text not in (b"", _lock_text(destination)):
            return None
        is_held = _take(lock)
        if is_held is None:
            # Without locks, only the age tells.
            is_held = not is_in_use(folder, os.fstat(lock).st_mtime)
        if not is_held and text:
            raise SwitchError(
                f"another sync with --switch is building a new tree of {destination} in {folder}: "
                "wait for its end"
            )
        if is_held and not text:
            # Its run was killed before it had written anything.
            os.unlink(f"{folder}/{_LOCK}")  # noqa: PTH108
            _delete_empty(folder)
        # Its run may have deleted it meanwhile.
        is_held = is_held and os.fstat(lock).st_nlink > 0
        return lock if is_held else None
    finally:
        if not is_held:
            os.close(lock)


def _delete_empty(folder: str) -> None:
    above, _, name = folder.rpartition("/")
    parent = open_folder(above or "/")
    delete_if_empty(name, parent.fd)


def _lock_text(destination: str) -> bytes:
    # By name: the folder above may be mounted at another path by another machine.
    return f"{json.dumps([_FORMAT, destination.rpartition('/')[2]])}\n".encode()


def _take(lock: int) -> bool | None:
    """Lock an open file. Return false if another process has, and `None` if there are no locks."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):  # NFS may return either
            return False
        if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            return None
        raise
    return True


def find_identity(path: str) -> Identity | None:
    """Return the identity of what is at a path, or `None` if there is nothing.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        found = os.lstat(path.rstrip("/"))
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _check_mounts(destination: str) -> None:
    inside = f"{destination}/"
    mount = next((each for each in _mounts() if f"{each}/".startswith(inside)), None)
    if mount is None and os.path.ismount(destination):
        mount = destination
    if mount == destination:
        raise SwitchError(
            f"{destination} is a mount point, which cannot be renamed: with --switch, sync to a "
            "folder below it"
        )
    if mount is not None:
        raise SwitchError(
            f"a file system is mounted at {mount}, in the destination: a switch would move it. "
            "Sync without --switch"
        )


def _mounts() -> Iterator[str]:
    """Yield the mount points, as the operating system reports them."""
    try:
        lines = os.fsdecode(_MOUNTS.read_bytes()).splitlines()
    except OSError:
        return
    for line in lines:
        yield _OCTAL.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[4])


def _with_permission(tree: str, action: Callable[[], T]) -> T:
    """Call a function that deletes a tree, whose folders may be ones that nobody can write to."""
    try:
        return action()
    except PermissionError:
        above, _, name = tree.rstrip("/").rpartition("/")
        descend(open_folder(above), name, _make_writable)
        return action()


def _make_writable(fd: int, _: str) -> list[str]:
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        os.fchmod(fd, mode | stat.S_IRWXU)
    return _folders_in(fd)


def _folders_in(fd: int) -> list[str]:
    with os.scandir(fd) as children:
        return [child.name for child in children if child.is_dir(follow_symlinks=False)]


@contextmanager
def _renamable(path: str) -> Iterator[None]:
    """Let a folder be renamed into another one, which changes the entry for its parent."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        if mode & stat.S_IWUSR:
            yield
            return
        # Of another user's folder, the mode stays; the rename tells whether that matters.
        with suppress(PermissionError):
            os.fchmod(fd, mode | stat.S_IWUSR)
        try:
            yield
        finally:
            with suppress(PermissionError):
                os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _fsync_folders(path: str) -> None:
    above, _, name = path.rstrip("/").rpartition("/")

    def enter(fd: int, _: str) -> list[str]:
        os.fsync(fd)
        return _folders_in(fd)

    descend(open_folder(above), name, enter)


def _fsync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
