"""What a request asks to remove, and what of it must not go."""

from __future__ import annotations

from collections.abc import Iterable

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.removals import (
    PlannedPath,
    RemoveDataPathsRequest,
)
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.paths import DataPath, parse_data_path

from ..local.delete import RemovalGuard, find_removal_guard
from ..stored_lists import read_list


def read_removal(
    request: RemoveDataPathsRequest,
) -> tuple[list[DataPath], list[PlannedPath] | None]:
    """Return the paths and the plan of a request, which may be stored.

    Raises:
        ValidationError: what is stored is something else.
        AWSError: it cannot be read.
    """
    paths, plan = request.paths, request.plan
    if isinstance(paths, S3Path):
        paths = [parse_data_path(path) for path in read_list(paths)]
    if isinstance(plan, S3Path):
        plan = [PlannedPath.from_dict(planned) for planned in read_list(plan)]
    return paths, plan


def removal_guard_for(paths: Iterable[DataPath]) -> RemovalGuard:
    """Return what must not be removed; where EFS is mounted is looked up if a path is on EFS.

    Raises:
        ValueError: a root that is configured is not an absolute path.
        AWSError: the mount points cannot be asked for.
    """
    if not any(isinstance(path, EFSPath) for path in paths):
        return find_removal_guard()
    from aibs_informatics_aws_lambda.storage.mount_discovery import find_mount_points

    return find_removal_guard(find_mount_points())
