"""Requests and responses of the data sync handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.lazy import lazy_names

if TYPE_CHECKING:
    from ..locations import parse_removable_path as parse_removable_path
    from .batch import *
    from .connection import *
    from .filters import *
    from .json_documents import *
    from .object_settings import *
    from .removal_requests import *
    from .stored_lists import *
    from .sync import *

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
        "connection": ("EndpointUrl", "RoleArn", "S3Connection", "parse_role_arn"),
        "filters": ("DataSyncFilterConfig", "Patterns"),
        "json_documents": (
            "GetJSONFromFileRequest",
            "GetJSONFromFileResponse",
            "PutJSONToFileRequest",
            "PutJSONToFileResponse",
        ),
        "object_settings": ("HeaderText", "Metadata", "ObjectSettings"),
        "removal_requests": (
            "PlannedPath",
            "RemovablePath",
            "RemoveDataPathsRequest",
            "RemoveDataPathsResponse",
            "parse_removable_path",
        ),
        "stored_lists": ("ResponseByReference", "ListOrLocation"),
        "sync": (
            "DEFAULT_MAX_CONCURRENCY",
            "DataSyncConfig",
            "DataSyncCounts",
            "DataSyncRequest",
            "DataSyncResponse",
            "DataSyncResult",
            "DataSyncTask",
            "Deadline",
            "FailedFile",
            "MaxDelete",
            "RemoteToLocalConfig",
            "SyncContinuation",
            "SyncedStore",
            "Verification",
        ),
    },
)
