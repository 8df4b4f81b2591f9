"""Answers of syncs, with how to go on where the time was up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.batch import RequestsOrLocation
from aibs_informatics_aws_lambda.storage.data_sync.sync import (
    DataSyncCounts,
    DataSyncRequest,
    DataSyncResponse,
    DataSyncResult,
    SyncContinuation,
    Verification,
)
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ..stored_lists import read_list


@dataclass
class Outcome:
    """What a call of a sync has done.

    Args:
        counts: entries transferred, unchanged and deleted.
        verification: how both sides compare, if that was asked for.
        is_complete: whether there was time for everything.
        resume_after: the path below the destination up to which everything is done.
        unfinished: the first entry that is not done, for messages.
        only_removes: whether nothing but the removal of the source is left to do.
    """

    counts: DataSyncCounts = field(default_factory=DataSyncCounts)
    verification: Verification = field(default_factory=Verification)
    is_complete: bool = True
    resume_after: str | None = None
    unfinished: str = ""
    only_removes: bool = False


class NoProgressError(TimeoutError):
    """A sync has stopped at its deadline, and nothing was done by then."""


def make_response(
    request: DataSyncRequest, outcome: Outcome, details: DataLocation | None
) -> DataSyncResponse:
    """Return the answer to a request.

    Args:
        request: the request.
        outcome: what was done in this call.
        details: where the report is, if there is one.

    Raises:
        NoProgressError: there was no time for anything.
    """
    before = request.continuation or SyncContinuation()
    if not outcome.is_complete and not _has_come_further(outcome, before):
        raise NoProgressError(
            f"the time was up before {outcome.unfinished or request.destination_path} was done: "
            "give more time, or run this where there is no limit, such as AWS Batch"
        )
    counts, verification = before.counts.model_copy(), None
    add_counts(counts, outcome.counts)
    if request.verify:
        verification = (before.verification or Verification()).model_copy()
        add_counts(verification, outcome.verification)
    result = DataSyncResult(**counts.model_dump(), details=details, verification=verification)
    if outcome.is_complete:
        return DataSyncResponse(request=request, result=result)
    continuation = SyncContinuation(
        calls=before.calls + 1,
        through=outcome.resume_after,
        only_removes=outcome.only_removes,
        counts=counts,
        verification=verification,
    )
    return DataSyncResponse(
        request=request, result=result, incomplete=True, continuation=continuation
    )


def _has_come_further(outcome: Outcome, before: SyncContinuation) -> bool:
    counts = outcome.counts
    return (
        any((counts.files_transferred, counts.files_deleted, counts.files_removed))
        or outcome.resume_after != before.through
        or outcome.only_removes != before.only_removes
    )


def read_requests(requests: RequestsOrLocation) -> list[DataSyncRequest]:
    """Return the syncs of a batch, which may be stored in S3.

    Raises:
        ValidationError: what is stored is not a list of syncs.
        AWSError: it cannot be read.
    """
    if not isinstance(requests, S3Path):
        return requests
    return [DataSyncRequest.from_dict(request) for request in read_list(requests)]


Counts = TypeVar("Counts", DataSyncCounts, Verification)


def add_counts(total: Counts, counts: Counts) -> None:
    """Add counts to their sums."""
    kind = DataSyncCounts if isinstance(total, DataSyncCounts) else Verification
    for name in kind.model_fields:
        setattr(total, name, getattr(total, name) + getattr(counts, name))
