"""Requests and responses of the data sync handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.lazy import lazy_names

if TYPE_CHECKING:
    from .batch import (
        BatchContinuation as BatchContinuation,
        BatchDataSyncRequest as BatchDataSyncRequest,
        BatchDataSyncResponse as BatchDataSyncResponse,
        BatchDataSyncResult as BatchDataSyncResult,
        PrepareBatchDataSyncRequest as PrepareBatchDataSyncRequest,
        PrepareBatchDataSyncResponse as PrepareBatchDataSyncResponse,
        RequestsOrLocation as RequestsOrLocation,
    )
    from .filters import (
        DataSyncFilterConfig as DataSyncFilterConfig,
        Patterns as Patterns,
    )
    from .json_documents import (
        GetJSONFromFileRequest as GetJSONFromFileRequest,
        GetJSONFromFileResponse as GetJSONFromFileResponse,
        PutJSONToFileRequest as PutJSONToFileRequest,
        PutJSONToFileResponse as PutJSONToFileResponse,
    )
    from .removals import (
        PlannedPath as PlannedPath,
        RemoveDataPathsRequest as RemoveDataPathsRequest,
        RemoveDataPathsResponse as RemoveDataPathsResponse,
    )
    from .stored_lists import (
        ListOrLocation as ListOrLocation,
        ResponseByReference as ResponseByReference,
    )
    from .sync import (
        DataSyncConfig as DataSyncConfig,
        DataSyncCounts as DataSyncCounts,
        DataSyncRequest as DataSyncRequest,
        DataSyncResponse as DataSyncResponse,
        DataSyncResult as DataSyncResult,
        DataSyncTask as DataSyncTask,
        Deadline as Deadline,
        MaxDelete as MaxDelete,
        RemoteToLocalConfig as RemoteToLocalConfig,
        SyncContinuation as SyncContinuation,
        Verification as Verification,
    )

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "batch": (
            "BatchContinuation",
            "BatchDataSyncRequest",
            "BatchDataSyncResponse",
            "BatchDataSyncResult",
            "PrepareBatchDataSyncRequest",
            "PrepareBatchDataSyncResponse",
            "RequestsOrLocation",
        ),
        "filters": ("DataSyncFilterConfig", "Patterns"),
        "json_documents": (
            "GetJSONFromFileRequest",
            "GetJSONFromFileResponse",
            "PutJSONToFileRequest",
            "PutJSONToFileResponse",
        ),
        "removals": ("PlannedPath", "RemoveDataPathsRequest", "RemoveDataPathsResponse"),
        "stored_lists": ("ResponseByReference", "ListOrLocation"),
        "sync": (
            "DataSyncConfig",
            "DataSyncCounts",
            "DataSyncRequest",
            "DataSyncResponse",
            "DataSyncResult",
            "DataSyncTask",
            "Deadline",
            "MaxDelete",
            "RemoteToLocalConfig",
            "SyncContinuation",
            "Verification",
        ),
    },
)
