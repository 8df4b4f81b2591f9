"""Requests and responses of the handlers of this package."""

from __future__ import annotations

from aibs_informatics_aws_lambda.storage.data_sync import (
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
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
    PutJSONToFileRequest,
    PutJSONToFileResponse,
    RemoteToLocalConfig,
)
from aibs_informatics_aws_lambda.storage.paths import DataPath

__all__ = [
    "BatchDataSyncRequest",
    "BatchDataSyncResponse",
    "BatchDataSyncResult",
    "DataPath",
    "DataSyncConfig",
    "DataSyncCounts",
    "DataSyncFilterConfig",
    "DataSyncRequest",
    "DataSyncResponse",
    "DataSyncResult",
    "DataSyncTask",
    "GetJSONFromFileRequest",
    "GetJSONFromFileResponse",
    "PrepareBatchDataSyncRequest",
    "PrepareBatchDataSyncResponse",
    "PutJSONToFileRequest",
    "PutJSONToFileResponse",
    "RemoteToLocalConfig",
]
