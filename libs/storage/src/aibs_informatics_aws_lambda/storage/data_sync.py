"""Requests and responses of the data sync handlers, all of them.

What starts a function imports the modules that these come from: each model takes its time.
"""

from __future__ import annotations

from aibs_informatics_aws_lambda.storage.filters import (
    DataSyncFilterConfig,
    Patterns,
)
from aibs_informatics_aws_lambda.storage.json_documents import (
    GetJSONFromFileRequest,
    GetJSONFromFileResponse,
    PutJSONToFileRequest,
    PutJSONToFileResponse,
)
from aibs_informatics_aws_lambda.storage.lists import (
    AnswerByReference,
    ListOrLocation,
)
from aibs_informatics_aws_lambda.storage.removals import (
    PlannedPath,
    RemoveDataPathsRequest,
    RemoveDataPathsResponse,
)
from aibs_informatics_aws_lambda.storage.sync_batches import (
    BatchContinuation,
    BatchDataSyncRequest,
    BatchDataSyncResponse,
    BatchDataSyncResult,
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
    RequestsOrLocation,
)
from aibs_informatics_aws_lambda.storage.syncs import (
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
