"""Which files and folders have not been modified for long, and which of them must go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..entries import Item
from ..tree import Node, Stand, fold, node_of


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

    def stands_for(self, folder: Node) -> Stand:
        """Decide about a folder."""
        depth = folder.depth
        if self.is_stale(folder):
            goes = self.min_depth is None or depth >= self.min_depth
            return Stand.WHOLE if goes else Stand.PARTS
        descends = self.max_depth is None or depth < self.max_depth
        return Stand.PARTS if descends else Stand.NOTHING


def find_stale(items: Iterable[Item], rules: Rules) -> list[Node]:
    """Return the stale nodes of a folder that are to go, in no order that matters.

    The oldest go first, and of equal ones those whose path comes first, while what is left is
    above ``min_size_bytes``: the last one may take it below.

    Args:
        items: what is in the folder, in order.
        rules: what is stale.
    """
    # A lone item has the name of a folder, which would be taken for it.
    root, candidates = fold(
        items, rules.stands_for, lambda node: node.kind == "item" and rules.is_stale(node)
    )
    stand = rules.stands_for(root)
    if stand is Stand.WHOLE:
        candidates = [root]
    elif stand is Stand.NOTHING:
        candidates = []
    return _oldest(candidates, root.size_bytes, rules.min_size_bytes)


def find_stale_item(item: Item, rules: Rules) -> list[Node]:
    """Return the node of a single file or object if it is to go."""
    node = node_of(item)
    candidates = [node] if rules.is_stale(node) else []
    return _oldest(candidates, node.size_bytes, rules.min_size_bytes)


def _oldest(candidates: list[Node], left: int, min_size: int) -> list[Node]:
    taken = []
    for node in sorted(candidates, key=lambda node: (node.last_modified, node.relative)):
        if left <= min_size:
            break
        taken.append(node)
        left -= node.size_bytes
    return taken
