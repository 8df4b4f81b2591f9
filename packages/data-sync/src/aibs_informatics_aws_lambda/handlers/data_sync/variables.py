"""The environment variables that the handlers of this package read."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CHECKSUM_VARIABLE",
    "DEFAULT_BUCKET_NAME_ENV_VAR",
    "LOCK_ROOT_VARIABLE",
    "MOUNT_VARIABLES",
]

CHECKSUM_VARIABLE: Final = "AWS_REQUEST_CHECKSUM_CALCULATION"
LOCK_ROOT_VARIABLE: Final = "DATA_SYNC_LOCK_ROOT"

MOUNT_VARIABLES: Final = {
    "EFS_MOUNT_POINT_PATH_<name>": "folder at which an EFS file system is mounted",
    "EFS_MOUNT_POINT_ID_<name>": "id of the file system or access point that is mounted there",
}
"""Variables that tell where EFS is mounted, with their meaning."""

DEFAULT_BUCKET_NAME_ENV_VAR: Final = "DEFAULT_BUCKET_NAME"
"""Bucket for scratch data: documents and reports that nobody has named a place for."""
