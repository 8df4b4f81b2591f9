"""Removal plans: the inode and time of each path when it was scanned."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import PlannedPath
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..local.delete import TreeStat
from ..locations import resolve
from ..tree import Node
from .times import to_datetime


def make_removal_plan(root: DataLocation, nodes: Mapping[str, Node]) -> dict[str, PlannedPath]:
    """Return the planned removal of each path, sorted. Paths that no longer exist are left out.

    Args:
        root: the root of the nodes.
        nodes: the nodes by path.

    Raises:
        ValueError: the root is on S3, where nothing is removed.
    """
    location = resolve(root)
    if isinstance(location, S3Path):
        raise ValueError(
            f"cannot plan removals below {root}: objects on S3 are not removed. Set with_plan to "
            "false"
        )
    plan = {}
    for path, node in sorted(nodes.items()):
        try:
            found = os.lstat(location / node.relative)
        except FileNotFoundError:
            continue
        plan[path] = PlannedPath(
            path=path, inode=found.st_ino, last_modified=to_datetime(node.last_modified)
        )
    return plan


def planned_by_path(plan: Iterable[PlannedPath]) -> dict[Path, PlannedPath]:
    """Return the planned removals by local path."""
    locations = ((resolve(planned.path), planned) for planned in plan)
    return {location: planned for location, planned in locations if isinstance(location, Path)}


def is_unchanged(found: TreeStat, planned: PlannedPath) -> bool:
    """Return whether a file or folder is the one that was planned, with nothing modified since."""
    modified = to_datetime(found.last_modified)
    return found.inode == planned.inode and modified <= planned.last_modified
