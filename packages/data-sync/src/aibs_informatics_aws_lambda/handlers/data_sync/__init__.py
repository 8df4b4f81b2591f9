"""Lambda functions that sync data between S3, EFS and local disks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from aibs_informatics_aws_lambda.common.collector import paused_collector_in_lambda

if TYPE_CHECKING:
    # The engine and the command need neither handlers nor their imports.
    from aibs_informatics_aws_lambda.common.handler import LambdaHandlerType

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

_CLASSES: Final = {
    "batch_data_sync_handler": "syncs.BatchDataSyncHandler",
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


def __getattr__(name: str) -> LambdaHandlerType:
    # A function uses one handler, and imports no other at its cold start.
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, class_name = _CLASSES[name].rpartition(".")
    with paused_collector_in_lambda():
        handler_cls = getattr(import_module(f"{__name__}.{module}"), class_name)
    handler: LambdaHandlerType = handler_cls.get_handler()
    globals()[name] = handler
    return handler


def __dir__() -> list[str]:
    return sorted({*globals(), *_CLASSES})
