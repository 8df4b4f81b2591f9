"""The handler that runs a batch of syncs."""

from __future__ import annotations

from contextlib import closing

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchDataSyncRequest,
    BatchDataSyncResponse,
)

from .metrics import emit_result
from .settings import SYNC_VARIABLES
from .syncs import IAM_ACTIONS, logged_progress, make_engine, summary_fields


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
        iam_actions=IAM_ACTIONS,
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

        with closing(logged_progress(self)) as progress:
            response = sync_batch(make_engine(self, progress), request)
        result = response.result
        failed = result.failed_requests_count
        self.log.info(
            "%s: %s of %s syncs succeeded, %s failed, %s files transferred",
            "Stopped at the deadline" if response.incomplete else "Synced a batch",
            result.successful_requests_count,
            result.total_requests_count,
            failed,
            result.files_transferred,
            extra=summary_fields(
                result, progress, incomplete=bool(response.incomplete), syncs_failed=failed
            ),
        )
        emit_result(
            self,
            result,
            seconds=progress.seconds_elapsed,
            syncs_failed=failed,
            is_incomplete=bool(response.incomplete),
        )
        return response

    @classmethod
    def partly_failed(cls, response: JSON) -> bool:
        """Return whether a response reports failed syncs."""
        return isinstance(response, dict) and bool(response.get("failed_requests"))
