"""Requests and responses of the handlers that list and scan files and objects."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.filters import Patterns
from aibs_informatics_aws_lambda.storage.data_sync.removal_requests import PlannedPath
from aibs_informatics_aws_lambda.storage.data_sync.stored_lists import (
    ListOrLocation,
    ResponseByReference,
)
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.paths import DataPath
from aibs_informatics_aws_lambda.storage.regular_expressions import compile_expression
from pydantic import AfterValidator, BeforeValidator, Field


class DataPathStats(PydanticBaseModel):
    """Total size and count of the files at a path."""

    size_bytes: int
    object_count: int
    last_modified: AwareIsoDateTime = Field(description="of the newest file, else 1970")


class WithDataPath(PydanticBaseModel):
    """A path, and its value by kind of location."""

    path: DataPath

    @property
    def s3_path(self) -> S3Path | None:
        """The path, if it is an S3 URI."""
        return self.path if isinstance(self.path, S3Path) else None

    @property
    def efs_path(self) -> EFSPath | None:
        """The path, if it is an EFS path."""
        return self.path if isinstance(self.path, EFSPath) else None

    @property
    def local_path(self) -> Path | None:
        """The path, if it is a local path."""
        return self.path if isinstance(self.path, Path) else None


class GetDataPathStatsRequest(WithDataPath, ResponseByReference):
    """The path to sum up."""

    stores: bool | None = Field(
        None,
        description="true: return stores, such as Zarr arrays, at any depth, and no children",
    )
    inventory: DataPath | None = Field(
        None,
        description="manifest.json of an S3 Inventory report that lists the path, so that no "
        "LIST request does",
    )
    files_from: DataPath | None = Field(
        None,
        description="location of a list of paths, one a line, relative to the path: each is "
        "looked up, and nothing else is counted",
    )


class StoreStats(DataPathStats):
    """A store: a data set of many files, or a BAM, CRAM, VCF or FASTA file with its index."""

    path: str = Field(description="S3 URI or path")
    kind: str = Field(description="such as Zarr, OME-Zarr, Delta or BAM")
    version: str | None = Field(
        None, description="version of its format; of Delta: that of readers, a dot, of writers"
    )


class GetDataPathStatsResponse(PydanticBaseModel):
    """Stats of a path. S3 paths are keys without the bucket."""

    path: str
    path_stats: DataPathStats
    children: dict[str, DataPathStats] = Field(description="immediate children by name")
    stores: ListOrLocation[StoreStats] | None = Field(
        None, description="with stores: each store, which includes stores within it"
    )
    other_files: DataPathStats | None = Field(
        None, description="with stores: the files that are in no store"
    )


class ListDataPathsRequest(WithDataPath, ResponseByReference):
    """The path to list, and filters."""

    include: Patterns | None = Field(
        None, description="regular expressions, one of which must match from the start of a path"
    )
    exclude: Patterns | None = Field(
        None, description="regular expressions that must not match from the start of a path"
    )

    @property
    def include_patterns(self) -> list[re.Pattern[str]] | None:
        """The include patterns, compiled; `None` without any."""
        return _compiled(self.include)

    @property
    def exclude_patterns(self) -> list[re.Pattern[str]] | None:
        """The exclude patterns, compiled; `None` without any."""
        return _compiled(self.exclude)


def _compiled(patterns: Patterns | None) -> list[re.Pattern[str]] | None:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return [compile_expression(each, "the pattern") for each in listed] if listed else None


class ListDataPathsResponse(PydanticBaseModel):
    """Paths, sorted. Folders end in a slash; S3 paths are keys without the bucket."""

    paths: ListOrLocation[str]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a boolean is not a time")
    return value


def _as_utc(time: dt.datetime) -> dt.datetime:
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


Time: TypeAlias = Annotated[dt.datetime, BeforeValidator(_refuse_boolean), AfterValidator(_as_utc)]
"""ISO 8601, by default in UTC, or seconds since 1970; large numbers are milliseconds."""


class OutdatedDataPathScannerRequest(WithDataPath, ResponseByReference):
    """What counts as stale. Unlike the field names say, the modification time decides."""

    days_since_last_accessed: float = Field(
        0, description="age since the last modification, above which a path is stale"
    )
    min_depth: int | None = Field(
        None, description="folders above this depth are not returned; the path has depth 0"
    )
    max_depth: int | None = Field(
        None, description="folders at this depth that are not stale are not searched"
    )
    min_size_bytes_allowed: int = Field(
        0, description="stop once the remaining size is at or below this"
    )
    current_time: Time = Field(default_factory=_now)
    with_plan: bool = Field(
        False, description="return a plan, by which a removal detects changes; not for S3"
    )


class OutdatedDataPathScannerResponse(PydanticBaseModel):
    """Stale paths, sorted. Folders end in a slash; S3 paths are keys without the bucket."""

    paths: ListOrLocation[str]
    plan: ListOrLocation[PlannedPath] | None = None
