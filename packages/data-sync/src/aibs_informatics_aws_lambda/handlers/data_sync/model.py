"""Requests and responses of the handlers of this package, all of them.

What starts a function imports the modules that these come from: each model takes its time.
"""

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
    PlannedPath,
    PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse,
    PutJSONToFileRequest,
    PutJSONToFileResponse,
    RemoteToLocalConfig,
    RemoveDataPathsRequest,
    RemoveDataPathsResponse,
    ResponseByReference,
)
from aibs_informatics_aws_lambda.storage.paths import DataPath

from .housekeeping.models import (
    DataPathStats,
    GetDataPathStatsRequest,
    GetDataPathStatsResponse,
    ListDataPathsRequest,
    ListDataPathsResponse,
    OutdatedDataPathScannerRequest,
    OutdatedDataPathScannerResponse,
)
from .summarize.models import (
    FailedBatch,
    SummarizeBatchDataSyncRequest,
    SummarizeBatchDataSyncResponse,
)

__all__ = [
    "BatchDataSyncRequest",
    "BatchDataSyncResponse",
    "BatchDataSyncResult",
    "DataPath",
    "DataPathStats",
    "DataSyncConfig",
    "DataSyncCounts",
    "DataSyncFilterConfig",
    "DataSyncRequest",
    "DataSyncResponse",
    "DataSyncResult",
    "DataSyncTask",
    "FailedBatch",
    "GetDataPathStatsRequest",
    "GetDataPathStatsResponse",
    "GetJSONFromFileRequest",
    "GetJSONFromFileResponse",
    "ListDataPathsRequest",
    "ListDataPathsResponse",
    "OutdatedDataPathScannerRequest",
    "OutdatedDataPathScannerResponse",
    "PlannedPath",
    "PrepareBatchDataSyncRequest",
    "PrepareBatchDataSyncResponse",
    "PutJSONToFileRequest",
    "PutJSONToFileResponse",
    "RemoteToLocalConfig",
    "RemoveDataPathsRequest",
    "RemoveDataPathsResponse",
    "ResponseByReference",
    "SummarizeBatchDataSyncRequest",
    "SummarizeBatchDataSyncResponse",
]
