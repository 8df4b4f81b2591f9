"""Local files below a directory, in the order in which S3 lists keys."""

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

from ..entries import Entry, EntryKind, Listing
from ..evidence import is_absent
from ..progress import activity
from . import sorted_names
from .files import DANGLING
from .read_ahead import (
    SLOW_AT_START,
    SLOW_IN_A_ROW,
    SLOW_SECONDS,
    Folder,
    Found,
    SymlinkPolicy,
    folder_entry,
    walk_ahead,
)
from .sorted_names import Name
from .staging import is_in_use, is_temporary

logger = logging.getLogger(__name__)

OnFailure: TypeAlias = Callable[[str, Exception], None]
"""Called with the path of what cannot be read, and the error."""

BegunWalk: TypeAlias = Callable[[OnFailure | None], Iterable[Entry]]
"""Returns the entries of a walk that has begun, to be read once. Without a callback, the first
error is raised."""


def find_local(
    path: Path, on_failure: OnFailure | None = None, begun: BegunWalk | None = None
) -> Listing:
    """Return the source at a local path: a file, or the files below a directory.

    Args:
        path: the path.
        on_failure: called with each file and directory below the path that cannot be read, which
            are then left out.
        begun: a walk of the files below the directory, if one has begun.

    Raises:
        OSError: the path cannot be read.
        ValueError: it is a dangling symlink, or neither a file nor a directory.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise ValueError(_dangling(str(path))) from None
        return Listing(None, (), exists=False)
    if stat.S_ISDIR(found.st_mode):
        below = begun(on_failure) if begun else list_source(path, on_failure)
        return Listing(None, below, exists=True)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is neither a file nor a directory")
    return Listing(_entry("", found, "file"), (), exists=True)


def find_files(path: Path) -> Listing:
    """Return the file at a local path, or the files below a directory, as `list_files` does.

    Raises:
        OSError: the path cannot be read.
    """
    if path.is_dir():
        return Listing(None, list_files(path), exists=True)
    file = _FilesOnly().entry(str(path), "", _stat(str(path)), below_symlink=False)
    return Listing(file, (), exists=file is not None)


def list_source(directory: Path, on_failure: OnFailure | None = None) -> Iterator[Entry]:
    """Yield the files below a source directory, in the order of their paths.

    Symlinks to files count as those files. Symlinks to directories are followed, but no directory
    is read twice, and one that lies below ``directory`` anyway is read there only. Files that
    vanish meanwhile are left out, and so are pipes, sockets and devices, with a warning.

    Args:
        directory: the directory.
        on_failure: called with each name that would raise an error, which is then left out.

    Raises:
        OSError: a directory or file cannot be read.
        ValueError: a symlink is dangling.
    """
    return _walk(os.fspath(directory), _Followed(os.fspath(directory), on_failure))


def list_destination(directory: Path) -> Iterator[Entry]:
    """Yield the files, symlinks and directories below a directory, in the order of their paths.

    Symlinks are not followed. A missing directory has nothing below it.

    Raises:
        OSError: a directory cannot be read.
    """
    return _walk(os.fspath(directory), _NotFollowed())


def list_files(directory: Path) -> Iterator[Entry]:
    """Yield the files below a directory, in the order of their paths.

    Symlinks to files count as those files. All other symlinks, pipes, sockets and devices are left
    out.

    Raises:
        OSError: a directory or file cannot be read.
    """
    return _walk(os.fspath(directory), _FilesOnly())


class _Followed:
    """Symlinks of a source: followed, without reading any directory twice."""

    lists_directories = False
    follows_symlinks = True

    def __init__(self, root: str, on_failure: OnFailure | None = None) -> None:
        self._on_failure = on_failure
        self._root = f"{os.path.realpath(root).rstrip('/')}/"
        self._entered: set[tuple[int, int]] = set()

    def enters(self, directory: str) -> bool:
        real = os.path.realpath(directory)
        if f"{real}/".startswith(self._root):
            return False
        found = os.stat(real)  # noqa: PTH116
        identity = found.st_dev, found.st_ino
        if identity in self._entered:
            return False
        self._entered.add(identity)
        return True

    def leaves_out(self, path: str, error: Exception) -> bool:
        if self._on_failure is None:
            return False
        self._on_failure(path, error)
        return True

    def look_up(self, path: str) -> Found:
        return _stat(path)

    def entry(
        self, path: str, relative: str, found: Found, *, below_symlink: bool
    ) -> Entry | None:
        if isinstance(found, OSError):
            problem: Exception = found
            if found.errno in DANGLING and os.path.islink(path):  # noqa: PTH114
                problem = ValueError(_dangling(path))
            elif is_absent(found):
                return None
            if not self.leaves_out(path, problem):
                raise problem
            return None
        if is_temporary(path):
            # Another sync downloads to this directory, or was killed.
            return None
        if stat.S_ISREG(found.st_mode):
            return _entry(relative, found, "symlink_target" if below_symlink else "file")
        logger.warning("%s is neither a file nor a directory: skipped", path)
        return None


class _NotFollowed:
    """Symlinks of a destination: separate entries."""

    lists_directories = True
    follows_symlinks = False

    def enters(self, _: str) -> bool:
        return True

    def leaves_out(self, path: str, error: Exception) -> bool:  # noqa: ARG002
        return False

    def look_up(self, path: str) -> Found:
        try:
            return os.lstat(path)
        except OSError as error:
            return error

    def entry(
        self,
        path: str,
        relative: str,
        found: Found,
        *,
        below_symlink: bool,  # noqa: ARG002
    ) -> Entry | None:
        if isinstance(found, OSError):
            if not is_absent(found):
                raise found
            return None
        if is_in_use(path, found.st_mtime):
            return None
        return _entry(relative, found, "file" if stat.S_ISREG(found.st_mode) else "symlink")


class _FilesOnly(_NotFollowed):
    """Symlinks where only files count: those to files, as these."""

    lists_directories = False

    def look_up(self, path: str) -> Found:
        return _stat(path)

    def entry(
        self,
        path: str,  # noqa: ARG002
        relative: str,
        found: Found,
        *,
        below_symlink: bool,  # noqa: ARG002
    ) -> Entry | None:
        if isinstance(found, OSError):
            if found.errno not in DANGLING:
                raise found
            return None
        return _entry(relative, found, "file") if stat.S_ISREG(found.st_mode) else None


def _stat(path: str) -> Found:
    try:
        return os.stat(path)  # noqa: PTH116 - a Path for each file costs more than the call
    except OSError as error:
        return error


# A folder that is being read, and its names that are still to come.
_Level = tuple[Folder, Iterator[Name]]


def _walk(root: str, policy: SymlinkPolicy) -> Iterator[Entry]:
    top = Folder(root, "", below_symlink=False)
    levels: list[_Level] = [(top, iter(_read_names(top, policy)))]
    slow_in_a_row, most_slow = 0, SLOW_AT_START
    while levels:
        folder, names = levels[-1]
        directory, prefix, below_symlink = folder
        for name in names:
            text = name[0]
            if text.endswith("/"):
                below = folder.below(name)
                if below.below_symlink and not policy.enters(below.path):
                    continue
                if policy.lists_directories:
                    yield folder_entry(below)
                levels.append((below, iter(_read_names(below, policy))))
                break
            path, start = f"{directory}/{text}", perf_counter()
            found = policy.look_up(path)
            is_slow = perf_counter() - start > SLOW_SECONDS
            entry = policy.entry(path, prefix + text, found, below_symlink=below_symlink)
            if is_slow:
                slow_in_a_row += 1
            else:
                slow_in_a_row, most_slow = 0, SLOW_IN_A_ROW
            if entry is not None:
                yield entry
            if slow_in_a_row == most_slow:
                yield from walk_ahead(levels[::-1], policy, _read_names)
                return
        else:
            levels.pop()


def _leads_to_directory(symlink: os.DirEntry[str]) -> bool:
    try:
        return symlink.is_dir()
    except OSError as error:
        if error.errno not in DANGLING:
            raise
        return False


def _read_names(folder: Folder, policy: SymlinkPolicy) -> Iterable[Name]:
    """Return the names in a folder, in the order of the paths at and below them, to read once."""
    scanned = _scan(folder, policy)
    names = list(islice(scanned, sorted_names.SORTED_IN_MEMORY))
    activity.listed += len(names)
    if len(names) == sorted_names.SORTED_IN_MEMORY:
        return sorted_names.sort_names(chain(names, scanned))
    names.sort()
    return names


def _scan(folder: Folder, policy: SymlinkPolicy) -> Iterator[Name]:
    follows = policy.follows_symlinks
    try:
        with os.scandir(folder.path) as found:
            for child in found:
                if child.is_dir(follow_symlinks=False):
                    if not (child.name.endswith(".tmp") and _is_new_tree(child, policy)):
                        yield f"{child.name}/", False
                elif follows and child.is_symlink() and _leads_to_directory(child):
                    yield f"{child.name}/", True
                else:
                    yield child.name, False
    except OSError as error:
        # A directory whose parent was read may have vanished since. A source itself may not: its
        # absence would empty the destination.
        is_source_root = not folder.prefix and follows
        is_lost = is_source_root or not is_absent(error)
        if is_lost and (is_source_root or not policy.leaves_out(folder.path, error)):
            raise


def _is_new_tree(child: os.DirEntry[str], policy: SymlinkPolicy) -> bool:
    """Return whether a directory is one in which a sync builds a new tree, or was killed."""
    if policy.follows_symlinks:
        # A source: as its temporary files.
        return is_temporary(child.name)
    return is_in_use(child.name, child.stat(follow_symlinks=False).st_mtime)


def _entry(relative: str, found: os.stat_result, kind: EntryKind) -> Entry:
    return Entry(relative, found.st_size, found.st_mtime, None, kind, found.st_ino, found.st_atime)


def _dangling(path: str) -> str:
    return f"{path} is a dangling symlink: correct or delete it"
