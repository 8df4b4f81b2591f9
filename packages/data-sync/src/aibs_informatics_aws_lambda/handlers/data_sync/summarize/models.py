"""Request and response of the summary of batches."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchDataSyncRequest,
    BatchDataSyncResponse,
    BatchDataSyncResult,
)
from aibs_informatics_aws_lambda.storage.data_sync.stored_lists import ResponseByReference
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from pydantic import Field


class PreparedBatches(PydanticBaseModel):
    """What a preparation has left to do after all other batches."""

    final_batch: BatchDataSyncRequest | None = Field(
        None, description="batch that is run only if no other has failed"
    )


class SummarizeBatchDataSyncRequest(ResponseByReference):
    """Results of batches."""

    responses: list[BatchDataSyncResponse] = Field([])
    prepared: PreparedBatches | None = Field(
        None,
        description="response of PrepareBatchDataSync: its final batch, which was not run, "
        "counts as failed if another sync has failed",
    )
    results_path: S3Path | None = Field(
        None,
        description="manifest.json written by the Distributed Map of a state machine, or the "
        "prefix that it writes to",
    )


class FailedBatch(PydanticBaseModel):
    """A batch that failed or was not started."""

    requests: S3Path | None = Field(None, description="URI of its stored requests")
    error: str = Field(description="name of the error")
    cause: str


class SummarizeBatchDataSyncResponse(PydanticBaseModel):
    """Total result of all batches."""

    result: BatchDataSyncResult
    total_batches_count: int
    failed_batches_count: int
    failed_batches: list[FailedBatch] = Field(description="the first 20")
    failed_requests: list[DataSyncRequest] = Field(
        description="the first 20 failed syncs, including those of failed batches"
    )
    failed_requests_path: S3Path | None = Field(
        None, description="URI of all failed syncs, as requests of BatchDataSync"
    )
    error: str | None = Field(None, description="error of the first failed batch")
    cause: str | None = Field(
        None, description="number of failed batches, and the cause of the first"
    )
