"""What a new tree is built for, and which files the tree contained that it replaces.

The first line of a journal is its header; each of the others is a file, a symlink or a folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, NamedTuple, TypeAlias

from ..entries import Entry

Identity: TypeAlias = tuple[int, int]
"""Device and inode number of a folder."""


@dataclass(frozen=True)
class Header:
    """The first line of a journal.

    Args:
        purpose: what the tree is built for; another purpose would build another tree.
        old: the identity of the old tree; `None` if there was nothing at the destination.
    """

    purpose: str
    old: Identity | None


class Known(NamedTuple):
    """What a journal records of a file, a symlink or a folder.

    Args:
        relative: its path below the tree; that of a folder ends in a slash.
        inode: its inode number; `None` for a folder.
        size: in bytes.
        modified: the time of the last modification, in seconds since 1970 UTC.
    """

    relative: str
    inode: int | None
    size: int
    modified: float


def known(entry: Entry) -> Known:
    """Return what a journal records of an entry."""
    return Known(entry.relative, entry.inode, entry.size, entry.modified)


def write_header(journal: IO[str], header: Header) -> None:
    """Write the first line of a journal."""
    journal.write(json.dumps([header.purpose, header.old]) + "\n")


def write_entry(journal: IO[str], entry: Entry) -> None:
    """Write the line of an entry of the old tree."""
    journal.write(json.dumps(known(entry)) + "\n")


def read_header(path: str) -> Header | None:
    """Return the header of the journal at a path, or `None` if there is no journal.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with open(path, encoding="ascii") as lines:  # noqa: PTH123
            purpose, old = json.loads(lines.readline())
    except FileNotFoundError:
        return None
    return Header(purpose, None if old is None else (old[0], old[1]))


@contextmanager
def opened(path: str) -> Iterator[Iterator[Known]]:
    """Open the journal at a path, and yield what it records of the old tree.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, encoding="ascii") as lines:  # noqa: PTH123
        yield read_entries(islice(lines, 1, None))


def read_entries(lines: Iterable[str]) -> Iterator[Known]:
    """Yield what `write_entry` has written."""
    return (Known(*json.loads(line)) for line in lines)


def compared(
    journal: Iterable[Known], there: Iterable[Entry]
) -> Iterator[tuple[Entry | None, Known | None]]:
    """Yield each entry of a tree with what its journal records of that path; `None` for nothing.

    Both must be in the order of paths.
    """
    lines = iter(journal)
    line = next(lines, None)
    for entry in there:
        while line is not None and line.relative < entry.relative:
            yield None, line
            line = next(lines, None)
        if line is None or line.relative != entry.relative:
            yield entry, None
            continue
        yield entry, line
        line = next(lines, None)
    while line is not None:
        yield None, line
        line = next(lines, None)


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
