"""Handlers that list, scan and remove files and objects."""

from typing import TypeVar

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import (
    RemoveDataPathsRequest,
    RemoveDataPathsResponse,
)
from aibs_informatics_aws_lambda.storage.mount_variables import EFS_MOUNT_VARIABLES

# Part of the public names of this module; defined elsewhere.
from aibs_informatics_aws_lambda.storage.paths import DataPath as DataPath

from .housekeeping.contents import (
    find_chosen_contents,
    find_contents,
    list_nodes,
    sum_up_children,
)
from .housekeeping.models import (
    GetDataPathStatsRequest,
    GetDataPathStatsResponse,
    ListDataPathsRequest,
    ListDataPathsResponse,
    OutdatedDataPathScannerRequest,
    OutdatedDataPathScannerResponse,
)
from .housekeeping.node_paths import NodePaths
from .housekeeping.removal import check_removal, read_removal, remove_path, stat_path
from .housekeeping.removal_plan import is_unchanged, make_removal_plan, planned_by_path
from .housekeeping.stale import StalePolicy, find_stale
from .housekeeping.stats import make_stats_response
from .settings import REMOVE_VARIABLES
from .stored_lists import store_list
from .sync.filters import compile_patterns

_SECONDS_PER_DAY = 86400

FS = TypeVar("FS")
"""A type of file system, for annotations."""


class GetDataPathStatsHandler(LambdaHandler[GetDataPathStatsRequest, GetDataPathStatsResponse]):
    """Get the total size and number of files of a path and its immediate children."""

    description = HandlerDescription(
        example={"path": "/mnt/efs/run-1"},
        environment=EFS_MOUNT_VARIABLES,
        iam_actions=("s3:GetObject", "s3:ListBucket", "s3:PutObject"),
        effect="none",
        limits=(
            "The response has one entry per immediate child, and is limited to 6 MB for a Lambda "
            "function.",
        ),
        cost="S3: one LIST request per 1,000 objects, unless an inventory lists them; with "
        "`files_from` one HEAD request per object. Amazon EFS: reads of metadata.",
        output_fields=("response_path",),
    )

    def handle(self, request: GetDataPathStatsRequest) -> GetDataPathStatsResponse:
        """Return sizes, counts and times. They are zero for a missing path.

        Raises:
            ValueError: the EFS file system is not mounted, fields are mutually exclusive, or the
                inventory or the list of files cannot be used.
            OSError: a local path cannot be read, or a listed file does not exist.
            AWSError: the bucket does not exist, or a request to S3 failed.
        """
        ways = ("stores", "inventory", "files_from")
        given = [name for name in ways if getattr(request, name)]
        if len(given) > 1:
            raise ValueError(
                f"{' and '.join(given)} are mutually exclusive: leave one of them out"
            )
        if request.stores:
            # It reads entry files, for which listings have no use.
            from .housekeeping.stores import sum_up_stores

            return sum_up_stores(request)
        found = find_chosen_contents(request.path, request.inventory, request.files_from)
        return make_stats_response(request.path, *sum_up_children(found))


class ListDataPathsHandler(LambdaHandler[ListDataPathsRequest, ListDataPathsResponse]):
    """List all files and folders below a path."""

    description = HandlerDescription(
        example={"path": "s3://bucket/run-1/", "include": r".*\.csv", "exclude": "scratch/"},
        environment=EFS_MOUNT_VARIABLES,
        iam_actions=("s3:ListBucket", "s3:PutObject"),
        effect="none",
        output_fields=("response_path",),
        limits=(
            "The list is held in memory.",
            "The response of a Lambda function is limited to 6 MB: store longer lists with "
            "`response_path`.",
        ),
        cost="S3: one LIST request per 1,000 objects. Amazon EFS: reads of metadata.",
    )

    def handle(self, request: ListDataPathsRequest) -> ListDataPathsResponse:
        """Return the paths, sorted. Those of folders end in a slash.

        Raises:
            ValueError: a pattern is invalid, or the EFS file system is not mounted.
            OSError: a local path cannot be read.
            AWSError: the bucket does not exist, or a request to S3 failed.
        """
        include = compile_patterns(request.include, "include")
        exclude = compile_patterns(request.exclude, "exclude")
        nodes = list_nodes(find_contents(request.path), include, exclude)
        paths = sorted({NodePaths(request.path).of(node) for node in nodes})
        return ListDataPathsResponse(paths=store_list(paths, request.response_path, "paths"))


