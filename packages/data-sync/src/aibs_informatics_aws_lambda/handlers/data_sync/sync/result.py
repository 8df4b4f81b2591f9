"""The result of a sync, with a continuation if the deadline passed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.storage.locations import DataLocation

from .failures import FailedFile, Failures
from .request import SyncRequest, as_model
from .resumption import Resumption

if TYPE_CHECKING:
    # Not at run time: the command starts without models.
    from aibs_informatics_aws_lambda.storage.data_sync import sync as models


@dataclass
class Counts:
    """What `DataSyncCounts` has: numbers of files, and their sizes in bytes."""

    bytes_transferred: int = 0
    files_transferred: int = 0
    files_unchanged: int = 0
    bytes_unchanged: int = 0
    files_deleted: int = 0
    bytes_deleted: int = 0
    files_removed: int = 0
    files_backed_up: int | None = None
    files_archived: int | None = None
    bytes_archived: int | None = None
    files_vanished: int | None = None


@dataclass
class Comparison:
    """What `Verification` has: numbers of files by how both sides compare."""

    files_equal: int = 0
    files_different: int = 0
    files_missing: int = 0
    files_extra: int = 0
    files_promised: int | None = None
    promised_missing: int | None = None
    metadata_damaged: int | None = None


@dataclass
class SyncResult(Counts):
    """What `DataSyncResult` has: the counts of a sync, and what else there is to say of it."""

    files_failed: int | None = None
    failed_files: list[FailedFile] | None = None
    details: DataLocation | None = None
    verification: Comparison | None = None
    stores: list[models.SyncedStore] | None = None
    store_count: int | None = None
    damaged_metadata: list[str] | None = None


@dataclass(eq=False, repr=False)
class SyncResponse:
    """What `DataSyncResponse` has: the request of a sync, and its result.

    Args:
        request: the request.
        result: the result, including the calls that it continues.
        continuation: the progress, if the sync stopped at its deadline.
    """

    request: SyncRequest
    result: SyncResult
    continuation: models.SyncContinuation | None = None

    @property
    def incomplete(self) -> bool:
        """Whether the sync stopped at its deadline."""
        return self.continuation is not None

    def to_model(self) -> models.DataSyncResponse:
        """Return the response of a handler."""
        from aibs_informatics_aws_lambda.storage.data_sync import sync as models

        result = dict(vars(self.result))
        if self.result.verification:
            result["verification"] = models.Verification(**vars(self.result.verification))
        if self.result.failed_files:
            files = [models.FailedFile(**file._asdict()) for file in self.result.failed_files]
            result["failed_files"] = files
        # Not validated: a cold start would build the validator first.
        return models.DataSyncResponse.model_construct(
            request=as_model(self.request),
            result=models.DataSyncResult.model_construct(**result),
            incomplete=self.incomplete or None,
            continuation=self.continuation,
        )


@dataclass(eq=False, repr=False)
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

    counts: Counts = field(default_factory=Counts)
    verification: Comparison = field(default_factory=Comparison)
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
    request: SyncRequest,
    outcome: Outcome,
    details: DataLocation | None,
    failures: Failures | None = None,
) -> SyncResponse:
    """Return the response to a request.

    Args:
        request: the request.
        outcome: the outcome of this call.
        details: the location of the report, if there is one.
        failures: the files that could not be synced, if the sync went on after them.

    Raises:
        NoProgressError: nothing was done in this call.
    """
    before = request.continuation
    if not outcome.is_complete and not _has_come_further(outcome, before):
        raise NoProgressError(
            f"the deadline passed before {outcome.unfinished or request.destination_path} was "
            "done: allow more time, or run the sync where there is no limit, such as in AWS Batch"
        )
    counts = replace(outcome.counts)
    comparison = replace(outcome.verification) if request.verify else None
    if before is not None:
        add_counts(counts, before.counts)
        # Each call finds all of them again.
        counts.files_archived = outcome.counts.files_archived
        counts.bytes_archived = outcome.counts.bytes_archived
        if comparison and before.verification:
            add_counts(comparison, before.verification)
    result = SyncResult(**vars(counts), details=details, verification=comparison)
    if failures is not None and failures.count:
        result.files_failed, result.failed_files = failures.count, failures.listed
    if outcome.is_complete:
        return SyncResponse(request, result)
    return SyncResponse(request, result, _continuation(outcome, before, counts, comparison))


def _continuation(
    outcome: Outcome,
    before: models.SyncContinuation | None,
    counts: Counts,
    comparison: Comparison | None,
) -> models.SyncContinuation:
    from aibs_informatics_aws_lambda.storage.data_sync import sync as models

    return models.SyncContinuation(
        calls=(before.calls if before else 0) + 1,
        through=outcome.resumption.through,
        started=outcome.resumption.started,
        unfinished=sorted(outcome.resumption.unfinished) or None,
        compared=outcome.resumption.compared,
        entry_files_through=outcome.entry_files_through,
        only_removes=outcome.only_removes,
        counts=as_counts_model(counts),
        verification=comparison and models.Verification(**vars(comparison)),
    )


def find_resumption(continuation: models.SyncContinuation) -> Resumption:
    """Return the point at which a continued sync resumes."""
    return Resumption(
        continuation.through,
        continuation.started,
        frozenset(continuation.unfinished or ()),
        continuation.compared,
    )


def _has_come_further(outcome: Outcome, before: models.SyncContinuation | None) -> bool:
    counts = outcome.counts
    return (
        outcome.carries
        or any((counts.files_transferred, counts.files_deleted, counts.files_removed))
        or outcome.resumption != (find_resumption(before) if before else Resumption())
        or outcome.entry_files_through != (before.entry_files_through if before else None)
        or outcome.only_removes != (before.only_removes if before else False)
    )


def as_counts_model(counts: Counts) -> models.DataSyncCounts:
    """Return counts, of a result too, as a model."""
    from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncCounts

    return DataSyncCounts(**{name: getattr(counts, name) for name in _names(Counts)})


def add_counts(
    total: Counts | Comparison | models.DataSyncCounts,
    counts: Counts | Comparison | models.DataSyncCounts | models.Verification,
) -> None:
    """Add counts to a total of the same kind."""
    for name in _names(Comparison if isinstance(total, Comparison) else Counts):
        added = getattr(counts, name)
        if added is not None:
            setattr(total, name, (getattr(total, name) or 0) + added)


def _names(kind: type[Counts | Comparison]) -> list[str]:
    return [counted.name for counted in fields(kind)]
