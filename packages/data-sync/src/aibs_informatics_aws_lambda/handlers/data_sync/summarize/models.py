"""Request and response of the handler that adds up what batches have done."""

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
    """Answers of batches to add up."""

    responses: list[BatchDataSyncResponse] = Field([])
    results_path: S3Path | None = Field(
        None,
        description="manifest.json that the Distributed Map of a state machine has written, or "
        "the prefix that it writes to",
    )


class FailedBatch(PydanticBaseModel):
    """A batch that has failed, or was not begun."""

    requests: S3Path | None = Field(None, description="where its requests are stored")
    error: str = Field(description="the name of the error")
    cause: str


class SummarizeBatchDataSyncResponse(PydanticBaseModel):
    """What all batches have done together."""

    result: BatchDataSyncResult
    total_batches_count: int
    failed_batches_count: int
    failed_batches: list[FailedBatch] = Field(description="the first 20")
    failed_requests: list[DataSyncRequest] = Field(
        description="the first 20, with all those of batches that have failed"
    )
    failed_requests_path: S3Path | None = Field(
        None, description="where all of them are: requests for BatchDataSync"
    )
    error: str | None = Field(None, description="that of the first batch that has failed")
    cause: str | None = Field(None, description="how many batches have failed, and why")
