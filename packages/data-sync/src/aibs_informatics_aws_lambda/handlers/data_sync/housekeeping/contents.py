"""What is at a path, for those who only look, and how its nodes are written."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..entries import Entry, Listing
from ..local.walk import list_destination
from ..locations import resolve
from ..tree import Node

# One page of a listing is read after the other.
_CONNECTIONS: Final = 2

_LEADS_NOWHERE: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE}


def find_contents(path: DataLocation) -> Listing:
    """Return what a path names; ``below`` is an empty tuple if there is nothing below.

    On a disk a link to a file counts as that file; links to folders, those that point nowhere,
    pipes, sockets and devices are left out. What ``path`` itself links to is looked at.

    Raises:
        OSError: a local path cannot be looked at.
        AWSError: S3 cannot be asked, or has no such bucket.
    """
    location = resolve(path)
    if isinstance(location, S3Path):
        return _with_empty_known(_find_in_s3(location))
    if location.is_dir():
        return _with_empty_known(Listing(None, _files_below(location), exists=True))
    file = _as_file(Entry("", 0, 0.0, None, "symlink"), str(location))
    return Listing(file, (), exists=file is not None)


def _find_in_s3(path: S3Path) -> Listing:
    # Functions that look at disks start without these.
    from ..s3.client import S3
    from ..s3.listing import find_in_s3

    return find_in_s3(S3(_CONNECTIONS), path)


@dataclass(frozen=True)
class Names:
    """How the nodes of a tree are written: local and EFS paths in full, the keys of objects.

    Args:
        path: the root.
    """

    path: DataLocation

    def root(self) -> str:
        """Return the root as it is given, a local path absolute."""
        if isinstance(self.path, S3Path):
            return self.path.key
        return str(self.path.absolute() if isinstance(self.path, Path) else self.path)

    def folder(self) -> str:
        """Return the root, a folder, with a slash; of a bucket, empty text."""
        root = self.root().rstrip("/")
        return "" if not root and isinstance(self.path, S3Path) else f"{root}/"

    def of(self, node: Node) -> str:
        """Return the text for a node; that for a folder ends in a slash."""
        if not node.relative and node.kind != "folder":
            return self.root()
        return self.folder() + node.relative


def _with_empty_known(source: Listing) -> Listing:
    entries = iter(source.below)
    first = next(entries, None)
    return source._replace(below=() if first is None else chain([first], entries))


def _files_below(folder: Path) -> Iterator[Entry]:
    as_file = partial(_as_file_below, os.fspath(folder))
    return filter(None, map(as_file, list_destination(folder)))


def _as_file_below(folder: str, entry: Entry) -> Entry | None:
    if entry.kind == "file":
        return entry
    return None if entry.kind == "folder" else _as_file(entry, f"{folder}/{entry.relative}")


def _as_file(entry: Entry, path: str) -> Entry | None:
    """Return the entry with what its link leads to, if that is a file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - as for all files of a tree
    except OSError as error:
        if error.errno not in _LEADS_NOWHERE:
            raise
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return entry._replace(size=found.st_size, modified=found.st_mtime, kind="file")
