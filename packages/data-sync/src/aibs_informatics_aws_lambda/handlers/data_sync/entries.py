"""What is synced: files and objects, whatever side they are on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

EntryKind: TypeAlias = Literal["file", "folder", "symlink", "symlink_target"]
"""What an entry is: a file or an object; at a local destination also a folder (``relative`` ends
in a slash) or a symbolic link; at a local source also a file below a symlinked folder."""


class Entry(NamedTuple):
    """A file or an object.

    Listings yield entries in the order of ``relative``, compared as text. That is the order of its
    UTF-8 bytes, in which S3 lists keys.

    Args:
        relative: the path below the source, with slashes; empty for what is the source itself.
        size: in bytes.
        modified: when it was last modified, in seconds since 1970 UTC.
        etag: the ETag of an object, without quotation marks; `None` for a file.
        kind: what it is.
    """

    relative: str
    size: int
    modified: float
    etag: str | None = None
    kind: EntryKind = "file"


def is_placeholder(entry: Entry) -> bool:
    """Tell whether an object only stands for a folder, as S3's console makes them."""
    return entry.size == 0 and (not entry.relative or entry.relative.endswith("/"))


class Listing(NamedTuple):
    """What a path names.

    Args:
        single: the file, or the object that has the very key; its ``relative`` is empty.
        below: what lies below the folder or prefix. An object whose key is the prefix with its
            slash comes first, with an empty ``relative``.
        exists: whether there is anything; an empty folder is there.
    """

    single: Entry | None
    below: Iterable[Entry]
    exists: bool


class ObjectVersion(NamedTuple):
    """An object, as it was listed: a request about another version of it fails.

    Args:
        bucket: the bucket.
        key: the key.
        etag: the ETag, without quotation marks; empty where no object was listed.
    """

    bucket: str
    key: str
    etag: str
