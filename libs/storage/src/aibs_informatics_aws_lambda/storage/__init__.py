"""S3, EFS and local paths, EFS mounts, and the models of data syncs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.lazy import lazy_names

if TYPE_CHECKING:
    from .efs import EFSPath as EFSPath
    from .efs_inventory import (
        AccessPoint as AccessPoint,
        EfsInventory as EfsInventory,
        FileSystem as FileSystem,
    )
    from .locations import DataLocation as DataLocation, parse_data_path as parse_data_path
    from .mount_discovery import (
        find_mount_points as find_mount_points,
        resolve_efs_path as resolve_efs_path,
    )
    from .mount_points import (
        MountPoint as MountPoint,
        to_efs_path as to_efs_path,
        to_env_vars as to_env_vars,
        to_mounted_path as to_mounted_path,
    )
    from .paths import *

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "efs": ("EFSPath",),
        "efs_inventory": ("AccessPoint", "EfsInventory", "FileSystem"),
        "locations": ("DataLocation", "parse_data_path"),
        "mount_discovery": ("find_mount_points", "resolve_efs_path"),
        "mount_points": ("MountPoint", "to_efs_path", "to_mounted_path", "to_env_vars"),
        "paths": ("DataPath", "EFSOrLocalPath", "S3OrLocalPath"),
    },
)
