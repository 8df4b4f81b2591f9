"""Handlers that sync data, and that read and write JSON documents, with their models.

Each is imported from its own module when it is first asked for: a function has one of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.batch import (
        BatchDataSyncRequest,
        BatchDataSyncResponse,
        PrepareBatchDataSyncRequest,
        PrepareBatchDataSyncResponse,
    )
    from aibs_informatics_aws_lambda.storage.data_sync.json_documents import (
        GetJSONFromFileRequest,
        GetJSONFromFileResponse,
        PutJSONToFileRequest,
        PutJSONToFileResponse,
    )
    from aibs_informatics_aws_lambda.storage.data_sync.sync import (
        DataSyncRequest,
        DataSyncResponse,
    )

    from .json_documents import GetJSONFromFileHandler, PutJSONToFileHandler, get_s3_scratch_key
    from .prepare.handler import PrepareBatchDataSyncHandler
    from .settings import DEFAULT_BUCKET_NAME_ENV_VAR
    from .syncs import BatchDataSyncHandler, DataSyncHandler

__all__ = [
    "DEFAULT_BUCKET_NAME_ENV_VAR",
    "BatchDataSyncHandler",
    "BatchDataSyncRequest",
    "BatchDataSyncResponse",
    "DataSyncHandler",
    "DataSyncRequest",
    "DataSyncResponse",
    "GetJSONFromFileHandler",
    "GetJSONFromFileRequest",
    "GetJSONFromFileResponse",
    "PrepareBatchDataSyncHandler",
    "PrepareBatchDataSyncRequest",
    "PrepareBatchDataSyncResponse",
    "PutJSONToFileHandler",
    "PutJSONToFileRequest",
    "PutJSONToFileResponse",
    "get_s3_scratch_key",
]

_HOMES: Final = {
    "DEFAULT_BUCKET_NAME_ENV_VAR": "handlers.data_sync.settings",
    "BatchDataSyncHandler": "handlers.data_sync.syncs",
    "DataSyncHandler": "handlers.data_sync.syncs",
    "GetJSONFromFileHandler": "handlers.data_sync.json_documents",
    "PrepareBatchDataSyncHandler": "handlers.data_sync.prepare.handler",
    "PutJSONToFileHandler": "handlers.data_sync.json_documents",
    "get_s3_scratch_key": "handlers.data_sync.json_documents",
}
_MODELS: Final = "storage.data_sync"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"aibs_informatics_aws_lambda.{_HOMES.get(name, _MODELS)}")
    return getattr(home, name)
