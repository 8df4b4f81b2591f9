"""Requests and responses of batches of syncs, and of what prepares them."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# empty lists are defaults, which it copies: a factory's signature takes it milliseconds to find.

from typing import Any, TypeAlias

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Field, model_validator

from .stored_lists import ListOrLocation, ResponseByReference
from .sync import DataSyncCounts, DataSyncRequest, Deadline, SyncContinuation

RequestsOrLocation: TypeAlias = ListOrLocation[DataSyncRequest]
"""Syncs, or the S3 URI of a JSON list of them."""


class PrepareBatchDataSyncRequest(DataSyncRequest, ResponseByReference):
    """One sync that is to be divided into batches."""

    batch_size_bytes_limit: int | None = Field(
        None, ge=0, description="of one batch; by default, and for 0, 250 GiB"
    )
    temporary_request_payload_path: S3Path | None = Field(
        None, description="prefix at which the requests of batches are stored"
    )
    allow_partial_failure: bool | None = Field(
        None, description="handed on to the batches; by default false"
    )
    max_concurrent_batches: int | None = Field(
        None, ge=0, description="how many batches a state machine runs at a time; 0: no limit"
    )
    tolerated_failure_percentage: float | None = Field(
        None, ge=0, le=100, description="of batches that may fail before a state machine does"
    )


class BatchDataSyncResult(DataSyncCounts):
    """Sums over the syncs of a batch that succeeded, and how many did."""

    total_requests_count: int = 0
    successful_requests_count: int = 0
    failed_requests_count: int = 0


class BatchContinuation(PydanticBaseModel):
    """How far a batch has come that has stopped at its deadline."""

    requests_done: int = Field(ge=0, description="how many syncs are done with, from the first on")
    sync: SyncContinuation | None = Field(None, description="how far the next one has come")
    result: BatchDataSyncResult = Field(description="of the calls so far")
    failed_requests: list[int] = Field([], description="which syncs have failed, counted from 0")


class BatchDataSyncRequest(PydanticBaseModel):
    """Syncs that run one after the other.

    The fields of one `DataSyncRequest` in place of ``requests`` are a batch of that one.
    """

    requests: RequestsOrLocation
    allow_partial_failure: bool = Field(
        False, description="go on after a sync that failed, and answer which did"
    )
    deadline: Deadline | None = Field(None, description="of the whole batch, as that of a sync")
    continuation: BatchContinuation | None = Field(
        None, description="what the previous call of the same batch has answered"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_single_request(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "requests" in data or not _names_paths(data):
            return data
        # That of a batch, as its answers are a batch's.
        sync = {name: value for name, value in data.items() if name != "continuation"}
        return {**data, "requests": [sync]}


def _names_paths(data: dict[str, Any]) -> bool:
    names = {"source_path", "sourcePath", "destination_path", "destinationPath"}
    return not names.isdisjoint(data)


class BatchDataSyncResponse(PydanticBaseModel):
    """A batch that was done, with the syncs that failed."""

    result: BatchDataSyncResult
    failed_requests: list[DataSyncRequest] = Field([])
    incomplete: bool | None = Field(
        None, description="true: the deadline came first; send the request again to go on"
    )
    continuation: BatchContinuation | None = Field(
        None, description="the field of that name in the request to go on with"
    )


class PrepareBatchDataSyncResponse(PydanticBaseModel):
    """The batches that a sync was divided into."""

    requests: ListOrLocation[BatchDataSyncRequest]
    max_concurrent_batches: int | None = Field(
        None, description="beside stored requests: that of the request, or its default"
    )
    tolerated_failure_percentage: float | None = Field(
        None, description="beside stored requests: that of the request, or its default"
    )
