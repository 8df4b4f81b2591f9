"""The handler that adds up what batches have done."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.json_io import JSON, parse_json
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchDataSyncRequest,
    BatchDataSyncResponse,
    BatchDataSyncResult,
    RequestsOrLocation,
)
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..stored_lists import store_list
from ..sync.result import add_counts, read_requests
from .map_results import ChildResult, read_map_results
from .models import FailedBatch, SummarizeBatchDataSyncRequest, SummarizeBatchDataSyncResponse

logger = logging.getLogger(__name__)

# An answer must fit into 256 KiB: twenty requests with the longest keys take 60.
_SHOWN: Final = 20
_LONGEST_CAUSE: Final = 1000

# The requests of ten thousand batches that failed are read within a minute.
_READ_AT_A_TIME: Final = 16


class SummarizeBatchDataSyncHandler(
    LambdaHandler[SummarizeBatchDataSyncRequest, SummarizeBatchDataSyncResponse]
):
    """Add up what batches of syncs have done, and name the syncs that failed."""

    description = HandlerDescription(
        example={
            "results_path": "s3://bucket/scratch/run-1/results/manifest.json",
            "response_path": "s3://bucket/scratch/run-1/summary/",
        },
        iam_actions=("s3:ListBucket", "s3:GetObject", "s3:PutObject"),
    )

    def handle(self, request: SummarizeBatchDataSyncRequest) -> SummarizeBatchDataSyncResponse:
        """Return the sums.

        Raises:
            ValidationError: what is stored is not what a Distributed Map of batches writes.
            AWSError: S3 refuses or cannot be reached, or nothing was written there.
        """
        children = () if request.results_path is None else read_map_results(request.results_path)
        with ThreadPoolExecutor(_READ_AT_A_TIME) as pool:
            outcomes = [
                *map(_outcome_of_answer, request.responses),
                *pool.map(_outcome_of_child, children),
            ]
        failed = [outcome.failure for outcome in outcomes if outcome.failure]
        requests = [sync for outcome in outcomes for sync in outcome.failed_requests]
        where = None
        if requests and request.response_path is not None:
            where = store_list(requests, request.response_path, "failed_requests")
        self.log.info(
            "%s of %s batches failed, and %s requests", len(failed), len(outcomes), len(requests)
        )
        return SummarizeBatchDataSyncResponse(
            result=_sum(outcome.result for outcome in outcomes),
            total_batches_count=len(outcomes),
            failed_batches_count=len(failed),
            failed_batches=failed[:_SHOWN],
            failed_requests=requests[:_SHOWN],
            failed_requests_path=where,
            error=failed[0].error if failed else None,
            cause=_explain(failed, len(outcomes), where) if failed else None,
        )


class _Outcome(NamedTuple):
    result: BatchDataSyncResult
    failed_requests: list[DataSyncRequest]
    failure: FailedBatch | None = None


def _outcome_of_answer(answer: BatchDataSyncResponse) -> _Outcome:
    return _Outcome(answer.result, answer.failed_requests)


def _outcome_of_child(child: ChildResult) -> _Outcome:
    if child.succeeded:
        return _outcome_of_answer(BatchDataSyncResponse.from_dict(child.output))
    batch = BatchDataSyncRequest.from_dict(child.input) if child.input else None
    location = batch.requests if batch and isinstance(batch.requests, S3Path) else None
    syncs = _read(batch.requests) if batch else []
    return _Outcome(
        BatchDataSyncResult(total_requests_count=len(syncs), failed_requests_count=len(syncs)),
        syncs,
        FailedBatch(requests=location, error=child.error, cause=_in_brief(child.cause)),
    )


def _read(requests: RequestsOrLocation) -> list[DataSyncRequest]:
    """Return the syncs of a batch that has failed; some may be done: to repeat them moves nothing.

    None, if they cannot be read: that may be why it has failed, and the batch is named anyway.
    """
    try:
        return read_requests(requests)
    except (AWSError, ValueError) as error:
        logger.warning("The requests of a batch that has failed are unknown: %s", error)
        return []


def _sum(results: Iterable[BatchDataSyncResult]) -> BatchDataSyncResult:
    total = BatchDataSyncResult()
    for result in results:
        add_counts(total, result)
        total.total_requests_count += result.total_requests_count
        total.successful_requests_count += result.successful_requests_count
        total.failed_requests_count += result.failed_requests_count
    return total


def _explain(failed: list[FailedBatch], total: int, where: object) -> str:
    first = failed[0]
    location = f" of {first.requests}" if first.requests else ""
    advice = f" What is to be repeated is in {where}: requests for BatchDataSync." if where else ""
    return f"{len(failed)} of {total} batches failed.{advice} The first{location}: {first.cause}"


def _in_brief(cause: str) -> str:
    """Return what a person wants to read of a cause: those of Lambda and Batch are JSON."""
    try:
        document = parse_json(cause)
    except ValueError:
        document = None
    text = "; ".join(_messages(document)) or cause
    return text if len(text) <= _LONGEST_CAUSE else f"{text[:_LONGEST_CAUSE]}..."


def _messages(document: JSON) -> Iterator[str]:
    if not isinstance(document, dict):
        return
    container = document.get("Container") or {}
    found = {
        "": document.get("errorMessage") or document.get("StatusReason"),
        "job ": document.get("JobId"),
        "log stream ": container.get("LogStreamName"),
        "exit code ": container.get("ExitCode"),
    }
    yield from (f"{label}{value}" for label, value in found.items() if value)
