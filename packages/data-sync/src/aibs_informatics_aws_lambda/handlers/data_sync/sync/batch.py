"""Batches of syncs, one after the other, over the same connections."""

import logging
from collections.abc import Sequence

from aibs_informatics_aws_lambda.storage.data_sync import batch as models
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest, SyncContinuation

from ..stored_lists import read_requests
from .deadline import OutOfTimeError
from .engine import Engine
from .result import NoProgressError, add_counts

logger = logging.getLogger(__name__)


def sync_batch(
    engine: Engine, request: models.BatchDataSyncRequest
) -> models.BatchDataSyncResponse:
    """Run the syncs of a batch in order, as far as there is time.

    Raises:
        ValidationError: the stored requests are not a list of syncs; none was run.
        NoProgressError: the deadline passed before anything was done.
        Exception: that of the first sync that fails, unless ``allow_partial_failure`` is set.
    """
    syncs = read_requests(request.requests)
    budget = engine.budget(request.deadline)
    state = _state(request, len(syncs))
    first = state.requests_done
    for number in range(first, len(syncs)):
        sync = syncs[number].model_copy(update={"continuation": state.sync})
        try:
            budget.check_start()
            response = engine.sync(sync, budget)
        except (OutOfTimeError, NoProgressError) as error:
            if number > first:
                return _stopped(syncs, state, None)
            if isinstance(error, NoProgressError):
                raise
            raise NoProgressError(
                "the deadline passed before the batch began: allow more time"
            ) from None
        except Exception:
            if not request.allow_partial_failure:
                raise
            logger.exception("Sync of %s failed", sync.source_path)
            state.result.failed_requests_count += 1
            state.failed_requests.append(number)
        else:
            if response.continuation:
                return _stopped(syncs, state, response.continuation)
            add_counts(state.result, response.result)
            if response.result.files_failed:
                logger.error("Sync of %s failed for some files", sync.source_path)
                state.result.failed_requests_count += 1
                state.failed_requests.append(number)
            else:
                state.result.successful_requests_count += 1
        state.requests_done, state.sync = number + 1, None
    return models.BatchDataSyncResponse(result=state.result, failed_requests=_failed(syncs, state))


def _state(request: models.BatchDataSyncRequest, count: int) -> models.BatchContinuation:
    if request.continuation:
        return request.continuation.model_copy(deep=True)
    return models.BatchContinuation(
        requests_done=0, result=models.BatchDataSyncResult(total_requests_count=count)
    )


def _stopped(
    syncs: Sequence[DataSyncRequest],
    state: models.BatchContinuation,
    sync: SyncContinuation | None,
) -> models.BatchDataSyncResponse:
    """Return the response of a batch that another call continues, in the middle of ``sync``."""
    return models.BatchDataSyncResponse(
        result=state.result,
        failed_requests=_failed(syncs, state),
        incomplete=True,
        continuation=state.model_copy(update={"sync": sync}),
    )


def _failed(
    syncs: Sequence[DataSyncRequest], state: models.BatchContinuation
) -> list[DataSyncRequest]:
    return [syncs[number] for number in state.failed_requests]
