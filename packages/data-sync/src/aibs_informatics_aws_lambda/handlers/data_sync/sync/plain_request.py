"""Requests of syncs without models, for the command.

It has validated most of its options as it parsed them, and importing pydantic and building the
models would take half of its start-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.locations import DataLocation

from ..settings import DEFAULT_MAX_CONCURRENCY

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection
    from aibs_informatics_aws_lambda.storage.data_sync.filters import (
        DataSyncFilterConfig,
        Patterns,
    )
    from aibs_informatics_aws_lambda.storage.data_sync.object_settings import ObjectSettings
    from aibs_informatics_aws_lambda.storage.data_sync.sync import (
        DataSyncRequest,
        Deadline,
        MaxDelete,
        RemoteToLocalConfig,
        SyncContinuation,
    )


@dataclass(kw_only=True, eq=False, repr=False)
class PlainObjectSettings:
    """What `ObjectSettings` has, without validation."""

    content_type: str | None = None
    guess_content_type: bool | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    metadata: dict[str, str] | None = None
    tags: dict[str, str] | None = None
    storage_class: str | None = None
    sse: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    sse_kms_key_id: str | None = None
    acl: str | None = None
    part_size: int | None = None
    keep: bool | None = None


@dataclass(frozen=True, kw_only=True)
class PlainFilters:
    """What `DataSyncFilterConfig` has, without validation."""

    include: Patterns | None = None
    exclude: Patterns | None = None
    files: list[str] | None = None
    min_size_bytes: int | None = None
    max_size_bytes: int | None = None
    modified_after: datetime | None = None
    modified_before: datetime | None = None


@dataclass(kw_only=True, eq=False, repr=False)
class PlainStaging:
    """What `RemoteToLocalConfig` has, without validation."""

    use_custom_tmp_dir: bool = False
    custom_tmp_dir: EFSPath | Path | None = None


@dataclass(kw_only=True, eq=False, repr=False)
class PlainRequest:
    """What `DataSyncRequest` has, without validation; see there for the fields."""

    source_path: DataLocation
    destination_path: DataLocation
    source_path_prefix: str | None = None
    filter_config: DataSyncFilterConfig | PlainFilters | None = None
    filter_root: str | None = None
    files_from: DataLocation | None = None
    inventory: DataLocation | None = None
    source_connection: S3Connection | None = None
    destination_connection: S3Connection | None = None
    max_concurrency: int = DEFAULT_MAX_CONCURRENCY
    retain_source_data: bool = True
    delete: bool = True
    require_lock: bool = False
    force: bool = False
    size_only: bool = False
    fail_if_missing: bool = True
    include_detailed_response: bool = False
    remote_to_local_config: RemoteToLocalConfig | PlainStaging = field(
        default_factory=PlainStaging
    )
    dry_run: bool | None = None
    verify: bool | None = None
    report_path: DataLocation | None = None
    max_delete: MaxDelete | None = None
    protect_excluded: bool | None = None
    local_mirror: bool | None = None
    entry_files: Literal["skip", "finish"] | None = None
    delete_only: list[str] | None = None
    ignore_times: bool | None = None
    existing: Literal["replace", "update", "ignore", "immutable"] | None = None
    object_settings: ObjectSettings | PlainObjectSettings | None = None
    preserve: bool | None = None
    continue_on_error: bool | None = None
    backup_path: DataLocation | None = None
    bandwidth: int | None = None
    requests_per_second: float | None = None
    retries: int | None = None
    fsync: bool | None = None
    skip_archived: bool | None = None
    switch: bool | None = None
    stores: bool | None = None
    checksum_cache: EFSPath | Path | None = None
    deadline: Deadline | None = None
    continuation: SyncContinuation | None = None

    def model_copy(self, *, update: Mapping[str, Any]) -> PlainRequest:
        """Return a copy with other values for some fields, as a model does."""
        return replace(self, **update)

    def to_model(self) -> DataSyncRequest:
        """Return the request as a model."""
        from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

        fields = {name: _to_field(value) for name, value in vars(self).items()}
        return DataSyncRequest(**fields)

    def to_dict(self) -> JSONObject:
        """Return the request as a JSON object, as the model does."""
        return self.to_model().to_dict()


def _to_field(value: Any) -> Any:
    plain = PlainFilters | PlainObjectSettings | PlainStaging
    return asdict(value) if isinstance(value, plain) else value
