"""Handlers that sync data and that read and write JSON documents, with their models.

Each name is imported from its own module when it is first used: a function needs one handler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync import *

    from .batch_syncs import BatchDataSyncHandler as BatchDataSyncHandler
    from .json_documents import (
        GetJSONFromFileHandler as GetJSONFromFileHandler,
        PutJSONToFileHandler as PutJSONToFileHandler,
        get_s3_scratch_key as get_s3_scratch_key,
    )
    from .prepare.handler import PrepareBatchDataSyncHandler as PrepareBatchDataSyncHandler
    from .settings import (
        DEFAULT_BUCKET_NAME_ENV_VAR as DEFAULT_BUCKET_NAME_ENV_VAR,
        SCRATCH_EXTRA_ARGS as SCRATCH_EXTRA_ARGS,
    )
    from .syncs import DataSyncHandler as DataSyncHandler

_MODELS = "aibs_informatics_aws_lambda.storage.data_sync"
_MODULES = {
    "DEFAULT_BUCKET_NAME_ENV_VAR": ".settings",
    "SCRATCH_EXTRA_ARGS": ".settings",
    "BatchDataSyncHandler": ".batch_syncs",
    "DataSyncHandler": ".syncs",
    "GetJSONFromFileHandler": ".json_documents",
    "PrepareBatchDataSyncHandler": ".prepare.handler",
    "PutJSONToFileHandler": ".json_documents",
    "get_s3_scratch_key": ".json_documents",
}


def __getattr__(name: str) -> Any:
    return getattr(import_module(_MODULES.get(name, _MODELS), __package__), name)
