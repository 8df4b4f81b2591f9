"""Handlers that look at files and objects, and that remove old files."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.removals import (
    PlannedPath,
    RemoveDataPathsRequest,
    RemoveDataPathsResponse,
)
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.mount_variables import EFS_MOUNT_VARIABLES
from aibs_informatics_aws_lambda.storage.paths import DataLocation, DataPath

from .entries import Entry
from .housekeeping import stale
from .housekeeping.contents import Names, find_contents
from .housekeeping.models import (
    DataPathStats,
    GetDataPathStatsRequest,
    GetDataPathStatsResponse,
    ListDataPathsRequest,
    ListDataPathsResponse,
    OutdatedDataPathScannerRequest,
    OutdatedDataPathScannerResponse,
)
from .housekeeping.removal_requests import read_removal, removal_guard_for
from .local.delete import ROOTS_KEY, TreeStat, remove_tree, stat_tree
from .locations import resolve
from .stored_lists import store_list
from .sync.filters import compile_patterns
from .tree import Coverage, Node, NodeFilter, fold, node_of


class GetDataPathStatsHandler(LambdaHandler[GetDataPathStatsRequest, GetDataPathStatsResponse]):
    """Sum up what is at a path, and in each of its immediate children."""

    description = HandlerDescription(
        example={"path": "/mnt/efs/run-1"},
        environment=EFS_MOUNT_VARIABLES,
        iam_actions=("s3:ListBucket",),
    )

    def handle(self, request: GetDataPathStatsRequest) -> GetDataPathStatsResponse:
        """Return sizes, counts and times; all of them zero where there is nothing.

        Raises:
            ValueError: the EFS file system is not mounted here.
            OSError: a local path cannot be read.
            AWSError: S3 refuses or cannot be reached, or has no such bucket.
        """
        found, names = find_contents(request.path), Names(request.path)
        root, children = fold(
            chain([found.single] if found.single else [], found.below),
            lambda node: Coverage.WHOLE if node.depth == 1 else Coverage.NOTHING,
            lambda node: node.kind == "entry" and node.depth == 1,
        )
        by_name = {child.relative.removesuffix("/"): child for child in children}
        is_efs_folder = isinstance(request.path, EFSPath) and children
        return GetDataPathStatsResponse(
            path=names.folder() if is_efs_folder else _without_slash(request.path, names.root()),
            path_stats=_stats(root),
            children={name: _stats(child) for name, child in by_name.items()},
        )


class ListDataPathsHandler(LambdaHandler[ListDataPathsRequest, ListDataPathsResponse]):
    """List all files and folders at a path."""

    description = HandlerDescription(
        example={"path": "s3://bucket/run-1/", "include": r".*\.csv", "exclude": "scratch/"},
        environment=EFS_MOUNT_VARIABLES,
        iam_actions=("s3:ListBucket", "s3:PutObject"),
    )

    def handle(self, request: ListDataPathsRequest) -> ListDataPathsResponse:
        """Return the paths, sorted; that of a folder ends in a slash.

        Raises:
            ValueError: a pattern is no regular expression, or the EFS file system is not mounted.
            OSError: a local path cannot be read.
            AWSError: S3 refuses or cannot be reached, or has no such bucket.
        """
        selects, names = _name_filter(request), Names(request.path)
        found = find_contents(request.path)
        root, nodes = fold(
            found.below,
            lambda node: Coverage.BOTH if selects(node) else Coverage.PARTS,
            lambda node: node.kind == "entry" and selects(node),
        )
        if root.object_count:
            nodes.append(root)
        if found.single or not root.object_count:
            nodes.append(node_of(found.single or Entry("", 0, 0.0)))
        paths = {names.of(node) for node in nodes if node.relative or selects(node)}
        return ListDataPathsResponse(
            paths=store_list(sorted(paths), request.response_path, "paths")
        )


class OutdatedDataPathScannerHandler(
    LambdaHandler[OutdatedDataPathScannerRequest, OutdatedDataPathScannerResponse]
):
    """Find files and folders that have not been modified for long; remove nothing."""

    description = HandlerDescription(
        example={
            "path": "/mnt/efs/scratch",
            "days_since_last_accessed": 14,
            "min_depth": 1,
            "with_plan": True,
        },
        environment=EFS_MOUNT_VARIABLES,
        iam_actions=("s3:ListBucket", "s3:PutObject"),
    )

    def handle(self, request: OutdatedDataPathScannerRequest) -> OutdatedDataPathScannerResponse:
        """Return what is to be removed, sorted.

        Raises:
            ValueError: the EFS file system is not mounted here.
            OSError: a local path cannot be read.
            AWSError: S3 refuses or cannot be reached, or has no such bucket.
        """
        days = request.days_since_last_accessed
        rules = stale.Rules(
            modified_before=request.current_time.timestamp() - days * 86400,
            min_depth=request.min_depth,
            max_depth=request.max_depth,
            min_size_bytes=request.min_size_bytes_allowed,
        )
        found, names = find_contents(request.path), Names(request.path)
        if found.single and not found.below:
            nodes = stale.find_stale_item(found.single, rules)
        else:
            entries = chain([found.single] if found.single else [], found.below)
            nodes = stale.find_stale(entries, rules)
        by_path = {names.of(node): node for node in nodes}
        self.log.info("Found %s stale paths in %s", len(by_path), request.path)
        location = request.response_path
        if not request.with_plan:
            return OutdatedDataPathScannerResponse(
                paths=store_list(sorted(by_path), location, "paths")
            )
        plan = _plan(request.path, by_path)
        return OutdatedDataPathScannerResponse(
            paths=store_list(list(plan), location, "paths"),
            plan=store_list(list(plan.values()), location, "plan"),
        )


class RemoveDataPathsHandler(LambdaHandler[RemoveDataPathsRequest, RemoveDataPathsResponse]):
    """Remove files and folders from EFS and local disks."""

    description = HandlerDescription(
        example={"paths": ["/mnt/efs/scratch/run-1", "efs://fs-0123456789abcdef0:/scratch/run-2"]},
        environment={
            ROOTS_KEY: "folders, with ':' in between, below which things may be removed; "
            "without it, anywhere",
            **EFS_MOUNT_VARIABLES,
        },
        iam_actions=("s3:GetObject", "s3:PutObject"),
    )

    def handle(self, request: RemoveDataPathsRequest) -> RemoveDataPathsResponse:
        """Remove the paths in order, and return what was removed.

        Raises:
            ValueError: a path must not be removed, is not in the plan, or is of an EFS file system
                that is not mounted here; nothing was removed.
            OSError: something cannot be removed; the message names the path. Earlier ones stay
                removed.
        """
        paths, plan = read_removal(request)
        planned = _by_local_path(plan)
        targets = self._check(paths, planned)
        size, removed, changed = 0, [], []
        for path, real in targets:
            found = _measured(path, real)
            if found and planned is not None and not _is_as_planned(found, planned[path]):
                self.log.warning("%s has changed since it was planned to go: it stays", path)
                changed.append(path)
                continue
            if found:
                _removed(path, real, found)
                size += found.size_bytes
            removed.append(path)
        self.log.info("Removed %s paths with %s bytes", len(removed), size)
        location = request.response_path
        return RemoveDataPathsResponse(
            size_bytes_removed=size,
            paths_removed=store_list(removed, location, "paths_removed"),
            paths_changed=None
            if planned is None
            else store_list(changed, location, "paths_changed"),
        )

    def _check(
        self, paths: list[DataPath], planned: Mapping[Path, PlannedPath] | None
    ) -> list[tuple[Path, Path]]:
        """Return each local path, and the same with all links above it resolved."""
        for path in paths:
            if isinstance(path, S3Path):
                self.log.warning("%s is on S3, where nothing is removed: it is skipped", path)
        guard = removal_guard_for(paths)
        local = [path for path in map(resolve, paths) if not isinstance(path, S3Path)]
        for path in local:
            if planned is not None and path not in planned:
                raise ValueError(f"{path} is to be removed, but is not in the plan")
        return [(path, guard.check(path)) for path in local]


def _stats(node: Node) -> DataPathStats:
    return DataPathStats(
        size_bytes=node.size_bytes,
        object_count=node.object_count,
        last_modified=_as_time(node.last_modified),
    )


def _as_time(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _without_slash(path: DataLocation, text: str) -> str:
    return text if isinstance(path, EFSPath) else text.rstrip("/") or text


def _name_filter(request: ListDataPathsRequest) -> NodeFilter:
    include = compile_patterns(request.include, "include")
    exclude = compile_patterns(request.exclude, "exclude")

    def selects(node: Node) -> bool:
        path = node.relative.removesuffix("/") or "."
        if any(pattern.match(path) for pattern in exclude):
            return False
        return not include or any(pattern.match(path) for pattern in include)

    return selects


def _plan(root: DataLocation, nodes: dict[str, Node]) -> dict[str, PlannedPath]:
    """Return what tells later whether a path is still what it was; what is gone is left out."""
    location = resolve(root)
    if isinstance(location, S3Path):
        raise ValueError(f"{root} is on S3, where nothing is removed: give with_plan: false")
    plan = {}
    for path, node in sorted(nodes.items()):
        try:
            found = os.lstat(location / node.relative)
        except FileNotFoundError:
            continue
        plan[path] = PlannedPath(
            path=path, inode=found.st_ino, last_modified=_as_time(node.last_modified)
        )
    return plan


def _by_local_path(plan: Iterable[PlannedPath] | None) -> dict[Path, PlannedPath] | None:
    if plan is None:
        return None
    locations = ((resolve(planned.path), planned) for planned in plan)
    return {location: planned for location, planned in locations if isinstance(location, Path)}


def _is_as_planned(found: TreeStat, planned: PlannedPath) -> bool:
    return found.inode == planned.inode and _as_time(found.last_modified) <= planned.last_modified


def _measured(path: Path, real: Path) -> TreeStat | None:
    try:
        return stat_tree(real)
    except OSError as error:
        raise _named(error, path) from error


def _removed(path: Path, real: Path, found: TreeStat) -> None:
    try:
        remove_tree(real, found)
    except OSError as error:
        raise _named(error, path) from error


def _named(error: OSError, path: Path) -> OSError:
    return OSError(error.errno, f"cannot remove {path}: {error.strerror}", error.filename)
