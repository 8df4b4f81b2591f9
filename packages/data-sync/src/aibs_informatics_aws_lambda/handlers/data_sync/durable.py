"""A durable function that runs a sync of any length in batches, without a state machine.

It requires the extra ``durable``, which is imported when the function is first used. Each
invocation replays this code from its start: what depends on time, randomness or storage is done in
steps only, whose results are recorded.
https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html
"""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from aibs_informatics_aws_lambda.common import s3
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.storage.data_sync import batch as models
from pydantic import Field

from .prepare.handler import PrepareBatchDataSyncHandler, batch_location
from .summarize.handler import UNFINISHED, summarize
from .summarize.map_results import ChildResult

_ATTEMPTS = 4
_FIRST_WAIT_SECONDS = 10

# The shortest wait, which ends an invocation: the next one has the whole timeout again.
_WAIT_SECONDS = 1


def __getattr__(name: str) -> Any:
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from aws_durable_execution_sdk_python import durable_execution

    # The function that AWS Lambda calls.
    globals()["handler"] = durable_execution(sync_durably)
    return globals()["handler"]


class DurableDataSyncRequest(models.PrepareBatchDataSyncRequest):
    """A sync to run in batches."""

    temporary_request_payload_path: s3.S3Path = Field(
        description="S3 prefix for the lists of this execution; no other may use it"
    )
    max_concurrent_batches: int | None = Field(
        None, ge=1, description="batches that the function syncs at a time; default: 1"
    )


class BatchesFailedError(Exception):
    """More batches failed than are tolerated."""


class _Batch(NamedTuple):
    """A batch as all of its steps need it."""

    request: DurableDataSyncRequest
    number: int
    lambda_context: Any

    @property
    def requests(self) -> s3.S3Path:
        return batch_location(self.request.temporary_request_payload_path, self.number)


def sync_durably(event: JSONObject, context: Any) -> JSONObject:
    """Prepare batches, sync them, and sum up their results.

    Args:
        event: a `DurableDataSyncRequest`.
        context: the `DurableContext` of the execution.

    Returns:
        A `SummarizeBatchDataSyncResponse`.

    Raises:
        ValidationError: the event is not a valid request.
        BatchesFailedError: more batches failed than ``tolerated_failure_percentage`` allows.
        StepError: preparing or summarizing failed, also when repeated.
    """
    from aws_durable_execution_sdk_python import config

    request = DurableDataSyncRequest.from_dict(event)
    step = config.StepConfig(retry_strategy=decide_retry)
    count, total = context.step(lambda _: _prepare(request), "prepare", step)
    batches = context.map(
        list(range(count)),
        lambda child, number, *_: _sync(child, _Batch(request, number, context.lambda_context)),
        "batches",
        config.MapConfig(
            max_concurrency=request.max_concurrent_batches or 1,
            completion_config=config.CompletionConfig(
                tolerated_failure_percentage=request.tolerated_failure_percentage or 0
            ),
            # Half of the operations, whose number is limited and costs.
            nesting_type=config.NestingType.FLAT,
        ),
    )
    results = [_child_result(request, item) for item in batches.all]
    # Batches that were not started when too many others had failed.
    results += [
        ChildResult(False, _batch_input(request, number), None, "NotStarted", "too many failed")
        for number in range(len(results), count)
    ]
    failures = sum(not result.succeeded for result in results)
    if total > count:
        results.append(_finish(context, request, results))
    summary = context.step(lambda _: _summarize(request, results), "summarize", step)
    if failures > (request.tolerated_failure_percentage or 0) * count / 100:
        raise BatchesFailedError(summary["cause"])
    return dict(summary)


def decide_retry(error: Exception, attempts: int) -> Any:
    """Return whether a failed step is repeated, and after which time.

    Args:
        error: the error of the last attempt.
        attempts: the number of attempts so far.
    """
    from aws_durable_execution_sdk_python import config, retries

    if attempts >= _ATTEMPTS or _is_permanent(error):
        return retries.RetryDecision.no_retry()
    seconds = _FIRST_WAIT_SECONDS * 3 ** (attempts - 1)
    return retries.RetryDecision.retry(config.Duration.from_seconds(seconds))


def _is_permanent(error: Exception) -> bool:
    """Return whether an error is that of the request: repeating it fails alike."""
    if isinstance(error, AWSError):
        return isinstance(error, ResourceNotFoundError)
    return isinstance(error, ValueError | FileNotFoundError)


