"""Folder totals, computed from sorted entries in a single pass."""

import math
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Literal, NamedTuple, TypeAlias

from .entries import Entry

NodeKind: TypeAlias = Literal["folder", "entry", "lone"]
"""The kind of a node: a folder with everything below it; a file or an object; or only the object
whose key is also the path of a folder (``a`` next to ``a/b``, or the placeholder ``a/``)."""


class Node(NamedTuple):
    """A folder, a file or an object.

    Args:
        relative: the path below the root, empty for the root; the path of a folder ends in a
            slash.
        size_bytes: the size of the file, or the total size of all files below the folder.
        object_count: the number of those files.
        last_modified: the time at which the latest of them was modified, in seconds since 1970
            UTC.
        kind: the kind of node.
    """

    relative: str
    size_bytes: int
    object_count: int
    last_modified: float
    kind: NodeKind

    @property
    def depth(self) -> int:
        """The number of parent folders, including the root; 0 for the root itself."""
        slashes = self.relative.count("/")
        return slashes if not self.relative or self.kind == "folder" else slashes + 1


class Coverage(Enum):
    """The nodes that represent a folder in the result."""

    WHOLE = auto()
    """The folder."""
    PARTS = auto()
    """The nodes kept below the folder."""
    BOTH = auto()
    """The folder, and the nodes kept below it."""
    NOTHING = auto()
    """None."""


Covers: TypeAlias = Callable[[Node], Coverage]
NodeFilter: TypeAlias = Callable[[Node], bool]


class _Open:
    """A folder that is being read."""

    __slots__ = ("count", "first", "latest", "path", "size")

    def __init__(self, path: str, first: int) -> None:
        self.path = path
        self.first = first
        self.size = 0
        self.count = 0
        self.latest = -math.inf

    def as_node(self) -> Node:
        latest = self.latest if self.count else 0.0
        return Node(self.path, self.size, self.count, latest, "folder")


def fold(
    entries: Iterable[Entry], covers: Covers, selects: NodeFilter | None = None
) -> tuple[Node, list[Node]]:
    """Return the root of a tree, and the nodes that represent the tree.

    The coverage of a folder is decided after that of all folders below it. If the folder replaces
    the nodes kept below it, they are dropped. So memory is needed only for the result and for the
    nodes below open folders.

    Args:
        entries: the entries of the tree, in listing order. An entry whose path is that of a
            folder, trailing slash included, counts as part of that folder.
        covers: returns the coverage of a folder; not called for the root.
        selects: returns whether an entry is kept. Default: all entries are kept.

    Returns:
        The root, and the kept nodes in path order; a folder that is kept with the nodes below it
        comes after them.
    """
    kept: list[Node] = []
    folders = [_Open("", 0)]
    folder, path = folders[0], ""
    for entry in entries:
        relative = entry.relative
        while not relative.startswith(path):
            _close(folders, kept, covers)
            folder = folders[-1]
            path = folder.path
        end = relative.find("/", len(path))
        while end >= 0:
            path = relative[: end + 1]
            folder = _Open(path, len(kept))
            folders.append(folder)
            end = relative.find("/", end + 1)
        folder.size += entry.size
        folder.count += 1
        folder.latest = max(folder.latest, entry.modified)
        node = node_of(entry, "lone" if relative == path else "entry")
        if selects is None or selects(node):
            kept.append(node)
    while len(folders) > 1:
        _close(folders, kept, covers)
    return folders[0].as_node(), kept


def node_of(entry: Entry, kind: NodeKind = "entry") -> Node:
    """Return the node of a single entry."""
    return Node(entry.relative, entry.size, 1, entry.modified, kind)


def _close(folders: list[_Open], kept: list[Node], covers: Covers) -> None:
    folder, parent = folders.pop(), folders[-1]
    parent.size += folder.size
    parent.count += folder.count
    parent.latest = max(parent.latest, folder.latest)
    node = folder.as_node()
    stand = covers(node)
    if stand in (Coverage.WHOLE, Coverage.NOTHING):
        del kept[folder.first :]
    if stand in (Coverage.WHOLE, Coverage.BOTH):
        kept.append(node)
