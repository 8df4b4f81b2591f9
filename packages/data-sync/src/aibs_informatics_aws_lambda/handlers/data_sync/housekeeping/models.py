"""Requests and responses of the handlers that look at files and objects."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

import datetime as dt
from typing import Annotated, Any, TypeAlias

from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from aibs_informatics_aws_lambda.storage.data_sync.filters import Patterns
from aibs_informatics_aws_lambda.storage.data_sync.removals import PlannedPath
from aibs_informatics_aws_lambda.storage.data_sync.stored_lists import (
    ListOrLocation,
    ResponseByReference,
)
from aibs_informatics_aws_lambda.storage.paths import DataPath
from pydantic import AfterValidator, BeforeValidator, Field


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


class ListDataPathsRequest(ResponseByReference):
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


class OutdatedDataPathScannerRequest(ResponseByReference):
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
