"""The page of ``data-sync stats --html``."""

import time
from typing import Any, Final

from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ...housekeeping.node_paths import NodePaths
from ...tree import Node
from .aggregates import AGE_BOUNDS, SIZE_BOUNDS, Histogram, LargestNodes
from .page import render_page

_MAX_NODES: Final = 6_000


class StatsPage:
    """Collects the files and folders of a path, in bounded memory, and shows them as a page.

    Args:
        path: the path.
        now: the time from which ages are counted, in seconds since 1970 UTC; default: now.
    """

    def __init__(self, path: DataLocation, now: float | None = None) -> None:
        self._path = path
        self._now = time.time() if now is None else now
        self._nodes = LargestNodes(_MAX_NODES)
        self._by_age, self._by_size = Histogram(AGE_BOUNDS), Histogram(SIZE_BOUNDS)
        self._folders = 0

    def add(self, node: Node) -> None:
        """Add a file or a folder."""
        self._nodes.add(node)
        if node.kind == "folder":
            self._folders += 1
            return
        self._by_age.add(self._now - node.last_modified, node.size_bytes)
        self._by_size.add(node.size_bytes, node.size_bytes)

    def render(self, root: Node) -> str:
        """Return the page as HTML.

        Args:
            root: the totals of the path.
        """
        quote = NodePaths(self._path).quote
        return render_page("stats", f"{quote(str(self._path))}: sizes", self._data(root))

    def _data(self, root: Node) -> dict[str, Any]:
        quote = NodePaths(self._path).quote
        nodes = self._nodes.rows(root)
        return {
            "path": quote(str(self._path)),
            "now": int(self._now),
            "folders": self._folders,
            "nodes": [[row[0], quote(row[1]), *row[2:]] for row in nodes],
            "is_partial": self._nodes.is_partial,
            "by_age": self._by_age.ranges(),
            "by_size": self._by_size.ranges(),
        }
