"""Mounts of EFS file systems, and paths told from one side to the other.

All of it is text: a mount may be of a container that does not run yet, or of another machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .efs import EFSPath
from .mount_variables import to_env_vars

_ROOT = PurePosixPath("/")


@dataclass(frozen=True)
class MountPoint:
    """A folder at which an EFS file system, or what an access point shows of it, is mounted.

    Args:
        path: the folder, absolute.
        file_system_id: the file system, ``fs-...``.
        access_point_id: the access point that it is mounted through, ``fsap-...``, if any.
        root: the folder of the file system that appears at ``path``.
    """

    path: PurePosixPath
    file_system_id: str
    access_point_id: str | None = None
    root: PurePosixPath = _ROOT

    def holds(self, path: str | PurePosixPath) -> bool:
        """Tell whether a path on the machine or in the container lies in this mount."""
        return PurePosixPath(path).is_relative_to(self.path)

    def holds_efs_path(self, path: EFSPath) -> bool:
        """Tell whether a path on EFS can be seen through this mount."""
        return path.file_system_id == self.file_system_id and path.path.is_relative_to(self.root)

    def as_env_vars(self, name: str | None = None) -> dict[str, str]:
        """Return the two variables that tell a process of this mount, as `to_env_vars` does."""
        return to_env_vars(self.path, self.access_point_id or self.file_system_id, name)


def to_efs_path(path: str | PurePosixPath, mount_points: Iterable[MountPoint]) -> EFSPath:
    """Return where on EFS a path of the machine or the container lies, as ``fs-ID:/PATH``.

    Of several mounts that hold the path the innermost one counts.

    Raises:
        ValueError: no mount holds it; the message names the path.
    """
    plain = resolve_dots(path)
    mount_points = tuple(mount_points)
    mount_point = innermost_for_path(mount_points, plain)
    if mount_point is None:
        raise ValueError(
            f"{str(path)!r} does not lie in a mounted EFS file system; "
            f"mounted are {_listed(str(mount_point.path) for mount_point in mount_points)}"
        )
    place = mount_point.root / plain.relative_to(mount_point.path)
    return EFSPath(f"{mount_point.file_system_id}:{place}")


def to_mounted_path(path: EFSPath, mount_points: Iterable[MountPoint]) -> Path:
    """Return where a path on EFS is on this machine.

    Raises:
        ValueError: no mount shows it, or ``..`` leads out of it; the message names the path.
    """
    mount_points = tuple(mount_points)
    plain = EFSPath(f"{path.file_system_id}:{resolve_dots(path.path)}")
    mount_point = innermost_for_efs_path(mount_points, plain)
    if mount_point is None:
        shown = _listed(f"{m.file_system_id}:{m.root} at {m.path}" for m in mount_points)
        raise ValueError(f"{str(path)!r} is not mounted here; mounted are {shown}")
    return Path(mount_point.path) / plain.path.relative_to(mount_point.root)


def innermost_for_path(
    mount_points: Iterable[MountPoint], path: str | PurePosixPath
) -> MountPoint | None:
    """Return the mount with the longest path of those that hold ``path``."""
    holding = (mount_point for mount_point in mount_points if mount_point.holds(path))
    return max(holding, key=lambda mount_point: len(mount_point.path.parts), default=None)


def innermost_for_efs_path(mount_points: Iterable[MountPoint], path: EFSPath) -> MountPoint | None:
    """Return the mount with the longest root of those that show a path on EFS."""
    holding = (mount_point for mount_point in mount_points if mount_point.holds_efs_path(path))
    return max(holding, key=lambda mount_point: len(mount_point.root.parts), default=None)


def resolve_dots(path: str | PurePosixPath) -> PurePosixPath:
    """Return an absolute path without ``.`` and ``..``; links are not looked at.

    Raises:
        ValueError: the path is relative, or ``..`` leads above the root.
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
