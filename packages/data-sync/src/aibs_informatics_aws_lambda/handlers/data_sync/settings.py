"""What the handlers of this package find where they run: environment variables, permissions."""

from __future__ import annotations

from typing import Final

from aibs_informatics_aws_lambda.storage.mount_variables import EFS_MOUNT_VARIABLES

CHECKSUM_KEY: Final = "AWS_REQUEST_CHECKSUM_CALCULATION"
LOCK_ROOT_KEY: Final = "DATA_SYNC_LOCK_ROOT"

DEFAULT_BUCKET_NAME_ENV_VAR: Final = "DEFAULT_BUCKET_NAME"
"""Bucket for scratch data: documents and reports that nobody has named a location for."""

SYNC_VARIABLES: Final = {
    LOCK_ROOT_KEY: "folder for the lock files of require_lock",
    DEFAULT_BUCKET_NAME_ENV_VAR: "bucket for reports that are asked for without a location",
    CHECKSUM_KEY: "when_required: send files without a checksum",
    **EFS_MOUNT_VARIABLES,
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
