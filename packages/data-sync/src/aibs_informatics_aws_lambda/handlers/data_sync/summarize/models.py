"""Request and response of the summary of batches."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchDataSyncResponse,
    BatchDataSyncResult,
)
from aibs_informatics_aws_lambda.storage.data_sync.stored_lists import ResponseByReference
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from pydantic import Field


class SummarizeBatchDataSyncRequest(ResponseByReference):
    """Results of batches."""

    responses: list[BatchDataSyncResponse] = Field([])
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
