"""From where to where entries go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..locations import Location


class Root(NamedTuple):
    """What stands before the relative path of an entry.

    Args:
        bucket: the bucket, or `None` for local files.
        path: the beginning of the key or of the local path; with what follows it, all of it.
    """

    bucket: str | None
    path: str

    def at(self, relative: str) -> str:
        """Return the key or the local path of an entry."""
        return self.path + relative

    def name(self, relative: str = "") -> str:
        """Return the URI or the local path of an entry."""
        path = self.at(relative)
        return path if self.bucket is None else f"s3://{self.bucket}/{path}"


@dataclass(frozen=True)
class Route:
    """Where the entries of one listing come from and go to.

    Args:
        source: stands before an entry's relative path at the source.
        target: stands before the path of its target below the destination.
        kept_prefix: stands between both: the part of keys that a prefix has kept.
        single: whether there is one entry, which has no relative path.
    """

    source: Root
    target: Root
    kept_prefix: str = ""
    single: bool = False

    @property
    def is_remote_to_local(self) -> bool:
        """Tell whether objects become files."""
        return self.source.bucket is not None and self.target.bucket is None

    @property
    def is_local(self) -> bool:
        """Tell whether files stay files."""
        return self.source.bucket is None and self.target.bucket is None


def folder_route(source: Location, destination: Location, prefix: str | None = None) -> Route:
    """Return the route of what lies below a folder or prefix.

    Args:
        source: the folder.
        destination: where it goes.
        prefix: S3 to S3, what is cut off keys in location of the source.

    Raises:
        ValueError: the source does not start with the prefix.
    """
    if isinstance(destination, S3Path):
        target = Root(destination.bucket, destination.with_folder_suffix.key)
    else:
        target = Root(None, _folder(os.path.realpath(destination)))
    if not isinstance(source, S3Path):
        return Route(Root(None, _folder(str(source))), target)
    key = source.with_folder_suffix.key
    kept_prefix = _kept(key, prefix, source) if prefix and isinstance(destination, S3Path) else ""
    return Route(Root(source.bucket, key), target, kept_prefix)


def single_route(source: Location, destination: Location, prefix: str | None = None) -> Route:
    """Return the route of one file or object, as `folder_route` does."""
    key = source.key if isinstance(source, S3Path) else str(source)
    root = Root(source.bucket if isinstance(source, S3Path) else None, key)
    if not isinstance(destination, S3Path):
        return Route(root, Root(None, _resolved_file(destination)), single=True)
    kept = _kept(key, prefix, source) if prefix and isinstance(source, S3Path) else ""
    if kept:
        target = destination.with_folder_suffix.key + kept
    elif destination.key and not destination.has_folder_suffix():
        target = destination.key
    else:
        target = destination.with_folder_suffix.key + key.rpartition("/")[2]
    return Route(root, Root(destination.bucket, target), single=True)


def check_overlap(route: Route, *, delete: bool, retain: bool) -> bool:
    """Tell whether source and target are one location.

    Raises:
        ValueError: they are and the source is to be removed, or one lies inside the other and
            that would lose or repeat data.
    """
    source, target = _resolved(route.source), _resolved(route.target)
    if source.bucket != target.bucket:
        return False
    if source.path == target.path + route.kept_prefix:
        if retain:
            return True
        raise ValueError(
            f"source and destination are one location, {route.source.name()}: removing the source "
            "would lose the data; give retain_source_data: true"
        )
    if route.single:
        return False
    mirror = target.path if delete else target.path + route.kept_prefix
    inside = source.path.startswith(mirror) or mirror.startswith(source.path)
    if inside and (delete or not retain or route.is_local):
        raise ValueError(
            f"{route.source.name()} and {route.target.name()} lie one inside the other: "
            "choose a destination outside of the source"
            + ("" if route.is_local else ", or give delete: false and retain_source_data: true")
        )
    return False


def _resolved(root: Root) -> Root:
    if root.bucket is not None:
        return root
    real = os.path.realpath(root.path)
    return Root(None, _folder(real) if root.path.endswith("/") else real)


def _resolved_file(path: Path) -> str:
    """Return the path of a file with all links resolved but one that stands in its location."""
    if path.name in ("", ".."):
        return os.path.realpath(path)
    return f"{_folder(os.path.realpath(path.parent))}{path.name}"


def _folder(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _kept(key: str, prefix: str, source: S3Path) -> str:
    if not key.startswith(prefix):
        raise ValueError(
            f"source_path_prefix {prefix!r} is not how the key of {str(source)!r} starts"
        )
    return key.removeprefix(prefix).removeprefix("/")
