"""Entries: the files and objects that are synced, on either side."""

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

EntryKind: TypeAlias = Literal["file", "folder", "symlink", "symlink_target"]
"""A file or an object; at a local destination also a folder (``relative`` ends in a slash) or a
symbolic link; at a local source also a file below a symlinked folder."""


class Entry(NamedTuple):
    """A file or an object.

    Listings yield entries in the order of ``relative``, compared as text. That is the order of its
    UTF-8 bytes, in which S3 lists keys.

    Args:
        relative: the path below the source, with slashes; empty for the source itself.
        size: in bytes.
        modified: the time of the last modification, in seconds since 1970 UTC.
        etag: the ETag of an object, without quotation marks; `None` for a file.
        kind: the kind of entry.
        inode: the inode number of a file; `None` for an object.
        accessed: the time of the last access to a file, in seconds since 1970 UTC; `None` for an
            object.
        storage_class: the storage class of an object that may have to be restored before it can be
            read: ``GLACIER``, ``DEEP_ARCHIVE`` or ``INTELLIGENT_TIERING``; else `None`.
    """

    relative: str
    size: int
    modified: float
    etag: str | None = None
    kind: EntryKind = "file"
    inode: int | None = None
    accessed: float | None = None
    storage_class: str | None = None


def is_placeholder(entry: Entry) -> bool:
    """Return whether an object only stands for a folder, as the S3 console makes them."""
    return entry.size == 0 and (not entry.relative or entry.relative.endswith("/"))


class Listing(NamedTuple):
    """The entries at a path.

    Args:
        single: the file, or the object whose key is the path; its ``relative`` is empty.
        below: the entries below the folder or prefix. An object whose key is the prefix with its
            slash comes first, with an empty ``relative``.
        exists: whether there is anything; an empty folder exists.
    """

    single: Entry | None
    below: Iterable[Entry]
    exists: bool
