"""Request and response of a data sync."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# defaults are data that it validates: a model that is made alone needs a validator of its own.

import re
from typing import Annotated, Any, Literal, TypeAlias

from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from ..paths import DataPath, EFSOrLocalPath
from .connection import S3Connection
from .filters import DataSyncFilterConfig
from .object_settings import ObjectSettings

# Smaller numbers are durations, larger ones times: 1e8 seconds since 1970 is in 1973.
_LONGEST_SECONDS = 1e8


def _parse_deadline(value: Any) -> Any:
    seconds = _as_number(value)
    if seconds is None:
        return value
    if not 0 <= seconds < _LONGEST_SECONDS:
        raise ValueError(
            f"not a time, nor a number of seconds from 0 to {_LONGEST_SECONDS:.0f} (exclusive)"
        )
    return seconds


def _parse_max_delete(value: Any) -> int | float | str:
    number = _as_number(value)
    if number is not None and number >= 0 and (number < 1 or number.is_integer()):
        return number if 0 < number < 1 else int(number)
    if isinstance(value, str) and re.fullmatch(_PERCENTAGE, value):
        return value
    raise ValueError('not a number of files, nor a share such as 0.05 or "5%"')


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


_PERCENTAGE = r"(\d{1,2}(\.\d+)?|100(\.0+)?)%"

Deadline: TypeAlias = Annotated[
    float | Literal["auto"] | AwareIsoDateTime,
    BeforeValidator(_parse_deadline),
]
"""When to stop: seconds from the start of the call, a time, or ``auto``: shortly before the Lambda
function times out, and never outside of Lambda."""

MaxDelete: TypeAlias = Annotated[
    int | float | str,
    PlainValidator(_parse_max_delete),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}),
]
"""A number of files, or a share of the files at the destination, such as ``0.05`` or ``"5%"``."""


DEFAULT_MAX_CONCURRENCY = 25


class RemoteToLocalConfig(PydanticBaseModel):
    """The staging directory for the download of a single object."""

    use_custom_tmp_dir: bool = False
    custom_tmp_dir: EFSOrLocalPath | None = Field(
        None, description="default: the mount point of the destination"
    )


class DataSyncConfig(PydanticBaseModel):
    """Options of a data sync."""

    max_concurrency: int = Field(
        DEFAULT_MAX_CONCURRENCY,
        ge=1,
        description="maximum number of parallel transfers; 25, the default, adapts up to 256",
    )
    retain_source_data: bool = Field(
        True, description="false: delete synced files from the source"
    )
    delete: bool = Field(True, description="delete extraneous files from the destination")
    require_lock: bool = Field(
        False, description="S3 to local: allow one sync of a destination at a time"
    )
    force: bool = Field(False, description="transfer all files, also unchanged ones")
    size_only: bool = Field(
        False, description="compare sizes and times, not ETags; newer source files are transferred"
    )
    fail_if_missing: bool = True
    include_detailed_response: bool = Field(
        False, description="write a report with one line per file, and return its location"
    )
    remote_to_local_config: RemoteToLocalConfig = Field({}, validate_default=True)
    dry_run: bool | None = Field(
        None, description="true: count planned changes, and change nothing"
    )
    verify: bool | None = Field(
        None, description="true: compare source and destination by content, and change nothing"
    )
    report_path: DataPath | None = Field(
        None, description="location of a report in JSON Lines, one line per file"
    )
    max_delete: MaxDelete | None = Field(
        None,
        description="fail before any change if more files, or a larger share, would be deleted",
    )
    protect_excluded: bool | None = Field(
        None, description="true: keep files at the destination that the filters exclude"
    )
    local_mirror: bool | None = Field(
        None,
        description="true: obey filter_config and delete from one local path to another as well",
    )
    entry_files: Literal["skip", "finish"] | None = Field(
        None,
        description="for the parts of a split store: skip leaves its entry files, such as "
        "zarr.json, to a later sync; finish is that sync of the whole store, which compares "
        "other files by size and time only",
    )
    delete_only: list[str] | None = Field(
        None,
        description="transfer nothing, and delete only extraneous files whose path below the "
        "destination matches one of these regular expressions in full",
    )
    ignore_times: bool | None = Field(
        None, description="true: compare sizes and checksums, but not modification times"
    )
    existing: Literal["replace", "update", "ignore", "immutable"] | None = Field(
        None,
        description="files at the destination that differ: replace them (default); update: only "
        "those that are not newer; ignore: none; immutable: fail before any change",
    )
    object_settings: ObjectSettings | None = Field(
        None, description="how objects are stored: content type, storage class, tags and so on"
    )
    preserve: bool | None = Field(
        None,
        description="true: store mode, owner and times of files in the metadata of objects, as "
        "rclone does, and restore them",
    )
    continue_on_error: bool | None = Field(
        None,
        description="true: sync the other files if one fails, and then delete nothing; default: "
        "stop at the first error",
    )
    backup_path: DataPath | None = Field(
        None,
        description="folder or S3 prefix to which files at the destination are moved instead of "
        "being replaced or deleted; in S3 if the destination is",
    )
    bandwidth: int | None = Field(
        None,
        ge=1,
        description="maximum bytes per second of uploads, downloads and local copies together",
    )
    requests_per_second: float | None = Field(
        None,
        gt=0,
        description="maximum requests to S3 per second, each part of a large file included; a "
        "second's worth of them may be sent at once",
    )
    retries: int | None = Field(
        None,
        ge=0,
        le=50,
        description="attempts after the first one of each request to S3, and of each copy of a "
        "local file from or to a network file system that breaks off; default: 9, "
        "and 29 where S3 throttles",
    )
    fsync: bool | None = Field(
        None, description="true: fsync each local file before it is renamed"
    )
    skip_archived: bool | None = Field(
        None,
        description="true: leave out archived objects that must be restored before they can be "
        "read, and count them; default: fail before any change",
    )
    switch: bool | None = Field(
        None,
        description="true: write to a new folder, and exchange it for the destination when it is "
        "complete, so that readers see the old files or the new ones, never both; in S3: to a new "
        "prefix, which a pointer object then names",
    )
    stores: bool | None = Field(
        None,
        description="true: stores, such as Zarr arrays, are single items of the report, and are "
        "returned; verify checks that files are there which metadata of stores name",
    )
    checksum_cache: EFSOrLocalPath | None = Field(
        None,
        description="file of a cache of checksums, so that local files which have not changed are "
        "not read again to be compared; made if it is missing",
    )
    deadline: Deadline | None = Field(
        None,
        description="stop then, and return a continuation: a time, a number of seconds, or auto: "
        "shortly before the Lambda function times out",
    )


class DataSyncTask(PydanticBaseModel):
    """Source and destination of a data sync."""

    source_path: DataPath
    destination_path: DataPath
    source_path_prefix: str | None = Field(
        None, description="S3 to S3: prefix to strip from source keys; default: the source path"
    )
    filter_config: DataSyncFilterConfig | None = None
    filter_root: str | None = Field(
        None, description="path that patterns are relative to; default: the source path"
    )
    files_from: DataPath | None = Field(
        None,
        description="location of a list of paths, one a line, relative to the filter root: each "
        "is looked up, nothing else is listed, and nothing is deleted at the destination",
    )
    inventory: DataPath | None = Field(
        None,
        description="manifest.json of an S3 Inventory report that lists the source, so that no "
        "LIST request does",
    )
    source_connection: S3Connection | None = Field(
        None, description="role, endpoint and region for a source in S3"
    )
    destination_connection: S3Connection | None = Field(
        None,
        description="role, endpoint and region for a destination in S3; objects are transferred "
        "through this machine if it has other credentials or another service than the source",
    )


class DataSyncCounts(PydanticBaseModel):
    """Numbers and sizes of transferred, unchanged and deleted files."""

    bytes_transferred: int = 0
    files_transferred: int = 0
    files_unchanged: int = 0
    bytes_unchanged: int = 0
    files_deleted: int = Field(0, description="extraneous files, at the destination")
    bytes_deleted: int = 0
    files_removed: int = Field(0, description="synced files, at the source")
    files_backed_up: int | None = Field(
        None, description="files at the destination that were moved to backup_path"
    )
    files_archived: int | None = Field(
        None, description="archived objects that were left out, if there are any"
    )
    bytes_archived: int | None = None
    files_vanished: int | None = Field(
        None, description="with inventory: objects that no longer exist, if there are any"
    )


class Verification(PydanticBaseModel):
    """The comparison of the destination with the source."""

    files_equal: int = 0
    files_different: int = 0
    files_missing: int = Field(0, description="files that are only at the source")
    files_extra: int = Field(0, description="files that are only at the destination")
    files_promised: int | None = Field(
        None, description="with stores: Zarr chunks, and files of tables, that metadata promise"
    )
    promised_missing: int | None = Field(
        None, description="with stores: those that are on one side only"
    )
    metadata_damaged: int | None = Field(
        None, description="with stores: faults of metadata, and of tables without their files"
    )


class SyncContinuation(PydanticBaseModel):
    """The progress of a sync that stopped at its deadline."""

    calls: int = Field(0, ge=0, description="number of calls so far")
    through: str | None = Field(
        None, description="path, relative to the destination, up to which all files are done"
    )
    started: str | None = Field(
        None,
        description="last path that was started; files up to it are done as well, except "
        "those in unfinished",
    )
    unfinished: list[str] | None = Field(
        None,
        description="paths from through up to started that are not done; about four, at most, for "
        "each of max_concurrency",
    )
    compared: str | None = Field(
        None,
        description="path up to which files that may have changed after their transfer were "
        "compared again",
    )
    entry_files_through: str | None = Field(
        None,
        description="last finished entry file of a store, such as zarr.json; they come after all "
        "other files",
    )
    only_removes: bool = Field(
        False, description="all transfers are done; only deletions from the source remain"
    )
    counts: DataSyncCounts = Field({}, validate_default=True, description="counts so far")
    verification: Verification | None = Field(None, description="verification so far")


class DataSyncRequest(DataSyncConfig, DataSyncTask):
    """A data sync: source, destination and options."""

    continuation: SyncContinuation | None = Field(
        None, description="continuation from the previous response to the same sync"
    )


class FailedFile(PydanticBaseModel):
    """A file that could not be synced."""

    path: str = Field(description="path or S3 URI of the file")
    error: str


class SyncedStore(PydanticBaseModel):
    """A store in a report: a data set of many files, or a file with its index."""

    path: str = Field(description="path or S3 URI, at the destination if it is there")
    kind: str = Field(description="such as Zarr, OME-Zarr, Delta or BAM")
    version: str | None = Field(None, description="version of its format")
    files: int = Field(description="files that the source has")
    size: int = Field(description="their size in bytes")
    actions: dict[str, int] = Field(description="number of files by their action in the report")
    bytes_transferred: int | None = None
    change: str | None = Field(
        None,
        description="new, appended, rewritten in place (readers may see a mixture), reduced, "
        "deleted or unchanged",
    )


class DataSyncResult(DataSyncCounts):
    """The result of a sync, including the calls that it continues."""

    files_failed: int | None = Field(
        None, description="with continue_on_error: files that could not be synced in this call"
    )
    failed_files: list[FailedFile] | None = Field(None, description="the first 100 of them")
    details: DataPath | None = Field(None, description="location of the report")
    verification: Verification | None = Field(None, description="result of verify")
    stores: list[SyncedStore] | None = Field(
        None, description="with stores: the first 100; the report has all"
    )
    store_count: int | None = Field(None, description="with stores: their number")
    damaged_metadata: list[str] | None = Field(
        None, description="with stores and verify: the first 100 faults of metadata"
    )


class DataSyncResponse(PydanticBaseModel):
    """The request with its defaults, and the result."""

    request: DataSyncRequest
    result: DataSyncResult
    incomplete: bool | None = Field(
        None, description="true: stopped at the deadline; send the request again with continuation"
    )
    continuation: SyncContinuation | None = Field(
        None, description="value for the field of the same name in the next request"
    )
