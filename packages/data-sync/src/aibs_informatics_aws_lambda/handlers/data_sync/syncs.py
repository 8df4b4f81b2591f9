"""Handlers that run one sync, or a batch of syncs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchDataSyncRequest,
    BatchDataSyncResponse,
)
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest, DataSyncResponse

from .settings import SYNC_VARIABLES

if TYPE_CHECKING:
    from .sync.engine import Engine


_IAM_ACTIONS = (
    "s3:ListBucket",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
)


class DataSyncHandler(LambdaHandler[DataSyncRequest, DataSyncResponse]):
    """Sync files and objects between S3, EFS and local disks."""

    description = HandlerDescription(
        example={"source_path": "s3://bucket/run-1/", "destination_path": "/mnt/efs/run-1"},
        environment=SYNC_VARIABLES,
        iam_actions=_IAM_ACTIONS,
        output_fields=("report_path", "include_detailed_response"),
        limits=(
            "A Lambda function runs for up to 15 minutes: set `deadline` to `auto` and continue, "
            "split the sync into batches, or run it on AWS Batch.",
            "The plan of more than 10,000 files is kept on disk: about 200 bytes for each file to "
            "transfer, below `TMPDIR`.",
        ),
        cost="S3: one LIST request per 1,000 objects on each side, one PUT or GET request per "
        "file, and one per part of large files; a copy within S3 takes a HEAD request as well. "
        "Without changes, only the listing is charged.",
    )

    def handle(self, request: DataSyncRequest) -> DataSyncResponse:
        """Run one sync.

        Raises:
            FileNotFoundError: the source is missing, and ``fail_if_missing`` is set.
            ValueError: the request or a source name is invalid. Nothing was changed.
            OSError: a file cannot be read or written. Nothing was deleted.
            AWSError: a request to S3 failed.
        """
        response = _make_engine(self).sync(request)
        result = response.result
        self.log.info(
            "%s %s to %s: %s files transferred, %s unchanged, %s deleted",
            "Stopped at the deadline syncing" if response.incomplete else "Synced",
            request.source_path,
            request.destination_path,
            result.files_transferred,
            result.files_unchanged,
            result.files_deleted,
        )
        return response

    @classmethod
    def partly_failed(cls, response: JSON) -> bool:
        """Return whether a response reports failed files."""
        result = response.get("result") if isinstance(response, dict) else None
        return isinstance(result, dict) and bool(result.get("files_failed"))


class BatchDataSyncHandler(LambdaHandler[BatchDataSyncRequest, BatchDataSyncResponse]):
    """Run several syncs, one after another."""

    description = HandlerDescription(
        example={
            "requests": [
                {"source_path": "/mnt/efs/run-1", "destination_path": "s3://bucket/run-1/"},
                {"source_path": "/mnt/efs/run-2", "destination_path": "s3://bucket/run-2/"},
            ],
            "allow_partial_failure": True,
        },
        environment=SYNC_VARIABLES,
        iam_actions=_IAM_ACTIONS,
        limits=(
            "All syncs of a batch share the timeout of the function; with `deadline`, the "
            "response has a continuation.",
            "The response of a Lambda function is limited to 6 MB, and between states to 256 KiB: "
            "about 400 failed requests.",
        ),
        cost="As for each of its syncs.",
    )

    def handle(self, request: BatchDataSyncRequest) -> BatchDataSyncResponse:
        """Run the syncs in order.

        Raises:
            ValidationError: the stored requests are not a list of syncs. No sync was run.
            Exception: the error of the first failed sync, unless ``allow_partial_failure`` is set.
        """
        from .sync.batch import sync_batch

        return sync_batch(_make_engine(self), request)

    @classmethod
    def partly_failed(cls, response: JSON) -> bool:
        """Return whether a response reports failed syncs."""
        return isinstance(response, dict) and bool(response.get("failed_requests"))


def _make_engine(handler: LambdaHandler[Any, Any]) -> Engine:
    # Imported once the request is valid: it takes as long as all other imports together.
    from .sync.engine import Engine

    return Engine(
        # Runs that show their progress have it in their context.
        getattr(handler.context, "progress", None),
        seconds_left=lambda: handler.context.get_remaining_time_in_millis() / 1000,
    )