def _prepare(request: DurableDataSyncRequest) -> list[int]:
    """Store the syncs of each batch in S3, and return two numbers of batches.

    The first one is without the final batch, if there is one.
    """
    # The deadline is that of each step, and the batches are counted here.
    inline = request.model_copy(update={"deadline": None, "response_path": None})
    prepared = PrepareBatchDataSyncHandler().handle(inline)
    total = len(prepared.requests)
    return [total - (prepared.final_batch is not None), total]


def _finish(
    context: Any, request: DurableDataSyncRequest, results: Sequence[ChildResult]
) -> ChildResult:
    """Run the final batch, unless a sync has failed: it publishes what all have brought."""
    number = len(results)
    given = _batch_input(request, number)
    if any(not one.succeeded or one.output["failed_requests"] for one in results):
        return ChildResult(False, given, None, "NotStarted", UNFINISHED)
    strict = request.model_copy(update={"allow_partial_failure": False})
    batch = _Batch(strict, number, context.lambda_context)
    return ChildResult(True, given, _sync(context, batch), "", "")


def _sync(context: Any, batch: _Batch) -> JSONObject:
    """Sync a batch in as many invocations as it takes, and return its recorded result."""
    from aws_durable_execution_sdk_python import config

    step = config.StepConfig(retry_strategy=decide_retry)
    stored: str | None = None
    for call in itertools.count():
        run = partial(_sync_until_deadline, batch, call, stored)
        name = f"sync-{batch.number}-{call}"
        result: JSONObject = context.step(lambda _, run=run: run(), name, step)
        stored = result["continuation"]
        if stored is None:
            return result
        context.wait(
            config.Duration.from_seconds(_WAIT_SECONDS), f"continue-{batch.number}-{call}"
        )
    raise AssertionError("unreachable")


def _sync_until_deadline(batch: _Batch, call: int, stored: str | None) -> JSONObject:
    """Sync a batch as far as there is time.

    Lists are stored in S3, under names of this call: it may be interrupted and repeated.
    """
    from .sync.batch import sync_batch
    from .sync.engine import Engine

    request = models.BatchDataSyncRequest(
        requests=batch.requests,
        allow_partial_failure=bool(batch.request.allow_partial_failure),
        deadline=batch.request.deadline or "auto",
        continuation=_load_continuation(stored),
    )
    left = batch.lambda_context.get_remaining_time_in_millis
    response = sync_batch(Engine(seconds_left=lambda: left() / 1000), request)
    folder = batch.request.temporary_request_payload_path
    name = f"{batch.number}_{call}.json"
    continuation = failed = None
    if response.continuation:
        continuation = folder / f"continuation_{name}"
        s3.upload_json(response.continuation.to_dict(), continuation)
    elif response.failed_requests:
        failed = folder / f"failed_{name}"
        s3.upload_json([sync.to_dict() for sync in response.failed_requests], failed)
    return {
        "result": response.result.to_dict(),
        "failed_requests": failed and str(failed),
        "continuation": continuation and str(continuation),
    }


def _load_continuation(stored: str | None) -> models.BatchContinuation | None:
    if stored is None:
        return None
    return models.BatchContinuation.from_dict(s3.download_to_json_object(s3.S3Path(stored)))


def _child_result(request: DurableDataSyncRequest, item: Any) -> ChildResult:
    batch = _batch_input(request, item.index)
    if item.status.value == "SUCCEEDED":
        return ChildResult(True, batch, item.result, "", "")
    if item.error is None:
        return ChildResult(False, batch, None, "NotStarted", "too many batches failed")
    return ChildResult(False, batch, None, item.error.type or "Error", item.error.message or "")


def _batch_input(request: DurableDataSyncRequest, number: int) -> JSONObject:
    return {"requests": str(batch_location(request.temporary_request_payload_path, number))}


def _summarize(request: DurableDataSyncRequest, results: Sequence[ChildResult]) -> JSONObject:
    children = [result._replace(output=_response_of(result.output)) for result in results]
    folder = request.response_path or request.temporary_request_payload_path
    return summarize([], children, folder).to_dict()


def _response_of(output: Any) -> JSONObject | None:
    """Return the response of a batch, whose failed syncs may be stored in S3."""
    if output is None:
        return None
    stored = output["failed_requests"]
    failed = s3.download_to_json(s3.S3Path(stored)) if stored else []
    return {"result": output["result"], "failed_requests": failed}
