"""Stores at a path: each with its kind, the version of its format, and its totals."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..entries import Entry
from ..stores import find_rule, is_index, store_path

_VERSIONS: Final = {
    ".zarray": "2",
    ".zattrs": "2",
    ".zgroup": "2",
    ".zmetadata": "2",
    "zarr.json": "3",
    "repo": "2",
    "refs/*/ref.json": "1",
    "refs/*/ref.json.deleted": "1",
}
"""The versions of formats whose entry files tell them by their names."""


class Store(NamedTuple):
    """A store, or all files that are in no store.

    Args:
        path: the path below the root, with a slash at its end; empty for the root.
        kind: the kind of store, such as ``Zarr``; `None` for files that are in no store.
        version: the version of its format, if the names of its files tell it.
        size_bytes: the total size of its files.
        object_count: the number of its files.
        last_modified: the time of the latest change, in seconds since 1970 UTC; 0 without files.
    """

    path: str
    kind: str | None
    version: str | None
    size_bytes: int
    object_count: int
    last_modified: float


_NO_FILES: Final = Store("", None, None, 0, 0, 0.0)


@dataclass
class _Folder:
    """A folder that is being read, and the stores and other files in it."""

    path: str
    kind: str | None = None
    version: str | None = None
    stores: list[Store] = field(default_factory=list)
    others: Store = _NO_FILES


def find_stores(entries: Iterable[Entry], location: str = "") -> list[Store]:
    """Return the stores among some entries, in path order, and all other files as the last item.

    A store within another one is part of it. Indexes, such as ``a.bam.bai``, make no store.

    Args:
        entries: the entries below the root, in the order of their paths.
        location: the path of the root, which may be within a store.
    """
    folders = [_Folder("")]
    for entry in entries:
        while not entry.relative.startswith(folders[-1].path):
            _close(folders)
        end = entry.relative.find("/", len(folders[-1].path))
        while end >= 0:
            folders.append(_Folder(entry.relative[: end + 1]))
            end = entry.relative.find("/", end + 1)
        _note_entry_file(entry.relative, location, folders)
        folders[-1].others = _sum(folders[-1].others, entry.size, 1, entry.modified)
    while len(folders) > 1:
        _close(folders)
    root = folders[0]
    if root.kind is not None:
        return [_whole(root)]
    return [*root.stores, root.others]


def _note_entry_file(relative: str, location: str, folders: list[_Folder]) -> None:
    rule = find_rule(f"{location.rstrip('/')}/{relative}")
    if rule is None or is_index(rule):
        return
    path = store_path(relative, rule)
    owner = next((folder for folder in folders if folder.path == path), folders[0])
    owner.kind = owner.kind or rule.store
    owner.version = owner.version or _VERSIONS.get(rule.pattern)


def _close(folders: list[_Folder]) -> None:
    folder, parent = folders.pop(), folders[-1]
    if folder.kind is not None:
        parent.stores.append(_whole(folder))
        return
    parent.stores += folder.stores
    others = folder.others
    parent.others = _sum(
        parent.others, others.size_bytes, others.object_count, others.last_modified
    )


def _whole(folder: _Folder) -> Store:
    total = folder.others._replace(path=folder.path, kind=folder.kind, version=folder.version)
    for store in folder.stores:
        total = _sum(total, store.size_bytes, store.object_count, store.last_modified)
    return total


def _sum(total: Store, size: int, count: int, modified: float) -> Store:
    return total._replace(
        size_bytes=total.size_bytes + size,
        object_count=total.object_count + count,
        last_modified=max(total.last_modified, modified),
    )
