"""Where the report of a sync goes."""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.variables import DEFAULT_BUCKET_NAME_ENV_VAR
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.paths import parse_data_path
from aibs_informatics_aws_lambda.storage.syncs import DataSyncRequest

__all__ = ["find_report_path", "with_suffix"]


def find_report_path(request: DataSyncRequest) -> S3Path | EFSPath | Path | None:
    """Return where the report of a call is to be, if there is to be one.

    The report of a call that continues another one has the number of the call in its name. One
    that nobody has named a place for goes to the bucket for scratch data, if there is one, else to
    the folder for temporary files.
    """
    if request.report_path is None:
        return _new_path() if request.include_detailed_response else None
    if request.continuation is None:
        return request.report_path
    return with_suffix(request.report_path, str(request.continuation.calls + 1))


def with_suffix(path: S3Path | EFSPath | Path, suffix: str) -> S3Path | EFSPath | Path:
    """Return a path with a dash and a suffix at the end of its name, before what follows a dot."""
    folder, slash, name = str(path).rpartition("/")
    stem, dot, rest = name.partition(".")
    return parse_data_path(f"{folder}{slash}{stem}-{suffix}{dot}{rest}")


def _new_path() -> S3Path | Path:
    name = f"data-sync-report-{uuid.uuid4()}.jsonl"
    bucket = os.environ.get(DEFAULT_BUCKET_NAME_ENV_VAR)
    if bucket:
        return S3Path.build(bucket, f"scratch/{name}")
    return Path(tempfile.gettempdir()) / name
