"""Batches of syncs: the requests, and the sums of what was done."""

from __future__ import annotations

from typing import TypeVar

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.references import read_list
from aibs_informatics_aws_lambda.storage.sync_batches import RequestsOrLocation
from aibs_informatics_aws_lambda.storage.syncs import DataSyncCounts, DataSyncRequest, Verification

__all__ = ["add_counts", "read_requests"]


def read_requests(requests: RequestsOrLocation) -> list[DataSyncRequest]:
    """Return the syncs of a batch, which may be stored in S3.

    Raises:
        ValidationError: what is stored is not a list of syncs.
        AWSError: it cannot be read.
    """
    if not isinstance(requests, S3Path):
        return requests
    return [DataSyncRequest.from_dict(entry) for entry in read_list(requests)]


Counts = TypeVar("Counts", DataSyncCounts, Verification)


def add_counts(total: Counts, counts: Counts) -> None:
    """Add counts to their sums."""
    kind = DataSyncCounts if isinstance(total, DataSyncCounts) else Verification
    for name in kind.model_fields:
        setattr(total, name, getattr(total, name) + getattr(counts, name))
