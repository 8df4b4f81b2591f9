"""Requests and responses of the data sync handlers, all of them.

What starts a function imports the modules that these come from: each model takes its time.
"""

from __future__ import annotations

from .batch import (
    BatchContinuation,
    BatchDataSyncRequest,
    BatchDataSyncResponse,
    BatchDataSyncResult,
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
    RequestsOrLocation,
)
from .filters import DataSyncFilterConfig, Patterns
from .json_documents import (
    GetJSONFromFileRequest,
    GetJSONFromFileResponse,
    PutJSONToFileRequest,
    PutJSONToFileResponse,
)
from .removals import PlannedPath, RemoveDataPathsRequest, RemoveDataPathsResponse
from .stored_lists import AnswerByReference, ListOrLocation
from .sync import (
    DataSyncConfig,
    DataSyncCounts,
    DataSyncRequest,
    DataSyncResponse,
    DataSyncResult,
    DataSyncTask,
    Deadline,
    MaxDelete,
    RemoteToLocalConfig,
    SyncContinuation,
    Verification,
)

__all__ = [
    "AnswerByReference",
    "BatchContinuation",
    "BatchDataSyncRequest",
    "BatchDataSyncResponse",
    "BatchDataSyncResult",
    "DataSyncConfig",
    "DataSyncCounts",
    "DataSyncFilterConfig",
    "DataSyncRequest",
    "DataSyncResponse",
    "DataSyncResult",
    "DataSyncTask",
    "Deadline",
    "GetJSONFromFileRequest",
    "GetJSONFromFileResponse",
    "ListOrLocation",
    "MaxDelete",
    "Patterns",
    "PlannedPath",
    "PrepareBatchDataSyncRequest",
    "PrepareBatchDataSyncResponse",
    "PutJSONToFileRequest",
    "PutJSONToFileResponse",
    "RemoteToLocalConfig",
    "RemoveDataPathsRequest",
    "RemoveDataPathsResponse",
    "RequestsOrLocation",
    "SyncContinuation",
    "Verification",
]
