"""EFS mount points, and the translation of paths between a mount point and its file system.

Nothing is looked up on disk: the mount may be on another machine, or in a container that has not
started yet.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest

from .efs import EFSPath
from .mount_variables import (
    EFS_MOUNT_POINT_ID_KEY_PREFIX as EFS_MOUNT_POINT_ID_KEY_PREFIX,
    EFS_MOUNT_POINT_PATH_KEY_PREFIX as EFS_MOUNT_POINT_PATH_KEY_PREFIX,
    EFS_MOUNT_VARIABLES as EFS_MOUNT_VARIABLES,
)

_ROOT = PurePosixPath("/")


class MountPoint(NamedTuple):
    """A directory at which an EFS file system or access point is mounted.

    Args:
        path: the absolute path of the directory.
        file_system_id: the ID of the file system, ``fs-...``.
        access_point_id: the ID of the access point, ``fsap-...``, if it is mounted through one.
        root: the directory of the file system that appears at ``path``.
    """

    path: PurePosixPath
    file_system_id: str
    access_point_id: str | None = None
    root: PurePosixPath = _ROOT

    def holds(self, path: str | PurePosixPath) -> bool:
        """Return whether a local or container path is below this mount point."""
        return PurePosixPath(path).is_relative_to(self.path)

    def holds_efs_path(self, path: EFSPath) -> bool:
        """Return whether a path on EFS is visible through this mount point."""
        return path.file_system_id == self.file_system_id and path.path.is_relative_to(self.root)

    def as_env_vars(self, name: str | None = None) -> dict[str, str]:
        """Return the pair of environment variables that describes this mount (`to_env_vars`)."""
        return to_env_vars(self.path, self.access_point_id or self.file_system_id, name)


def to_efs_path(path: str | PurePosixPath, mount_points: Iterable[MountPoint]) -> EFSPath:
    """Translate a local or container path into an EFS path, ``fs-ID:/PATH``.

    The innermost of several mount points applies.

    Raises:
        ValueError: the path is not below a mount point, or is not absolute.
    """
    plain = resolve_dots(path)
    mount_points = tuple(mount_points)
    mount_point = innermost_for_path(mount_points, plain)
    if mount_point is None:
        raise ValueError(
            f"{str(path)!r} is not on a mounted EFS file system; "
            f"mount points: {_listed(str(mount_point.path) for mount_point in mount_points)}"
        )
    efs_path = mount_point.root / plain.relative_to(mount_point.path)
    return EFSPath(f"{mount_point.file_system_id}:{efs_path}")


def to_mounted_path(path: EFSPath, mount_points: Iterable[MountPoint]) -> Path:
    """Translate an EFS path into a local path.

    Raises:
        ValueError: the path is not visible through a mount point, or leaves it by ``..``.
    """
    mount_points = tuple(mount_points)
    plain = EFSPath(f"{path.file_system_id}:{resolve_dots(path.path)}")
    mount_point = innermost_for_efs_path(mount_points, plain)
    if mount_point is None:
        shown = _listed(f"{m.file_system_id}:{m.root} at {m.path}" for m in mount_points)
        raise ValueError(f"{str(path)!r} is not mounted here; mount points: {shown}")
    return Path(mount_point.path) / plain.path.relative_to(mount_point.root)


def innermost_for_path(
    mount_points: Iterable[MountPoint], path: str | PurePosixPath
) -> MountPoint | None:
    """Return the innermost mount point above a path, if any."""
    holding = (mount_point for mount_point in mount_points if mount_point.holds(path))
    return max(holding, key=lambda mount_point: len(mount_point.path.parts), default=None)


def innermost_for_efs_path(mount_points: Iterable[MountPoint], path: EFSPath) -> MountPoint | None:
    """Return the mount point with the innermost root above an EFS path, if any."""
    holding = (mount_point for mount_point in mount_points if mount_point.holds_efs_path(path))
    return max(holding, key=lambda mount_point: len(mount_point.root.parts), default=None)


def resolve_dots(path: str | PurePosixPath) -> PurePosixPath:
    """Resolve ``.`` and ``..`` in an absolute path, without following symbolic links.

    Raises:
        ValueError: the path is relative, or leads above the root.
    """
    pure = PurePosixPath(path)
    if not pure.is_absolute():
        raise ValueError(f"{str(path)!r} is not an absolute path")
    parts: list[str] = []
    for part in pure.parts[1:]:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise ValueError(f"{str(path)!r} leads above the root of its file system")
    return PurePosixPath("/", *parts)


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts) or "none"


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
