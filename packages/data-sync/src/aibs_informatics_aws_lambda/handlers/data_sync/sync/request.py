"""The request of a sync as the engine takes it: a model, or the same without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.filters import DataSyncFilterConfig
    from aibs_informatics_aws_lambda.storage.data_sync.object_settings import ObjectSettings
    from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

    from .plain_request import PlainFilters, PlainObjectSettings, PlainRequest

SyncRequest: TypeAlias = "DataSyncRequest | PlainRequest"
"""A sync: source, destination and options."""

Filters: TypeAlias = "DataSyncFilterConfig | PlainFilters"
"""Which entries a sync selects."""

StorageSettings: TypeAlias = "ObjectSettings | PlainObjectSettings"
"""How objects are stored that a sync uploads, or copies within S3."""


def as_model(request: SyncRequest) -> DataSyncRequest:
    """Return a request as a model."""
    from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest

    return request if isinstance(request, DataSyncRequest) else request.to_model()
