"""Environment variables that describe EFS mount points."""

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
