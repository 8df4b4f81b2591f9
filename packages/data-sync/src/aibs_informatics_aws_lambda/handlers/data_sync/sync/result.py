"""The result of a sync, with a continuation if the time was up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync import sync as models
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..stored_lists import read_list
from .failures import Failures
from .resumption import Resumption

if TYPE_CHECKING:
    # Not for a single sync: models take milliseconds.
    from aibs_informatics_aws_lambda.storage.data_sync.batch import RequestsOrLocation


@dataclass
class Outcome:
    """The outcome of one call of a sync.

    Args:
        counts: entries transferred, unchanged and deleted.
        verification: how both sides compare, if that was asked for.
        is_complete: whether there was time for everything.
        resumption: what this call and those before it have done.
        entry_files_through: the entry file of a store up to which, in their order, all are done.
        unfinished: the first entry that is not done, for messages.
        archived: the first archived object that is left out, for messages.
        only_removes: whether nothing but the removal of the source is left to do.
        carries: whether unchanged objects were copied to a new prefix, and others are left.
    """

    counts: models.DataSyncCounts = field(default_factory=models.DataSyncCounts.model_construct)
    verification: models.Verification = field(default_factory=models.Verification.model_construct)
    is_complete: bool = True
    resumption: Resumption = field(default_factory=Resumption)
    entry_files_through: str | None = None
    unfinished: str = ""
    archived: str = ""
    only_removes: bool = False
    carries: bool = False


class NoProgressError(TimeoutError):
    """A sync stopped at its deadline before anything was done."""


def make_response(
    request: models.DataSyncRequest,
    outcome: Outcome,
    details: DataLocation | None,
    failures: Failures | None = None,
) -> models.DataSyncResponse:
    """Return the response to a request.

    Args:
        request: the request.
        outcome: the outcome of this call.
        details: the location of the report, if there is one.
        failures: the files that could not be synced, if the sync went on after them.

    Raises:
        NoProgressError: nothing was done in this call.
    """
    before = request.continuation or _no_continuation()
    if not outcome.is_complete and not _has_come_further(outcome, before):
        raise NoProgressError(
            f"the time was up before {outcome.unfinished or request.destination_path} was done: "
            "allow more time, or run the sync where there is no limit, such as in AWS Batch"
        )
    counts, verification = before.counts.model_copy(), None
    add_counts(counts, outcome.counts)
    # Each call finds all of them again.
    counts.files_archived = outcome.counts.files_archived
    counts.bytes_archived = outcome.counts.bytes_archived
    if request.verify:
        verification = (before.verification or models.Verification.model_construct()).model_copy()
        add_counts(verification, outcome.verification)
    # Not validated: the command shows a few fields, and would build the validator first.
    result = models.DataSyncResult.model_construct(
        **vars(counts), details=details, verification=verification
    )
    if failures is not None and failures.count:
        result.files_failed, result.failed_files = failures.count, failures.listed
    if outcome.is_complete:
        return models.DataSyncResponse.model_construct(request=request, result=result)
    continuation = models.SyncContinuation(
        calls=before.calls + 1,
        through=outcome.resumption.through,
        started=outcome.resumption.started,
        unfinished=sorted(outcome.resumption.unfinished) or None,
        compared=outcome.resumption.compared,
        entry_files_through=outcome.entry_files_through,
        only_removes=outcome.only_removes,
        counts=counts,
        verification=verification,
    )
    return models.DataSyncResponse(
        request=request, result=result, incomplete=True, continuation=continuation
    )


def _no_continuation() -> models.SyncContinuation:
    counts = models.DataSyncCounts.model_construct()
    return models.SyncContinuation.model_construct(counts=counts)


def find_resumption(continuation: models.SyncContinuation) -> Resumption:
    """Return the point at which a continued sync resumes."""
    return Resumption(
        continuation.through,
        continuation.started,
        frozenset(continuation.unfinished or ()),
        continuation.compared,
    )


def _has_come_further(outcome: Outcome, before: models.SyncContinuation) -> bool:
    counts = outcome.counts
    return (
        outcome.carries
        or any((counts.files_transferred, counts.files_deleted, counts.files_removed))
        or outcome.resumption != find_resumption(before)
        or outcome.entry_files_through != before.entry_files_through
        or outcome.only_removes != before.only_removes
    )


def read_requests(requests: RequestsOrLocation) -> list[models.DataSyncRequest]:
    """Return the syncs of a batch, which may be stored in S3.

    Raises:
        ValidationError: the stored document is not a list of syncs.
        AWSError: the document cannot be read.
    """
    if not isinstance(requests, S3Path):
        return requests
    return [models.DataSyncRequest.from_dict(request) for request in read_list(requests)]


Counts = TypeVar("Counts", models.DataSyncCounts, models.Verification)


def add_counts(total: Counts, counts: Counts) -> None:
    """Add counts to a total."""
    kind = (
        models.DataSyncCounts if isinstance(total, models.DataSyncCounts) else models.Verification
    )
    for name in kind.model_fields:
        added = getattr(counts, name)
        if added is not None:
            setattr(total, name, (getattr(total, name) or 0) + added)
