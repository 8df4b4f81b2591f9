"""The handler that splits a sync into batches."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.s3 import S3Path, upload_json
from aibs_informatics_aws_lambda.storage.data_sync import batch as models
from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..settings import DEFAULT_BUCKET_NAME_ENV_VAR, LOCK_ROOT_KEY, SYNC_VARIABLES
from ..stored_lists import store_list
from .packing import S, pack

if TYPE_CHECKING:
    from ..local.walk import BegunWalk
    from ..s3.client import S3
    from ..tree import Node
    from .split import SubRequests


# Enough to store ten thousand batches within a minute.
_PARALLEL_UPLOADS = 16


class PrepareBatchDataSyncHandler(
    LambdaHandler[models.PrepareBatchDataSyncRequest, models.PrepareBatchDataSyncResponse]
):
    """Split one sync into batches of limited size."""

    DEFAULT_SOFT_MAX_BYTES: ClassVar = 250 * 2**30
    DEFAULT_MAX_CONCURRENT_BATCHES: ClassVar = 40

    description = HandlerDescription(
        example={
            "source_path": "s3://bucket/run-1/",
            "destination_path": "/mnt/efs/run-1",
            "batch_size_bytes_limit": 10 * 2**30,
            "temporary_request_payload_path": "s3://bucket/scratch/run-1/",
        },
        environment={
            name: meaning
            for name, meaning in SYNC_VARIABLES.items()
            if name not in (LOCK_ROOT_KEY, DEFAULT_BUCKET_NAME_ENV_VAR)
        },
        iam_actions=("s3:GetObject", "s3:ListBucket", "s3:PutObject"),
        effect="none",
        output_fields=("response_path", "temporary_request_payload_path"),
        limits=(
            "The parts, and those of open folders, are held in memory: about 250 bytes each.",
            "The response of a Lambda function is limited to 6 MB, about 10,000 requests: store "
            "more with `response_path`.",
        ),
        cost="S3: one LIST request per 1,000 objects of the source, unless an inventory lists it, "
        "and with `delete` of the destination; one PUT request per stored document.",
    )

    def handle(
        self, request: models.PrepareBatchDataSyncRequest
    ) -> models.PrepareBatchDataSyncResponse:
        """List the source and return the batches. Nothing is synced.

        With ``delete`` the destination is listed too, for extraneous files outside of the parts.

        Raises:
            ValueError: the request or a source name is invalid, or the filters exclude all files.
            OSError: a local source cannot be read.
            AWSError: a request to S3 failed.
        """
        if request.switch:
            raise ValueError(
                "switch is for one sync: each part would be switched by itself, and readers would "
                "see a mixture of parts. Use DataSync with switch, with a deadline and its "
                "continuations if it takes long, or prepare a sync to a new folder"
            )
        with ExitStack() as stack:
            # It goes on while the modules are imported.
            begun = _begin_walk(request, stack)
            from .extraneous import DestinationCheck, deletion_requests
            from .limits import BatchLimits
            from .split import find_parts

            limits = BatchLimits(
                request.batch_size_bytes_limit or self.DEFAULT_SOFT_MAX_BYTES,
                request.batch_object_count_limit,
                request.batch_seconds_limit,
            )
            make_s3 = partial(_make_s3, request.max_concurrency, request.source_connection)
            destination = DestinationCheck(request)
            on_split = destination.begin
            parts = find_parts(request, limits, make_s3, on_split=on_split, begun=begun)
        syncs = _sub_requests(request)
        split = syncs.split(parts)
        batches = limits.pack(split.parallel)
        self.log.info(
            "Split %s into %s parts in %s batches", request.source_path, len(parts), len(batches)
        )
        requests = [[syncs.part(node, split) for node in batch] for batch in batches]
        deletions = deletion_requests(request, split.deleting(), destination)
        requests += [[deletion] for deletion in deletions]
        # Alone, what finishes the stores is a batch like others: a Map reads one item at least.
        is_final_apart = bool(split.final and requests)
        if split.final:
            requests.append([syncs.finish(node) for node in split.final])
        made = _batches(requests, request)
        if split.final:
            # After a sync that failed, further entry files may name what has not arrived.
            made[-1].allow_partial_failure = False
        response = models.PrepareBatchDataSyncResponse(
            requests=store_list(made, request.response_path, "requests"),
            final_batch=made[-1] if is_final_apart else None,
        )
        if request.response_path is not None:
            response.parallel_batches = len(requests) - is_final_apart
            # For the state machine that maps over the stored list.
            concurrent = request.max_concurrent_batches
            response.max_concurrent_batches = (
                self.DEFAULT_MAX_CONCURRENT_BATCHES if concurrent is None else concurrent
            )
            response.tolerated_failure_percentage = request.tolerated_failure_percentage or 0.0
        return response

    def validate_filters_supported(self, request: models.PrepareBatchDataSyncRequest) -> None:
        """Check that filters are supported between the locations of a request.

        Raises:
            ValueError: they are not.
        """
        from ..locations import find_root
        from ..sync.filters import check_filters_supported

        check_filters_supported(
            request.filter_config,
            find_root(request.source_path),
            find_root(request.destination_path),
        )

    @classmethod
    def build_source_path(
        cls, request: models.PrepareBatchDataSyncRequest, node: Node
    ) -> DataLocation:
        """Return the source path of a part."""
        return _sub_requests(request).source_path(node)

    @classmethod
    def build_destination_path(
        cls, request: models.PrepareBatchDataSyncRequest, node: Node
    ) -> DataLocation:
        """Return the destination path of a part."""
        return _sub_requests(request).destination_path(node)

    @classmethod
    def build_node_batches(
        cls, nodes: Iterable[S], batch_size_bytes_limit: int | None = None
    ) -> list[list[S]]:
        """Return batches of nodes that have a ``size_bytes``; see `packing.pack`."""
        return pack(nodes, batch_size_bytes_limit or cls.DEFAULT_SOFT_MAX_BYTES)


def _begin_walk(request: models.PrepareBatchDataSyncRequest, stack: ExitStack) -> BegunWalk | None:
    """Begin to walk a local source, if it is the source that is listed."""
    if request.files_from is not None or request.inventory is not None:
        return None
    from ..locations import resolve

    source = resolve(request.source_path)
    if not isinstance(source, Path):
        return None
    from ..local.walk import list_source
    from ..local.walk_process import begin_walk

    return begin_walk(source, partial(list_source, source), stack)


def _make_s3(connections: int, connection: S3Connection | None) -> S3:
    from ..s3.client import S3

    return S3(connections, connection)


def _sub_requests(request: models.PrepareBatchDataSyncRequest) -> SubRequests:
    from .split import SubRequests

    return SubRequests(request)


def _batches(
    batches: list[list[DataSyncRequest]], request: models.PrepareBatchDataSyncRequest
) -> list[models.BatchDataSyncRequest]:
    """Return the batches. If the request names a location, their syncs are stored there."""
    partial_failure = bool(request.allow_partial_failure)
    location = request.temporary_request_payload_path
    lists: Iterable[list[DataSyncRequest] | S3Path] = batches
    if location is not None:
        from concurrent.futures import ThreadPoolExecutor

        locations = [batch_location(location, number) for number in range(len(batches))]
        with ThreadPoolExecutor(_PARALLEL_UPLOADS) as pool:
            lists = list(pool.map(_store, batches, locations))
    return [
        models.BatchDataSyncRequest(requests=syncs, allow_partial_failure=partial_failure)
        for syncs in lists
    ]


def _store(syncs: list[DataSyncRequest], location: S3Path) -> S3Path:
    upload_json([sync.to_dict() for sync in syncs], location)
    return location


def batch_location(folder: S3Path, number: int) -> S3Path:
    """Return the location of the stored syncs of a batch."""
    return folder / f"request_{number}.json"
