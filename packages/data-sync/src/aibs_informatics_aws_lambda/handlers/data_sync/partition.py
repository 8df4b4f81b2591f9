"""A tree cut into parts of limited size, each of which can be synced by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aibs_informatics_aws_lambda.handlers.data_sync.engine.items import Item
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node, Stand, fold

__all__ = ["partition"]


def partition(items: Iterable[Item], limit: int) -> list[Node]:
    """Return the largest folders whose size is within the limit, and the items outside of them.

    An item above the limit is a part all the same, and so is a folder with keys that no request
    can name: those with an empty segment, ``folder//key``. An object that has the name of a folder
    is a part of the kind ``lone``, unless both are in one.

    Args:
        items: what is in the tree, in order.
        limit: of a part, in bytes.

    Returns:
        The parts, in the order of their paths: the root alone if it is within the limit, or empty.
    """
    whole: set[str] = set()

    def stands_for(folder: Node) -> Stand:
        path = folder.relative
        if path == "/" or path.endswith("//"):
            whole.add(path[:-1])
        fits = folder.size_bytes <= limit or path in whole
        return Stand.WHOLE if fits else Stand.PARTS

    root, parts = fold(items, stands_for)
    if stands_for(root) is Stand.WHOLE:
        return [root]
    return list(_with_lone_ones(parts))


def _with_lone_ones(parts: list[Node]) -> Iterator[Node]:
    """Yield the parts; an item ``a`` that is followed by some ``a/...`` becomes a lone one."""
    shared: set[str] = set()
    beginnings: list[str] = []
    for part in parts:
        while beginnings and not part.relative.startswith(beginnings[-1]):
            beginnings.pop()
        shared.update(
            beginning for beginning in beginnings if part.relative.startswith("/", len(beginning))
        )
        if part.kind == "item":
            beginnings.append(part.relative)
    for part in parts:
        yield part._replace(kind="lone") if part.relative in shared else part
