"""Requests and responses of batches of syncs, and of their preparation."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# empty lists are defaults, which it copies: a factory's signature takes it milliseconds to find.

from typing import Any, TypeAlias

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Field, model_validator

from .stored_lists import ListOrLocation, ResponseByReference
from .sync import DataSyncCounts, DataSyncRequest, Deadline, SyncContinuation

RequestsOrLocation: TypeAlias = ListOrLocation[DataSyncRequest]
"""Sync requests, or the S3 URI of a JSON document that lists them."""


class PrepareBatchDataSyncRequest(DataSyncRequest, ResponseByReference):
    """A sync to split into batches."""

    batch_size_bytes_limit: int | None = Field(
        None, ge=0, description="maximum size of a batch in bytes; default, and for 0: 250 GiB"
    )
    batch_object_count_limit: int | None = Field(
        None, ge=1, description="maximum number of files in a batch; default: no limit"
    )
    batch_seconds_limit: float | None = Field(
        None,
        gt=0,
        description="maximum estimated duration of a batch, at 300 small files or 75 MB per "
        "second; default: no limit",
    )
    temporary_request_payload_path: S3Path | None = Field(
        None, description="S3 prefix for the requests of the batches"
    )
    allow_partial_failure: bool | None = Field(
        None, description="passed on to the batches; default: false"
    )
    max_concurrent_batches: int | None = Field(
        None, ge=0, description="batches that a state machine runs in parallel; 0: no limit"
    )
    tolerated_failure_percentage: float | None = Field(
        None,
        ge=0,
        le=100,
        description="share of batches that may fail without failing the state machine",
    )


class BatchDataSyncResult(DataSyncCounts):
    """Totals of the successful syncs of a batch, and the numbers of syncs."""

    total_requests_count: int = 0
    successful_requests_count: int = 0
    failed_requests_count: int = 0


class BatchContinuation(PydanticBaseModel):
    """The progress of a batch that stopped at its deadline."""

    requests_done: int = Field(ge=0, description="number of finished syncs, in their order")
    sync: SyncContinuation | None = Field(None, description="progress of the next sync")
    result: BatchDataSyncResult = Field(description="result so far")
    failed_requests: list[int] = Field([], description="indexes of failed syncs")


class BatchDataSyncRequest(PydanticBaseModel):
    """Syncs to run one after the other.

    The fields of a `DataSyncRequest` instead of ``requests`` make a batch of one sync.
    """

    requests: RequestsOrLocation
    allow_partial_failure: bool = Field(
        False, description="continue after a failed sync, and list it in the response"
    )
    deadline: Deadline | None = Field(None, description="deadline of the whole batch")
    continuation: BatchContinuation | None = Field(
        None, description="continuation from the previous response to the same batch"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_single_request(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "requests" in data or not _names_paths(data):
            return data
        # The continuation belongs to the batch, not to its only sync.
        sync = {name: value for name, value in data.items() if name != "continuation"}
        return {**data, "requests": [sync]}


def _names_paths(data: dict[str, Any]) -> bool:
    names = {"source_path", "sourcePath", "destination_path", "destinationPath"}
    return not names.isdisjoint(data)


class BatchDataSyncResponse(PydanticBaseModel):
    """The result of a batch, and the syncs that failed."""

    result: BatchDataSyncResult
    failed_requests: list[DataSyncRequest] = Field([])
    incomplete: bool | None = Field(
        None, description="true: stopped at the deadline; send the request again with continuation"
    )
    continuation: BatchContinuation | None = Field(
        None, description="value for the field of the same name in the next request"
    )


class PrepareBatchDataSyncResponse(PydanticBaseModel):
    """The batches of a sync."""

    requests: ListOrLocation[BatchDataSyncRequest]
    final_batch: BatchDataSyncRequest | None = Field(
        None,
        description="the last of requests, if it must not run before all others have succeeded: "
        "it syncs the entry files of stores that are split into several batches",
    )
    parallel_batches: int | None = Field(
        None, description="with stored requests: number of requests without the final batch"
    )
    max_concurrent_batches: int | None = Field(
        None, description="with stored requests: value from the request, or its default"
    )
    tolerated_failure_percentage: float | None = Field(
        None, description="with stored requests: value from the request, or its default"
    )
