"""Requests for the data syncs before and after a job."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.storage.efs import EFSPath

from .job_params import DownloadableJobParam, UploadableJobParam
from .model import DataSyncConfiguration

BATCH_SIZE_BYTES_LIMIT = 75 * 1024**3

ToEfsPath: TypeAlias = Callable[[str], EFSPath]


def to_input_requests(
    params: Iterable[DownloadableJobParam],
    to_efs_path: ToEfsPath,
    configuration: DataSyncConfiguration,
) -> list[PrepareBatchDataSyncRequest]:
    """Return the syncs of inputs from S3 to EFS."""
    return [
        PrepareBatchDataSyncRequest(
            source_path=S3Path(param.remote),
            destination_path=to_efs_path(param.value),
            filter_config=param.filter_config,
            retain_source_data=True,
            # Executions may share an input.
            require_lock=True,
            delete=False,
            **_settings(configuration, f"input_{number}"),
        )
        for number, param in enumerate(params)
    ]


def to_output_requests(
    params: Iterable[UploadableJobParam],
    to_efs_path: ToEfsPath,
    configuration: DataSyncConfiguration,
) -> list[PrepareBatchDataSyncRequest]:
    """Return the syncs of outputs from EFS to S3."""
    return [
        PrepareBatchDataSyncRequest(
            source_path=to_efs_path(param.value),
            destination_path=S3Path(param.remote),
            filter_config=param.filter_config,
            retain_source_data=False,
            require_lock=False,
            delete=True,
            **_settings(configuration, f"output_{number}"),
        )
        for number, param in enumerate(params)
    ]


def to_failure_requests(
    outputs: Iterable[PrepareBatchDataSyncRequest],
) -> list[PrepareBatchDataSyncRequest]:
    """Return the syncs of outputs after a failed job, which may be missing.

    Nothing is deleted from the destination.
    """
    changes = {"fail_if_missing": False, "delete": False}
    return [sync.model_copy(update=changes) for sync in outputs]


def _settings(configuration: DataSyncConfiguration, folder: str) -> dict[str, Any]:
    root = configuration.temporary_request_payload_path
    return {
        "force": configuration.force,
        "size_only": configuration.size_only,
        "batch_size_bytes_limit": BATCH_SIZE_BYTES_LIMIT,
        "temporary_request_payload_path": root and root / folder / "",
    }
