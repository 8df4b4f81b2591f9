"""The metrics that syncs emit, in CloudWatch's embedded metric format."""

import os
from collections.abc import Mapping
from typing import Any, Final

from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncCounts

NAMESPACE_KEY: Final = "POWERTOOLS_METRICS_NAMESPACE"

METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "FilesTransferred": ("Count", "files that a sync has transferred"),
    "BytesTransferred": ("Bytes", "their size"),
    "FilesUnchanged": ("Count", "files that were in sync already"),
    "FilesDeleted": ("Count", "files that a sync has deleted at the destination"),
    "FilesFailed": ("Count", "files that could not be synced, with `continue_on_error`"),
    "SyncsFailed": ("Count", "failed syncs of a batch, with `allow_partial_failure`"),
    "SyncsIncomplete": ("Count", "syncs that stopped at their deadline and are to be continued"),
    "SyncSeconds": ("Seconds", "duration of a call"),
    "UnfinishedSeconds": ("Seconds", "every 30 seconds: time since a running call began"),
}
"""The unit and the meaning of each metric, by name."""

Handler = LambdaHandler[Any, Any]


def emit_result(
    handler: Handler,
    counts: DataSyncCounts,
    *,
    seconds: float,
    files_failed: int = 0,
    syncs_failed: int = 0,
    is_incomplete: bool = False,
) -> None:
    """Add the metrics of a call to those of its handler, if metrics are enabled.

    Args:
        handler: the handler.
        counts: the counts of this call, and of those that it continues.
        seconds: the duration of the call.
        files_failed: the number of files that could not be synced.
        syncs_failed: the number of failed syncs of a batch.
        is_incomplete: whether the call stopped at its deadline.
    """
    if not os.environ.get(NAMESPACE_KEY):
        return
    values = {"SyncSeconds": seconds, "SyncsIncomplete": int(is_incomplete)}
    if not is_incomplete:
        # Those of an incomplete call are in the counts of the call that continues it.
        values |= {
            "FilesTransferred": counts.files_transferred,
            "BytesTransferred": counts.bytes_transferred,
            "FilesUnchanged": counts.files_unchanged,
            "FilesDeleted": counts.files_deleted,
            "FilesFailed": files_failed,
            "SyncsFailed": syncs_failed,
        }
    for name, value in values.items():
        handler.metrics.add_metric(name, METRICS[name][0], value)


def emit_age(handler: Handler, seconds: float) -> None:
    """Emit the time since a running call began, if metrics are enabled. Safe in any thread.

    Args:
        handler: the handler.
        seconds: the time since the call began.
    """
    if not os.environ.get(NAMESPACE_KEY):
        return
    metrics = handler.get_metrics(handler_name=handler.handler_name())
    metrics.add_metric("UnfinishedSeconds", METRICS["UnfinishedSeconds"][0], seconds)
    metrics.flush_metrics()
