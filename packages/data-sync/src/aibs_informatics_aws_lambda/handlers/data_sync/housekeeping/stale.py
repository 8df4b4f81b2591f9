"""Stale files and folders: those not modified since a given time."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from ..entries import Entry, Listing
from ..tree import Coverage, Node, fold, node_of


@dataclass(frozen=True)
class StalePolicy:
    """Which nodes are stale, and how many of them to select.

    Args:
        modified_before: nodes last modified before this time, in seconds since 1970 UTC, are
            stale.
        min_depth: folders above this depth are not selected as a whole. The root has depth 0.
        max_depth: folders at this depth that are not stale are not searched.
        min_size_bytes: stop once the remaining size is at or below this number of bytes.
    """

    modified_before: float
    min_depth: int | None = None
    max_depth: int | None = None
    min_size_bytes: int = 0

    def is_stale(self, node: Node) -> bool:
        """Return whether a node is old enough."""
        return node.last_modified < self.modified_before

    def covers(self, folder: Node) -> Coverage:
        """Return what to select of a folder."""
        depth = folder.depth
        if self.is_stale(folder):
            is_deep = self.min_depth is None or depth >= self.min_depth
            return Coverage.WHOLE if is_deep else Coverage.PARTS
        is_searched = self.max_depth is None or depth < self.max_depth
        return Coverage.PARTS if is_searched else Coverage.NOTHING


def find_stale(found: Listing, policy: StalePolicy) -> list[Node]:
    """Return the stale nodes to remove, oldest first; ties by path.

    The last node may take the remaining size below ``min_size_bytes``.

    Args:
        found: the contents of a path.
        policy: which nodes are stale.
    """
    if found.single and not found.below:
        node = node_of(found.single)
        candidates, size = ([node] if policy.is_stale(node) else []), node.size_bytes
    else:
        entries = chain([found.single] if found.single else [], found.below)
        candidates, size = _candidates(entries, policy)
    return _oldest(candidates, size, policy.min_size_bytes)


def _candidates(entries: Iterable[Entry], policy: StalePolicy) -> tuple[list[Node], int]:
    """Return the stale nodes below a folder, and the size of the folder."""
    # A lone entry has the path of a folder, for which it would be taken.
    root, candidates = fold(
        entries, policy.covers, lambda node: node.kind == "entry" and policy.is_stale(node)
    )
    coverage = policy.covers(root)
    if coverage is Coverage.WHOLE:
        candidates = [root]
    elif coverage is Coverage.NOTHING:
        candidates = []
    return candidates, root.size_bytes


def _oldest(candidates: list[Node], remaining: int, min_size: int) -> list[Node]:
    stale = []
    for node in sorted(candidates, key=lambda node: (node.last_modified, node.relative)):
        if remaining <= min_size:
            break
        stale.append(node)
        remaining -= node.size_bytes
    return stale
