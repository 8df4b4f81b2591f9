"""Where data are: on S3, or at a local path, at which EFS is mounted perhaps."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.paths import DataLocation

Location: TypeAlias = S3Path | Path
"""A path that data can be read from or written to."""


def resolve(path: DataLocation) -> Location:
    """Return where a path is: an EFS path is resolved to its mount point, others stay.

    Raises:
        ValueError: the EFS file system is not mounted here.
        AWSError: the mount points cannot be asked for.
    """
    if not isinstance(path, EFSPath):
        return path
    from aibs_informatics_aws_lambda.storage.mount_discovery import resolve_efs_path

    return resolve_efs_path(path)
