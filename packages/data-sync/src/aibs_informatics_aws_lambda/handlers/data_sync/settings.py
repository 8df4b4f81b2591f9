"""What the handlers of this package find where they run: environment variables, permissions."""

from __future__ import annotations

from typing import Final

CHECKSUM_VARIABLE: Final = "AWS_REQUEST_CHECKSUM_CALCULATION"
LOCK_ROOT_VARIABLE: Final = "DATA_SYNC_LOCK_ROOT"

MOUNT_VARIABLES: Final = {
    "EFS_MOUNT_POINT_PATH_<name>": "folder at which an EFS file system is mounted",
    "EFS_MOUNT_POINT_ID_<name>": "id of the file system or access point that is mounted there",
}
"""Variables that tell where EFS is mounted, with their meaning."""

DEFAULT_BUCKET_NAME_ENV_VAR: Final = "DEFAULT_BUCKET_NAME"
"""Bucket for scratch data: documents and reports that nobody has named a location for."""

SYNC_VARIABLES: Final = {
    LOCK_ROOT_VARIABLE: "folder for the lock files of require_lock",
    DEFAULT_BUCKET_NAME_ENV_VAR: "bucket for reports that are asked for without a location",
    CHECKSUM_VARIABLE: "when_required: send files without a checksum",
    **MOUNT_VARIABLES,
}
"""Variables that a sync reads, with their meaning."""

SYNC_IAM_ACTIONS: Final = (
    "s3:ListBucket",
    "s3:GetObject",
    "s3:GetObjectTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
)
"""IAM actions that a sync may need."""
