"""What a page shows of any number of files: the largest ones, and sums over ranges."""

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from ...tree import Node

_KIB, _DAY = 1024, 86_400.0

SIZE_BOUNDS: Final = (1, *(4 * _KIB * 16**power for power in range(8)))
"""Bounds in bytes: 1 B, 4 KiB, 64 KiB, and so on up to 1 TiB."""

AGE_BOUNDS: Final = tuple(days * _DAY for days in (1, 7, 30, 90, 365, 730, 1825))
"""Bounds in seconds: a day, a week, a month, a quarter, and 1, 2 and 5 years."""


class Range(NamedTuple):
    """A bar of a histogram.

    Args:
        low: the lower bound, which belongs to the range; `None` for none.
        high: the upper bound, which does not; `None` for none.
        files: the number of files.
        size: their total size in bytes.
    """

    low: float | None
    high: float | None
    files: int
    size: int


class Histogram:
    """Counts files, and sums up their sizes, by a value such as the age.

    Args:
        bounds: the bounds between the ranges, in ascending order.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sizes = [0] * (len(bounds) + 1)

    def add(self, value: float, size: int) -> None:
        """Add a file of a size in bytes."""
        position = bisect_right(self._bounds, value)
        self._counts[position] += 1
        self._sizes[position] += size

    def ranges(self) -> list[Range]:
        """Return the ranges, from the first to the last that has a file."""
        bounds = pairwise([None, *self._bounds, None])
        found = [
            Range(low, high, count, size)
            for (low, high), count, size in zip(bounds, self._counts, self._sizes, strict=True)
        ]
        filled = [number for number, count in enumerate(self._counts) if count]
        return found[filled[0] : filled[-1] + 1] if filled else []


class LargestNodes:
    """Keeps the largest nodes of a tree, by size and by number of files.

    A folder is at least as large as what it contains, and wins ties. So all parents of a kept node
    are kept, and the kept nodes are a tree, whatever the order in which nodes are added.

    Args:
        limit: the number of nodes to keep by size; a third of it is kept by number of files.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_size: list[tuple[int, int, int, str, Node]] = []
        self._by_count: list[tuple[int, int, int, str, Node]] = []
        self.added = 0

    def add(self, node: Node) -> None:
        """Add a file or a folder."""
        self.added += 1
        size, count, order = node.size_bytes, node.object_count, -node.depth
        _push(self._by_size, self._limit, (size, count, order, node.relative, node))
        if node.kind == "folder":
            _push(self._by_count, self._limit // 3, (count, size, order, node.relative, node))

    @property
    def is_partial(self) -> bool:
        """Whether nodes were left out."""
        return self.added > len(self._kept())

    def rows(self, root: Node) -> list[list[Any]]:
        """Return the kept nodes, each with the position of its folder, which comes before it.

        A row has that position, or -1 for the root, the name, the size in bytes, the number of
        files and the time of the last modification. Names of folders end in a slash.

        Args:
            root: the root of the tree.
        """
        rows: list[list[Any]] = [[-1, "", *root[1:3], int(root.last_modified)]]
        open_folders = [("", 0)]
        for node in sorted(self._kept(), key=_order):
            while not node.relative.startswith(open_folders[-1][0]):
                open_folders.pop()
            path, position = open_folders[-1]
            name = node.relative[len(path) :]
            rows.append([position, name, *node[1:3], int(node.last_modified)])
            if node.kind == "folder":
                open_folders.append((node.relative, len(rows) - 1))
        return rows

    def _kept(self) -> set[Node]:
        return {item[-1] for item in (*self._by_size, *self._by_count)}


def _order(node: Node) -> tuple[str, bool]:
    # An object with the path of a folder comes after the folder, which contains it.
    return node.relative, node.kind != "folder"


def _push(heap: list[Any], limit: int, item: tuple[Any, ...]) -> None:
    if len(heap) < limit:
        heapq.heappush(heap, item)
    elif item > heap[0]:
        heapq.heapreplace(heap, item)
