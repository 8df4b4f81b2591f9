"""Validation of the fields of a request, without models where the parser has done it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..sync.plain_request import (
    PlainFilters,
    PlainObjectSettings,
    PlainRequest,
    PlainStaging,
)
from ..sync.request import SyncRequest

# Fields whose values the parser validates, or of which any text is valid.
_VALID = frozenset(
    {
        "bandwidth",
        "existing",
        "filter_root",
        "max_concurrency",
        "requests_per_second",
        "retries",
        "source_path_prefix",
    }
)
# Locations that may be in S3.
_IN_S3 = frozenset(
    {
        "backup_path",
        "destination_path",
        "files_from",
        "inventory",
        "report_path",
        "source_path",
    }
)


def validated_request(fields: dict[str, Any]) -> SyncRequest:
    """Return the request that has some fields: a model only if one must be validated by it.

    Args:
        fields: the fields, by name; locations are parsed, and object settings are a dict.

    Raises:
        ValueError: a value is invalid.
    """
    if all(_is_valid(name, value) for name, value in fields.items()):
        return PlainRequest(**{name: _to_plain(name, value) for name, value in fields.items()})
    # Half of the start-up time.
    from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

    return DataSyncRequest.from_dict({name: _to_dict(value) for name, value in fields.items()})


def _is_valid(name: str, value: Any) -> bool:
    """Return whether a value needs no validation by a model."""
    if isinstance(value, PlainFilters):
        return value == PlainFilters(include=value.include, exclude=value.exclude)
    if isinstance(value, dict):
        return all(_is_valid(f"{name}.{key}", below) for key, below in value.items())
    if isinstance(value, S3Path):
        return name in _IN_S3
    return name in _VALID or value is None or isinstance(value, bool | Path)


def _to_plain(name: str, value: Any) -> Any:
    if name == "object_settings" and value is not None:
        return PlainObjectSettings(**value)
    return PlainStaging(**value) if name == "remote_to_local_config" else value


def _to_dict(value: Any) -> Any:
    return dataclasses.asdict(value) if isinstance(value, PlainFilters) else value
