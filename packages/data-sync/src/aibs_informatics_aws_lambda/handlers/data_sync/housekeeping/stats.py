"""The response with the stats of a path and its children."""

from collections.abc import Mapping

from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ..tree import Node
from .models import DataPathStats, GetDataPathStatsResponse
from .node_paths import NodePaths
from .times import to_datetime


def make_stats_response(
    path: DataLocation, root: Node, children: Mapping[str, Node]
) -> GetDataPathStatsResponse:
    """Return the response for totals of `contents.sum_up_children`.

    Args:
        path: the path.
        root: the totals of the path.
        children: the totals of its immediate children, by name.
    """
    paths = NodePaths(path)
    return GetDataPathStatsResponse(
        path=paths.of_summary(has_children=bool(children)),
        path_stats=stats_of(root),
        children={paths.quote(name): stats_of(child) for name, child in children.items()},
    )


def stats_of(node: Node) -> DataPathStats:
    """Return the stats of a node."""
    return DataPathStats(
        size_bytes=node.size_bytes,
        object_count=node.object_count,
        last_modified=to_datetime(node.last_modified),
    )
