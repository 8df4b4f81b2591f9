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

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias

from . import build_folder, exchange, journal, link_tree
from .build_folder import SwitchError as SwitchError
from .delete import delete_if_empty, remove_tree, stat_tree
from .descent import descend, list_folders
from .folders import open_folder
from .journal import Header, Identity, find_identity
from .mounts import find_mount
from .permissions import renamable, with_write_permission
from .staging import is_temporary

logger = logging.getLogger(__name__)

_JOURNAL: Final = "journal"

State: TypeAlias = Literal[
    "unfinished", "resumable", "outdated", "interrupted", "switched", "replaced"
]
"""The new tree lacks files of the old one; it can be completed; the old tree was replaced
meanwhile; the old tree is moved away, and nothing is at the destination yet; the new tree is at
the destination; the old tree is moved away, and another one is at the destination."""


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
        self._journal = f"{folder}/{_JOURNAL}"
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
        written = f"{self._journal}.tmp"
        with open(written, "w", encoding="ascii") as lines:  # noqa: PTH123
            if old is not None:
                os.mkdir(self.path, 0o700)  # noqa: PTH102
            journal.write_header(lines, Header(purpose, old))
            if old is not None:
                link_tree.link_tree(f"{self._destination}/", self.path, lines, check)
        os.rename(written, self._journal)  # noqa: PTH104

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
        with renamable(self.path):
            self._rename(has_old=header.old is not None)
        if fsync:
            _fsync(self._above)

    def is_current(self) -> bool:
        """Return whether the destination still is what the new tree was built from."""
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
        for side in ("new", "old"):
            tree = f"{self._folder}/{side}/{self._name}/"
            if find_identity(tree) is not None:
                kept += with_write_permission(tree, partial(self._delete_known, tree))
                parent = open_folder(f"{self._folder}/{side}")
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
        trees = (f"{self._folder}/{side}/{self._name}" for side in ("new", "old"))
        there = find_identity(self._destination)
        return find_state(self._read_header(), there, *map(find_identity, trees))

    def is_for(self, purpose: str) -> bool:
        """Return whether the tree was built for a purpose."""
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
            return list_folders(fd)

        descend(open_folder(f"{self._folder}/new"), self._name, enter)

    def discard(self) -> None:
        """Delete the build folder with all that is in it.

        Raises:
            OSError: something cannot be deleted.
        """
        # First the journal, without which no tree counts as complete; last the lock, without which
        # nobody knows what the folder is.
        for child in (_JOURNAL, f"{_JOURNAL}.tmp", "new", "old", build_folder.LOCK):
            path = Path(self._folder, child)
            found = stat_tree(path)
            if found is not None:
                with_write_permission(str(path), partial(remove_tree, path, found))
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
        with renamable(self._destination):
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
        with journal.opened(self._journal) as known:
            return link_tree.delete_known(known, tree, f"{self._destination}/")

    def _find_change(self) -> str | None:
        with journal.opened(self._journal) as known:
            return link_tree.find_change(known, f"{self._destination}/", self.path)

    def _read_header(self) -> Header | None:
        return journal.read_header(self._journal)

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
    return NewTree(destination, *build_folder.make(destination))


def _check_mounts(destination: str) -> None:
    mount = find_mount(destination)
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
    try:
        for folder, lock in build_folder.find_left(destination):
            tree = NewTree(destination, folder, lock)
            is_resumed = False
            try:
                is_resumed = _settle(tree, purpose if resumed is None else None)
            finally:
                if not is_resumed:
                    tree.close()
            if is_resumed:
                resumed = tree
    except BaseException:
        # A process that lives on, as of a function, would lock out its own next sync.
        if resumed is not None:
            resumed.close()
        raise
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


def _fsync_folders(path: str) -> None:
    above, _, name = path.rstrip("/").rpartition("/")

    def enter(fd: int, _: str) -> list[str]:
        os.fsync(fd)
        return list_folders(fd)

    descend(open_folder(above), name, enter)


def _fsync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
