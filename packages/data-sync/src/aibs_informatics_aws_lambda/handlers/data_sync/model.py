"""Requests and responses of all handlers of this package.

Each is imported from its own module when it is first used: a function needs those of one handler.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync import *
    from aibs_informatics_aws_lambda.storage.paths import DataPath as DataPath

    from .housekeeping.models import *
    from .summarize.models import *

_MODELS = "aibs_informatics_aws_lambda.storage.data_sync"
_MODULES = {
    "DataPath": "aibs_informatics_aws_lambda.storage.paths",
    "DataPathStats": ".housekeeping.models",
    "FailedBatch": ".summarize.models",
    "GetDataPathStatsRequest": ".housekeeping.models",
    "GetDataPathStatsResponse": ".housekeeping.models",
    "ListDataPathsRequest": ".housekeeping.models",
    "ListDataPathsResponse": ".housekeeping.models",
    "OutdatedDataPathScannerRequest": ".housekeeping.models",
    "OutdatedDataPathScannerResponse": ".housekeeping.models",
    "SummarizeBatchDataSyncRequest": ".summarize.models",
    "SummarizeBatchDataSyncResponse": ".summarize.models",
    "WithDataPath": ".housekeeping.models",
}


def __getattr__(name: str) -> Any:
    return getattr(import_module(_MODULES.get(name, _MODELS), __package__), name)
