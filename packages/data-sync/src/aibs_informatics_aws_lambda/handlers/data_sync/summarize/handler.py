"""The handler that summarizes the results of batches."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.json_io import JSON, parse_json
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync import batch as models
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

from ..stored_lists import read_requests, store_list
from ..sync.result import add_counts
from .map_results import ChildResult, read_map_results
from .models import FailedBatch, SummarizeBatchDataSyncRequest, SummarizeBatchDataSyncResponse

logger = logging.getLogger(__name__)

# A response must fit into 256 KiB: twenty requests with the longest keys take 60.
_MAX_SHOWN = 20
_MAX_CAUSE_LENGTH = 1000

UNFINISHED: Final = "the entry files of stores are not synced, as other syncs have failed"
"""The cause of the failure of a final batch that was not run."""

# Enough to read the requests of ten thousand failed batches within a minute.
_PARALLEL_READS = 16


class SummarizeBatchDataSyncHandler(
    LambdaHandler[SummarizeBatchDataSyncRequest, SummarizeBatchDataSyncResponse]
):
    """Sum up the results of batches of syncs, and list the failed syncs."""

    description = HandlerDescription(
        example={
            "results_path": "s3://bucket/scratch/run-1/results/manifest.json",
            "response_path": "s3://bucket/scratch/run-1/summary/",
        },
        iam_actions=("s3:ListBucket", "s3:GetObject", "s3:PutObject"),
        effect="none",
        output_fields=("response_path",),
        limits=(
            "The response has the first 20 failed batches and requests; `response_path` stores "
            "all failed requests.",
        ),
        cost="S3: one GET request per result file, one LIST request per 1,000 of them, and one "
        "PUT request if requests have failed.",
    )

    def handle(self, request: SummarizeBatchDataSyncRequest) -> SummarizeBatchDataSyncResponse:
        """Return the total counts, the failed batches and the failed syncs.

        Raises:
            ValidationError: the stored results are not those of a Distributed Map of batches.
            AWSError: there are no results, or a request to S3 failed.
        """
        children = () if request.results_path is None else read_map_results(request.results_path)
        final = request.prepared.final_batch if request.prepared else None
        return summarize(request.responses, children, request.response_path, final)


def summarize(
    responses: Iterable[models.BatchDataSyncResponse],
    children: Iterable[ChildResult],
    folder: S3Path | None,
    final: models.BatchDataSyncRequest | None = None,
) -> SummarizeBatchDataSyncResponse:
    """Return the total counts, the failed batches and the failed syncs.

    Args:
        responses: the responses of batches.
        children: the results of further batches.
        folder: the S3 prefix at which all failed syncs are stored, if there are some.
        final: the batch that is run only if no sync has failed.

    Raises:
        AWSError: a request to S3 failed.
    """
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        summaries = [
            *map(_summary_of_response, responses),
            *pool.map(_summary_of_child, children),
        ]
    if final and any(summary.failed_requests or summary.failure for summary in summaries):
        summaries.append(_summary_of_unfinished(final))
    failed = [summary.failure for summary in summaries if summary.failure]
    requests = [sync for summary in summaries for sync in summary.failed_requests]
    location = None
    if requests and folder is not None:
        location = store_list(requests, folder, "failed_requests")
    logger.info(
        "%s of %s batches failed, and %s requests", len(failed), len(summaries), len(requests)
    )
    return SummarizeBatchDataSyncResponse(
        result=_sum(summary.result for summary in summaries),
        total_batches_count=len(summaries),
        failed_batches_count=len(failed),
        failed_batches=failed[:_MAX_SHOWN],
        failed_requests=requests[:_MAX_SHOWN],
        failed_requests_path=location,
        error=failed[0].error if failed else None,
        cause=_explain(failed, len(summaries), location) if failed else None,
    )


class _BatchSummary(NamedTuple):
    result: models.BatchDataSyncResult
    failed_requests: list[DataSyncRequest]
    failure: FailedBatch | None = None


def _summary_of_response(response: models.BatchDataSyncResponse) -> _BatchSummary:
    return _BatchSummary(response.result, response.failed_requests)


def _summary_of_child(child: ChildResult) -> _BatchSummary:
    if child.succeeded:
        return _summary_of_response(models.BatchDataSyncResponse.from_dict(child.output))
    batch = models.BatchDataSyncRequest.from_dict(child.input) if child.input else None
    return _summary_of_failure(batch, child.error, _in_brief(child.cause))


def _summary_of_unfinished(final: models.BatchDataSyncRequest) -> _BatchSummary:
    return _summary_of_failure(final, "NotStarted", UNFINISHED)


def _summary_of_failure(
    batch: models.BatchDataSyncRequest | None, error: str, cause: str
) -> _BatchSummary:
    location = batch.requests if batch and isinstance(batch.requests, S3Path) else None
    syncs = _read(batch.requests) if batch else []
    return _BatchSummary(
        models.BatchDataSyncResult(
            total_requests_count=len(syncs), failed_requests_count=len(syncs)
        ),
        syncs,
        FailedBatch(requests=location, error=error, cause=cause),
    )


def _read(requests: models.RequestsOrLocation) -> list[DataSyncRequest]:
    """Return the syncs of a failed batch. Some may have succeeded: repeating them is harmless.

    The list is empty if it cannot be read, which may be why the batch failed.
    """
    try:
        return read_requests(requests)
    except (AWSError, ValueError) as error:
        logger.warning("cannot read the requests of a failed batch: %s", error)
        return []


def _sum(results: Iterable[models.BatchDataSyncResult]) -> models.BatchDataSyncResult:
    total = models.BatchDataSyncResult()
    for result in results:
        add_counts(total, result)
        total.total_requests_count += result.total_requests_count
        total.successful_requests_count += result.successful_requests_count
        total.failed_requests_count += result.failed_requests_count
    return total


def _explain(failed: list[FailedBatch], total: int, stored: object) -> str:
    first = failed[0]
    batch = f" ({first.requests})" if first.requests else ""
    advice = f" Retry the requests in {stored} with BatchDataSync." if stored else ""
    return f"{len(failed)} of {total} batches failed.{advice} The first{batch}: {first.cause}"


def _in_brief(cause: str) -> str:
    """Return the readable part of a cause: Lambda and Batch give JSON."""
    try:
        document = parse_json(cause)
    except ValueError:
        document = None
    text = "; ".join(_messages(document)) or cause
    return text if len(text) <= _MAX_CAUSE_LENGTH else f"{text[:_MAX_CAUSE_LENGTH]}..."


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
