"""Lambda functions that sync data between S3, EFS and local disks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.collector import paused_collector_in_lambda

if TYPE_CHECKING:
    # The engine and the command need neither handlers nor their imports.
    from aibs_informatics_aws_lambda.common.handler import LambdaHandlerType

    from .batch_syncs import BatchDataSyncHandler as BatchDataSyncHandler
    from .file_system import (
        GetDataPathStatsHandler as GetDataPathStatsHandler,
        ListDataPathsHandler as ListDataPathsHandler,
        OutdatedDataPathScannerHandler as OutdatedDataPathScannerHandler,
        RemoveDataPathsHandler as RemoveDataPathsHandler,
    )
    from .json_documents import (
        GetJSONFromFileHandler as GetJSONFromFileHandler,
        PutJSONToFileHandler as PutJSONToFileHandler,
    )
    from .prepare.handler import PrepareBatchDataSyncHandler as PrepareBatchDataSyncHandler
    from .summarize.handler import (
        SummarizeBatchDataSyncHandler as SummarizeBatchDataSyncHandler,
    )
    from .syncs import DataSyncHandler as DataSyncHandler

batch_data_sync_handler: LambdaHandlerType
data_sync_handler: LambdaHandlerType
get_data_path_stats_handler: LambdaHandlerType
get_json_from_file_handler: LambdaHandlerType
list_data_paths_handler: LambdaHandlerType
outdated_data_path_scanner_handler: LambdaHandlerType
prepare_batch_data_sync_handler: LambdaHandlerType
put_json_to_file_handler: LambdaHandlerType
remove_data_paths_handler: LambdaHandlerType
summarize_batch_data_sync_handler: LambdaHandlerType

_CLASSES = {
    "batch_data_sync_handler": "batch_syncs.BatchDataSyncHandler",
    "data_sync_handler": "syncs.DataSyncHandler",
    "get_data_path_stats_handler": "file_system.GetDataPathStatsHandler",
    "get_json_from_file_handler": "json_documents.GetJSONFromFileHandler",
    "list_data_paths_handler": "file_system.ListDataPathsHandler",
    "outdated_data_path_scanner_handler": "file_system.OutdatedDataPathScannerHandler",
    "prepare_batch_data_sync_handler": "prepare.handler.PrepareBatchDataSyncHandler",
    "put_json_to_file_handler": "json_documents.PutJSONToFileHandler",
    "remove_data_paths_handler": "file_system.RemoveDataPathsHandler",
    "summarize_batch_data_sync_handler": "summarize.handler.SummarizeBatchDataSyncHandler",
}
_MODULES = {name.rpartition(".")[2]: name for name in _CLASSES.values()}


def __getattr__(name: str) -> Any:
    # A function uses one handler, and imports no other at its cold start.
    if name in _MODULES:
        return _import_class(_MODULES[name])
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    handler = _import_class(_CLASSES[name]).get_handler()
    globals()[name] = handler
    return handler


def _import_class(name: str) -> Any:
    module, _, class_name = name.rpartition(".")
    with paused_collector_in_lambda():
        return getattr(import_module(f"{__name__}.{module}"), class_name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_CLASSES, *_MODULES})
