"""Requests and responses of all handlers of this package.

Importing it takes a function longer than importing the models that it needs.
"""

from __future__ import annotations

from aibs_informatics_aws_lambda.storage.data_sync import (
    BatchDataSyncRequest as BatchDataSyncRequest,
    BatchDataSyncResponse as BatchDataSyncResponse,
    BatchDataSyncResult as BatchDataSyncResult,
    DataSyncConfig as DataSyncConfig,
    DataSyncCounts as DataSyncCounts,
    DataSyncFilterConfig as DataSyncFilterConfig,
    DataSyncRequest as DataSyncRequest,
    DataSyncResponse as DataSyncResponse,
    DataSyncResult as DataSyncResult,
    DataSyncTask as DataSyncTask,
    GetJSONFromFileRequest as GetJSONFromFileRequest,
    GetJSONFromFileResponse as GetJSONFromFileResponse,
    PlannedPath as PlannedPath,
    PrepareBatchDataSyncRequest as PrepareBatchDataSyncRequest,
    PrepareBatchDataSyncResponse as PrepareBatchDataSyncResponse,
    PutJSONToFileRequest as PutJSONToFileRequest,
    PutJSONToFileResponse as PutJSONToFileResponse,
    RemoteToLocalConfig as RemoteToLocalConfig,
    RemoveDataPathsRequest as RemoveDataPathsRequest,
    RemoveDataPathsResponse as RemoveDataPathsResponse,
    ResponseByReference as ResponseByReference,
)
from aibs_informatics_aws_lambda.storage.paths import DataPath as DataPath

from .housekeeping.models import (
    DataPathStats as DataPathStats,
    GetDataPathStatsRequest as GetDataPathStatsRequest,
    GetDataPathStatsResponse as GetDataPathStatsResponse,
    ListDataPathsRequest as ListDataPathsRequest,
    ListDataPathsResponse as ListDataPathsResponse,
    OutdatedDataPathScannerRequest as OutdatedDataPathScannerRequest,
    OutdatedDataPathScannerResponse as OutdatedDataPathScannerResponse,
)
from .summarize.models import (
    FailedBatch as FailedBatch,
    SummarizeBatchDataSyncRequest as SummarizeBatchDataSyncRequest,
    SummarizeBatchDataSyncResponse as SummarizeBatchDataSyncResponse,
)
