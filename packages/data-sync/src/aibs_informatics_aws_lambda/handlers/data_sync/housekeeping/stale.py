"""Which files and folders have not been modified for long, and which of them must go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..entries import Entry
from ..tree import Coverage, Node, fold, node_of


@dataclass(frozen=True)
class Rules:
    """When a node is stale.

    Args:
        modified_before: what was last modified before this time, in seconds since 1970 UTC, is
            stale.
        min_depth: folders above this depth do not go as a whole; the root has depth 0.
        max_depth: what lies deeper is looked at no more, unless all above it is stale.
        min_size_bytes: how much is to be left over, more or less.
    """

    modified_before: float
    min_depth: int | None = None
    max_depth: int | None = None
    min_size_bytes: int = 0

    def is_stale(self, node: Node) -> bool:
        """Tell whether a node is old enough."""
        return node.last_modified < self.modified_before

    def covers(self, folder: Node) -> Coverage:
        """Decide about a folder."""
        depth = folder.depth
        if self.is_stale(folder):
            goes = self.min_depth is None or depth >= self.min_depth
            return Coverage.WHOLE if goes else Coverage.PARTS
        descends = self.max_depth is None or depth < self.max_depth
        return Coverage.PARTS if descends else Coverage.NOTHING


def find_stale(entries: Iterable[Entry], rules: Rules) -> list[Node]:
    """Return the stale nodes of a folder that are to go, in no order that matters.

    The oldest go first, and of equal ones those whose path comes first, while what is left is
    above ``min_size_bytes``: the last one may take it below.

    Args:
        entries: what is in the folder, in order.
        rules: what is stale.
    """
    # A lone entry has the name of a folder, which would be taken for it.
    root, candidates = fold(
        entries, rules.covers, lambda node: node.kind == "entry" and rules.is_stale(node)
    )
    stand = rules.covers(root)
    if stand is Coverage.WHOLE:
        candidates = [root]
    elif stand is Coverage.NOTHING:
        candidates = []
    return _oldest(candidates, root.size_bytes, rules.min_size_bytes)


def find_stale_item(entry: Entry, rules: Rules) -> list[Node]:
    """Return the node of a single file or object if it is to go."""
    node = node_of(entry)
    candidates = [node] if rules.is_stale(node) else []
    return _oldest(candidates, node.size_bytes, rules.min_size_bytes)


def _oldest(candidates: list[Node], left: int, min_size: int) -> list[Node]:
    stale = []
    for node in sorted(candidates, key=lambda node: (node.last_modified, node.relative)):
        if left <= min_size:
            break
        stale.append(node)
        left -= node.size_bytes
    return stale
