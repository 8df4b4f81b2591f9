"""Stores that are split into several parts of a prepared sync.

Their entry files must not be published before all parts have arrived, and no part may delete what
the entry files at the destination still name. A last batch does both, after all others.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .. import stores
from ..tree import Node


class SplitParts(NamedTuple):
    """The parts of a sync, by when they are synced.

    Args:
        parallel: the parts to sync first, in any order, those of split stores without their entry
            files.
        final: the split stores as wholes, and indexes such as ``a.bam.bai``, to sync at last, in
            this order.
    """

    parallel: list[Node]
    final: list[Node]

    def is_split(self, part: Node) -> bool:
        """Return whether a part belongs to a store that is split."""
        return part.relative.startswith(tuple(_roots(self.final)))

    def deleting(self) -> list[Node]:
        """Return the parts that delete the extraneous files in them, in path order."""
        own = (part for part in self.parallel if not self.is_split(part))
        return sorted([*own, *self.final], key=lambda part: part.relative)


def set_entry_files_apart(parts: Sequence[Node], destination: str) -> SplitParts:
    """Return the parts of a sync, and separately those that are synced last.

    Args:
        parts: the parts, in path order.
        destination: the path of the destination, with a slash at its end.
    """
    parallel, indexes, roots = list[Node](), list[Node](), set[str]()
    for part in parts:
        path = destination + part.relative
        rule = None if part.kind == "folder" else stores.find_rule(path)
        if rule is not None and stores.is_index(rule):
            indexes.append(part)
        elif rule is not None:
            roots.add(stores.store_path(path, rule))
        else:
            parallel.append(part)
            root = stores.store_of_folder(path) if part.kind == "folder" else None
            roots.update(() if root is None else (root,))
    if not parallel:
        # One batch takes them in their order.
        return SplitParts(list(parts), [])
    outermost = list(_outermost(roots, destination))
    indexes = [part for part in indexes if not part.relative.startswith(tuple(outermost))]
    return SplitParts(parallel, [*map(_whole, outermost), *indexes])


def _outermost(roots: Iterable[str], destination: str) -> Iterator[str]:
    """Yield the paths of stores that are in no other store, relative to the destination."""
    last: str | None = None
    for root in sorted(roots):
        # The destination itself may be within a store.
        relative = root.removeprefix(destination) if root.startswith(destination) else ""
        if last is None or not relative.startswith(last):
            last = relative
            yield relative


def _whole(root: str) -> Node:
    return Node(root, 0, 1, 0.0, "folder")


def _roots(final: Iterable[Node]) -> Iterator[str]:
    return (node.relative for node in final if node.kind == "folder")
