"""The folders above entries that come in order, with what is in them summed up: in one pass."""

import math
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Literal, NamedTuple, TypeAlias

from .entries import Entry

NodeKind: TypeAlias = Literal["folder", "entry", "lone"]
"""What a node is: a folder with all below it; a file or an object; or an object alone that has the
name of a folder (``a`` beside ``a/b``, and the placeholder ``a/``)."""


class Node(NamedTuple):
    """A folder, a file or an object.

    Args:
        relative: the path below the root, which has none; that of a folder ends in a slash.
        size_bytes: the sum over all files below, or the size of the one.
        object_count: how many files these are.
        last_modified: when the latest of them was modified, in seconds since 1970 UTC.
        kind: what it is.
    """

    relative: str
    size_bytes: int
    object_count: int
    last_modified: float
    kind: NodeKind

    @property
    def depth(self) -> int:
        """How many folders are above, the root included; 0 for the root itself."""
        slashes = self.relative.count("/")
        return slashes if not self.relative or self.kind == "folder" else slashes + 1


class Coverage(Enum):
    """What stands for a folder in a result."""

    WHOLE = auto()
    """The folder."""
    PARTS = auto()
    """What stands for its parts."""
    BOTH = auto()
    """The folder, and what stands for its parts."""
    NOTHING = auto()


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
    """Return the root of a tree, and the nodes that are to stand for all of it.

    A folder is decided about when all below it have been; what was kept of its parts is dropped
    again where the whole stands for them. So memory is needed for the result, and for the parts of
    those folders that are open.

    Args:
        entries: the entries of the tree, in listing order. An entry that has the path of a folder,
            slash included, counts in that folder.
        covers: decides about each folder but the root.
        selects: decides about each entry; by default all are kept.

    Returns:
        The root, and the nodes that are kept, in the order of their paths; a folder that stands
        for itself and its parts comes after them.
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
