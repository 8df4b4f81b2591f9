"""Environment variables that describe EFS mounts, for machines other than Lambda and Batch."""

from pathlib import PurePosixPath

from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest

EFS_MOUNT_POINT_PATH_KEY_PREFIX = "EFS_MOUNT_POINT_PATH"
EFS_MOUNT_POINT_ID_KEY_PREFIX = "EFS_MOUNT_POINT_ID"

EFS_MOUNT_VARIABLES = {
    f"{EFS_MOUNT_POINT_PATH_KEY_PREFIX}_<NAME>": (
        "outside of Lambda and Batch: directory at which an EFS file system is mounted"
    ),
    f"{EFS_MOUNT_POINT_ID_KEY_PREFIX}_<NAME>": (
        "ID of the file system or access point that is mounted there"
    ),
}
"""Descriptions of the variables, for the documentation of handlers that read them."""

_DIGEST_LENGTH = 6


def to_env_vars(
    path: str | PurePosixPath, target_id: str, name: str | None = None
) -> dict[str, str]:
    """Return the pair of environment variables that describes a mount.

    Args:
        path: the mount path.
        target_id: the ID of the file system or access point.
        name: the suffix of both variables; default: 6 hexadecimal digits derived from both values.
    """
    suffix = name or sha256_hexdigest([str(path), target_id])[:_DIGEST_LENGTH]
    return {
        f"{EFS_MOUNT_POINT_PATH_KEY_PREFIX}_{suffix}": str(path),
        f"{EFS_MOUNT_POINT_ID_KEY_PREFIX}_{suffix}": target_id,
    }