class OutdatedDataPathScannerHandler(
    LambdaHandler[OutdatedDataPathScannerRequest, OutdatedDataPathScannerResponse]
):
    """Find files and folders that have not been modified recently, without removing them."""

    description = HandlerDescription(
        example={
            "path": "/mnt/efs/scratch",
            "days_since_last_accessed": 14,
            "min_depth": 1,
            "with_plan": True,
        },
        environment=EFS_MOUNT_VARIABLES,
        iam_actions=("s3:ListBucket", "s3:PutObject"),
        effect="none",
        output_fields=("response_path",),
        limits=(
            "The response of a Lambda function is limited to 6 MB: store longer lists with "
            "`response_path`.",
            "Age is the time since the last modification.",
        ),
        cost="S3: one LIST request per 1,000 objects. Amazon EFS: reads of metadata.",
    )

    def handle(self, request: OutdatedDataPathScannerRequest) -> OutdatedDataPathScannerResponse:
        """Return the paths to remove, sorted.

        Raises:
            ValueError: the EFS file system is not mounted, or a plan is requested for S3.
            OSError: a local path cannot be read.
            AWSError: the bucket does not exist, or a request to S3 failed.
        """
        age = request.days_since_last_accessed * _SECONDS_PER_DAY
        policy = StalePolicy(
            modified_before=request.current_time.timestamp() - age,
            min_depth=request.min_depth,
            max_depth=request.max_depth,
            min_size_bytes=request.min_size_bytes_allowed,
        )
        paths = NodePaths(request.path)
        stale = {paths.of(node): node for node in find_stale(find_contents(request.path), policy)}
        self.log.info("Found %s stale paths in %s", len(stale), request.path)
        location = request.response_path
        if not request.with_plan:
            return OutdatedDataPathScannerResponse(
                paths=store_list(sorted(stale), location, "paths")
            )
        plan = make_removal_plan(request.path, stale)
        return OutdatedDataPathScannerResponse(
            paths=store_list(list(plan), location, "paths"),
            plan=store_list(list(plan.values()), location, "plan"),
        )


class RemoveDataPathsHandler(LambdaHandler[RemoveDataPathsRequest, RemoveDataPathsResponse]):
    """Remove files and folders from EFS and local disks."""

    description = HandlerDescription(
        example={"paths": ["/mnt/efs/scratch/run-1", "efs://fs-0123456789abcdef0:/scratch/run-2"]},
        environment=REMOVE_VARIABLES,
        iam_actions=("s3:GetObject", "s3:PutObject"),
        limits=(
            "Removes local and EFS paths; S3 URIs are skipped with a warning.",
            "A Lambda function runs for up to 15 minutes. If it is interrupted, repeat the "
            "request: missing paths are no error.",
        ),
        cost="Amazon EFS: metadata operations. S3: one GET or PUT request per stored list.",
    )

    def handle(self, request: RemoveDataPathsRequest) -> RemoveDataPathsResponse:
        """Remove the paths in order, and return those removed.

        Raises:
            ValueError: a path must not be removed, is missing from the plan, or is on an EFS file
                system that is not mounted. Nothing was removed.
            OSError: a path cannot be removed; the message names it. Earlier paths were removed.
        """
        paths, plan = read_removal(request)
        planned = None if plan is None else planned_by_path(plan)
        for path in paths:
            if isinstance(path, S3Path):
                self.log.warning("skipping %s: objects on S3 are not removed", path)
        size, removed, changed = 0, [], []
        for path, real in check_removal(paths, planned):
            found = stat_path(path, real)
            if found and planned is not None and not is_unchanged(found, planned[path]):
                self.log.warning("keeping %s: it has changed since it was planned", path)
                changed.append(path)
                continue
            if found:
                remove_path(path, real, found)
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
