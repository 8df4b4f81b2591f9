"""Requests and responses of the handlers of this package."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, TypeAlias

from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync import (
    AnswerByReference,
    BatchDataSyncRequest,
    BatchDataSyncResponse,
    BatchDataSyncResult,
    DataSyncConfig,
    DataSyncCounts,
    DataSyncFilterConfig,
    DataSyncRequest,
    DataSyncResponse,
    DataSyncResult,
    DataSyncTask,
    GetJSONFromFileRequest,
    GetJSONFromFileResponse,
    ListOrLocation,
    Patterns,
    PlannedPath,
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
    PutJSONToFileRequest,
    PutJSONToFileResponse,
    RemoteToLocalConfig,
    RemoveDataPathsRequest,
    RemoveDataPathsResponse,
)
from aibs_informatics_aws_lambda.storage.paths import DataPath
from pydantic import AfterValidator, BeforeValidator, Field

__all__ = [
    "AnswerByReference",
    "BatchDataSyncRequest",
    "BatchDataSyncResponse",
    "BatchDataSyncResult",
    "DataPath",
    "DataPathStats",
    "DataSyncConfig",
    "DataSyncCounts",
    "DataSyncFilterConfig",
    "DataSyncRequest",
    "DataSyncResponse",
    "DataSyncResult",
    "DataSyncTask",
    "FailedBatch",
    "GetDataPathStatsRequest",
    "GetDataPathStatsResponse",
    "GetJSONFromFileRequest",
    "GetJSONFromFileResponse",
    "ListDataPathsRequest",
    "ListDataPathsResponse",
    "OutdatedDataPathScannerRequest",
    "OutdatedDataPathScannerResponse",
    "PlannedPath",
    "PrepareBatchDataSyncRequest",
    "PrepareBatchDataSyncResponse",
    "PutJSONToFileRequest",
    "PutJSONToFileResponse",
    "RemoteToLocalConfig",
    "RemoveDataPathsRequest",
    "RemoveDataPathsResponse",
    "SummarizeBatchDataSyncRequest",
    "SummarizeBatchDataSyncResponse",
]


class DataPathStats(PydanticBaseModel):
    """The files at a path, summed up."""

    size_bytes: int
    object_count: int
    last_modified: AwareIsoDateTime = Field(description="of the latest; 1970 if there is none")


class GetDataPathStatsRequest(PydanticBaseModel):
    """What to sum up."""

    path: DataPath


class GetDataPathStatsResponse(PydanticBaseModel):
    """What there is at the path: S3 paths are written as keys, without the bucket."""

    path: str
    path_stats: DataPathStats
    children: dict[str, DataPathStats] = Field(description="immediate ones, by name")


class ListDataPathsRequest(AnswerByReference):
    """What to list, and which of it."""

    path: DataPath
    include: Patterns | None = Field(
        None, description="regular expressions, one of which must match from the start"
    )
    exclude: Patterns | None = Field(None, description="none of which may match from the start")


class ListDataPathsResponse(PydanticBaseModel):
    """Paths, sorted; folders end in a slash, and S3 paths are keys without the bucket."""

    paths: ListOrLocation[str]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a time, got a boolean")
    return value


def _as_utc(time: dt.datetime) -> dt.datetime:
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


Time: TypeAlias = Annotated[dt.datetime, BeforeValidator(_refuse_boolean), AfterValidator(_as_utc)]
"""ISO 8601 text, by default UTC, or seconds since 1970; large numbers are milliseconds."""


class OutdatedDataPathScannerRequest(AnswerByReference):
    """What is stale: in spite of the names, by the time of the last modification."""

    path: DataPath
    days_since_last_accessed: float = Field(0, description="what is older is stale")
    min_depth: int | None = Field(
        None, description="folders above are not returned as a whole; the path has depth 0"
    )
    max_depth: int | None = Field(
        None, description="what lies deeper is not looked at, unless all above it is stale"
    )
    min_size_bytes_allowed: int = Field(
        0, description="stop as soon as no more than this is left over"
    )
    current_time: Time = Field(default_factory=_now)
    with_plan: bool = Field(
        False, description="tell what a removal can check the paths by; not for S3"
    )


class OutdatedDataPathScannerResponse(PydanticBaseModel):
    """Stale paths, sorted; folders end in a slash, and S3 paths are keys without the bucket."""

    paths: ListOrLocation[str]
    plan: ListOrLocation[PlannedPath] | None = None


class SummarizeBatchDataSyncRequest(AnswerByReference):
    """Answers of batches to add up."""

    responses: list[BatchDataSyncResponse] = Field(default_factory=list)
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
