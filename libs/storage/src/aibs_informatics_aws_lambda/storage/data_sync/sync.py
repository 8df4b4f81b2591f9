"""Request and response of a sync."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# defaults are data that it validates: a model that is made alone needs a validator of its own.

import re
from typing import Annotated, Any, Literal, TypeAlias

from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from ..paths import DataPath, EFSOrLocalPath
from .filters import DataSyncFilterConfig

# Below this, a number is a length of time and no time: 1973 as seconds since 1970.
_LONGEST_SECONDS = 1e8


def _parse_deadline(value: Any) -> Any:
    seconds = _as_number(value)
    if seconds is None:
        return value
    if not 0 <= seconds < _LONGEST_SECONDS:
        raise ValueError(f"expected seconds from now, below {_LONGEST_SECONDS:.0f}, or a time")
    return seconds


def _parse_max_delete(value: Any) -> int | float | str:
    number = _as_number(value)
    if number is not None and number >= 0 and (number < 1 or number.is_integer()):
        return number if 0 < number < 1 else int(number)
    if isinstance(value, str) and _PERCENTAGE.fullmatch(value):
        return value
    raise ValueError('expected a number of items, or a share such as 0.05 or "5%"')


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


_PERCENTAGE = re.compile(r"\d{1,3}(\.\d+)?%")

Deadline: TypeAlias = Annotated[
    float | Literal["auto"] | AwareIsoDateTime,
    BeforeValidator(_parse_deadline),
]
"""When to stop: seconds from the start of the call, a time, or ``auto``, which is shortly before
the Lambda function ends, and never outside of Lambda."""

MaxDelete: TypeAlias = Annotated[
    int | float | str,
    PlainValidator(_parse_max_delete),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}),
]
"""A number of items, or a share of those at the destination, as in ``0.05`` or ``"5%"``."""


class RemoteToLocalConfig(PydanticBaseModel):
    """Where a single object is staged on its way to a local file."""

    use_custom_tmp_dir: bool = False
    custom_tmp_dir: EFSOrLocalPath | None = Field(
        None, description="by default the mount point of the destination"
    )


class DataSyncConfig(PydanticBaseModel):
    """How data are synced, whatever they are."""

    max_concurrency: int = Field(25, ge=1, description="transfers at a time")
    retain_source_data: bool = Field(
        True, description="false: what was synced is removed at the source"
    )
    delete: bool = Field(
        True, description="remove at the destination what the filtered source does not have"
    )
    require_lock: bool = Field(
        False, description="S3 to local: one sync of a destination at a time"
    )
    force: bool = Field(False, description="transfer whatever the destination holds")
    size_only: bool = Field(False, description="leave the checksum out of the decision")
    fail_if_missing: bool = True
    include_detailed_response: bool = Field(
        False, description="write a report of each item, and answer where it is"
    )
    remote_to_local_config: RemoteToLocalConfig = Field({}, validate_default=True)
    dry_run: bool | None = Field(
        None, description="true: count what a sync would do, and change nothing"
    )
    verify: bool | None = Field(
        None, description="true: compare both sides by their content, and change nothing"
    )
    report_path: DataPath | None = Field(
        None, description="where a report of each item is written, as JSON Lines"
    )
    max_delete: MaxDelete | None = Field(
        None,
        description="refuse to sync if more than this number, or share, would be deleted",
    )
    protect_excluded: bool | None = Field(
        None, description="true: what filters leave out is not deleted at the destination"
    )
    fsync: bool | None = Field(
        None, description="true: local files are on the disk before they are in their place"
    )
    deadline: Deadline | None = Field(
        None,
        description="stop then, and answer how to go on: a time, seconds, or auto for the end of "
        "the Lambda function",
    )


class DataSyncTask(PydanticBaseModel):
    """What is synced, and where to."""

    source_path: DataPath
    destination_path: DataPath
    source_path_prefix: str | None = Field(
        None, description="S3 to S3: cut off source keys instead of the source path itself"
    )
    filter_config: DataSyncFilterConfig | None = None
    filter_root: str | None = Field(
        None, description="what patterns are relative to; by default the source path"
    )


class DataSyncCounts(PydanticBaseModel):
    """What was moved, and what was there already."""

    bytes_transferred: int = 0
    files_transferred: int = 0
    files_unchanged: int = 0
    bytes_unchanged: int = 0
    files_deleted: int = Field(0, description="at the destination")
    bytes_deleted: int = 0
    files_removed: int = Field(0, description="at the source")


class Verification(PydanticBaseModel):
    """How the destination compares with the source."""

    files_equal: int = 0
    files_different: int = 0
    files_missing: int = Field(0, description="at the destination")
    files_extra: int = Field(0, description="at the destination, and not at the source")


class SyncContinuation(PydanticBaseModel):
    """How far a sync has come that has stopped at its deadline."""

    calls: int = Field(0, ge=0, description="how many there were so far")
    through: str | None = Field(
        None, description="the path below the destination up to which everything is done"
    )
    only_removes: bool = Field(
        False, description="all is at the destination; the source is being removed"
    )
    counts: DataSyncCounts = Field({}, validate_default=True, description="of the calls so far")
    verification: Verification | None = Field(None, description="of the calls so far")


class DataSyncRequest(DataSyncConfig, DataSyncTask):
    """One sync."""

    continuation: SyncContinuation | None = Field(
        None, description="what the previous call of the same sync has answered"
    )


class DataSyncResult(DataSyncCounts):
    """What one sync has done, with the calls that it continues."""

    details: DataPath | None = Field(None, description="where the report of each item is")
    verification: Verification | None = Field(None, description="what verify has found")


class DataSyncResponse(PydanticBaseModel):
    """A sync that was done: the request with its defaults, and its result."""

    request: DataSyncRequest
    result: DataSyncResult
    incomplete: bool | None = Field(
        None, description="true: the deadline came first; send the request again to go on"
    )
    continuation: SyncContinuation | None = Field(
        None, description="the field of that name in the request to go on with"
    )
