"""Local files below a directory, in the order in which S3 lists keys."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ..entries import Entry, EntryKind, Listing
from ..evidence import is_absent
from .files import DANGLING
from .staging import is_in_use, is_temporary

logger = logging.getLogger(__name__)


def find_local(path: Path) -> Listing:
    """Return the source at a local path: a file, or the files below a directory.

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
        return Listing(None, list_source(path), exists=True)
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
    file = _FilesOnly().entry(os.fspath(path), "", below_symlink=False)
    return Listing(file, (), exists=file is not None)


def list_source(directory: Path) -> Iterator[Entry]:
    """Yield the files below a source directory, in the order of their paths.

    Symlinks to files count as those files. Symlinks to directories are followed, but no directory
    is read twice, and one that lies below ``directory`` anyway is read there only. Files that
    vanish meanwhile are left out, and so are pipes, sockets and devices, with a warning.

    Raises:
        OSError: a directory or file cannot be read.
        ValueError: a symlink is dangling.
    """
    return _walk(os.fspath(directory), _Followed(os.fspath(directory)))


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


class _SymlinkPolicy(Protocol):
    """What a walk makes of symlinks and of other names that are not directories."""

    lists_directories: bool
    follows_symlinks: bool

    def enters(self, directory: str) -> bool:
        """Tell whether to read a directory at or below a symlink."""

    def entry(self, path: str, relative: str, *, below_symlink: bool) -> Entry | None:
        """Return the entry for a name that is not a directory, or `None` to leave it out."""


class _Followed:
    """Symlinks of a source: followed, without reading any directory twice."""

    lists_directories = False
    follows_symlinks = True

    def __init__(self, root: str) -> None:
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

    def entry(self, path: str, relative: str, *, below_symlink: bool) -> Entry | None:
        try:
            found = os.stat(path)  # noqa: PTH116 - a Path for each file costs more than the call
        except OSError as error:
            if error.errno in DANGLING and os.path.islink(path):  # noqa: PTH114
                raise ValueError(_dangling(path)) from None
            if not is_absent(error):
                raise
            return None
        if is_temporary(path):
            # Another sync downloads to this directory, or was killed.
            return None
        if stat.S_ISREG(found.st_mode):
            return _entry(relative, found, "symlink_target" if below_symlink else "file")
        logger.warning("%s is neither a file nor a directory: skipped", path)
        return None


class _NotFollowed:
    """Symlinks of a destination: entries of their own."""

    lists_directories = True
    follows_symlinks = False

    def enters(self, _: str) -> bool:
        return True

    def entry(self, path: str, relative: str, *, below_symlink: bool) -> Entry | None:  # noqa: ARG002
        try:
            found = os.lstat(path)
        except OSError as error:
            if not is_absent(error):
                raise
            return None
        if is_in_use(path, found.st_mtime):
            return None
        return _entry(relative, found, "file" if stat.S_ISREG(found.st_mode) else "symlink")


class _FilesOnly(_NotFollowed):
    """Symlinks where only files count: those to files, as these."""

    lists_directories = False

    def entry(self, path: str, relative: str, *, below_symlink: bool) -> Entry | None:  # noqa: ARG002
        try:
            found = os.stat(path)  # noqa: PTH116 - as for all files of a tree
        except OSError as error:
            if error.errno not in DANGLING:
                raise
            return None
        return _entry(relative, found, "file") if stat.S_ISREG(found.st_mode) else None


# What is left to read of a directory: its path, the relative path of what lies in it, whether a
# symlink has led there, and its names.
_Level = tuple[str, str, bool, Iterator[tuple[str, bool]]]


def _walk(root: str, policy: _SymlinkPolicy) -> Iterator[Entry]:
    levels: list[_Level] = [_level(root, "", policy, below_symlink=False)]
    while levels:
        directory, prefix, below_symlink, names = levels[-1]
        for name, is_symlink in names:
            path = f"{directory}/{name}"
            if name.endswith("/"):
                if policy.lists_directories:
                    yield Entry(prefix + name, 0, 0.0, None, "folder")
                below = below_symlink or is_symlink
                levels.append(_level(path[:-1], prefix + name, policy, below_symlink=below))
                break
            entry = policy.entry(path, prefix + name, below_symlink=below_symlink)
            if entry is not None:
                yield entry
        else:
            levels.pop()


def _level(directory: str, prefix: str, policy: _SymlinkPolicy, *, below_symlink: bool) -> _Level:
    names = _names_in_order(
        directory,
        policy,
        below_symlink=below_symlink,
        is_source_root=not prefix and policy.follows_symlinks,
    )
    return directory, prefix, below_symlink, names


def _leads_to_directory(symlink: os.DirEntry[str]) -> bool:
    try:
        return symlink.is_dir()
    except OSError as error:
        if error.errno not in DANGLING:
            raise
        return False


def _names_in_order(
    directory: str, policy: _SymlinkPolicy, *, below_symlink: bool, is_source_root: bool
) -> Iterator[tuple[str, bool]]:
    """Yield the names in a directory and whether each is a symlink that is followed.

    Names of directories end in a slash, so that they sort as the paths below them do.
    """
    names = []
    symlinks = set()
    follows = policy.follows_symlinks
    try:
        with os.scandir(directory) as found:
            for child in found:
                if child.is_dir(follow_symlinks=False):
                    names.append(f"{child.name}/")
                elif follows and child.is_symlink() and _leads_to_directory(child):
                    names.append(f"{child.name}/")
                    symlinks.add(names[-1])
                else:
                    names.append(child.name)
    except OSError as error:
        # A directory whose parent was read may have vanished since. A source itself may not: its
        # absence would empty the destination.
        if is_source_root or not is_absent(error):
            raise
    names.sort()
    for name in names:
        is_symlink = name in symlinks
        is_outside = name.endswith("/") and (below_symlink or is_symlink)
        if is_outside and not policy.enters(f"{directory}/{name}"):
            continue
        yield name, is_symlink


def _entry(relative: str, found: os.stat_result, kind: EntryKind) -> Entry:
    return Entry(relative, found.st_size, found.st_mtime, None, kind, found.st_ino, found.st_atime)


def _dangling(path: str) -> str:
    return f"{path} is a dangling symlink: correct or delete it"
