"""Removal requests: their paths, and which of them may be removed."""

from collections.abc import Container, Iterable
from pathlib import Path

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import (
    PlannedPath,
    RemoveDataPathsRequest,
    parse_removable_path,
)
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.paths import DataPath

from ..local.delete import RemovalGuard, TreeStat, find_removal_guard, remove_tree, stat_tree
from ..locations import resolve
from ..stored_lists import read_list


def read_removal(
    request: RemoveDataPathsRequest,
) -> tuple[list[DataPath], list[PlannedPath] | None]:
    """Return the paths and the plan of a request. Stored lists are read from S3.

    Raises:
        ValidationError: a stored list is invalid.
        AWSError: a stored list cannot be read.
    """
    paths, plan = request.paths, request.plan
    if isinstance(paths, S3Path):
        paths = [parse_removable_path(path) for path in read_list(paths)]
    if isinstance(plan, S3Path):
        plan = [PlannedPath.from_dict(planned) for planned in read_list(plan)]
    return paths, plan


def find_removal_guard_for(paths: Iterable[DataPath]) -> RemovalGuard:
    """Return the removal guard. EFS mount points are looked up only if a path is on EFS.

    Raises:
        ValueError: a configured root is not an absolute path.
        AWSError: the mount points cannot be looked up.
    """
    if not any(isinstance(path, EFSPath) for path in paths):
        return find_removal_guard()
    from aibs_informatics_aws_lambda.storage.mount_discovery import find_mount_points

    return find_removal_guard(find_mount_points())


def check_removal(
    paths: Iterable[DataPath], planned: Container[Path] | None
) -> list[tuple[Path, Path]]:
    """Return each path as a local path, and that path with symbolic links above it resolved.

    Args:
        paths: the paths; those on S3 are left out.
        planned: the paths that may be removed; `None` for any.

    Raises:
        ValueError: a path must not be removed, is not planned, or is on an EFS file system that is
            not mounted.
    """
    paths = list(paths)
    guard = find_removal_guard_for(paths)
    local = [path for path in map(resolve, paths) if not isinstance(path, S3Path)]
    for path in local:
        if planned is not None and path not in planned:
            raise ValueError(f"cannot remove {path}: the plan does not contain it")
    return [(path, guard.check(path)) for path in local]


def stat_path(path: Path, real: Path) -> TreeStat | None:
    """Return the stat of a path returned by `check_removal`, or `None` if it does not exist.

    Raises:
        OSError: it cannot be read; the message names the path.
    """
    try:
        if ".." in path.parts and not exists(path):
            # Of a/../b, b is resolved although a does not exist.
            return None
        return stat_tree(real)
    except OSError as error:
        raise _cannot_remove(path, error) from error


def remove_path(path: Path, real: Path, found: TreeStat) -> None:
    """Remove a path returned by `check_removal`.

    Raises:
        OSError: it cannot be removed; the message names the path.
    """
    try:
        remove_tree(real, found)
    except OSError as error:
        raise _cannot_remove(path, error) from error


def exists(path: Path) -> bool:
    """Return whether there is a file, folder or symbolic link at a path.

    Raises:
        OSError: that cannot be told.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _cannot_remove(path: Path, error: OSError) -> OSError:
    below = None if error.filename == path.name else error.filename
    return OSError(error.errno, f"cannot remove {path}: {error.strerror}", below)
