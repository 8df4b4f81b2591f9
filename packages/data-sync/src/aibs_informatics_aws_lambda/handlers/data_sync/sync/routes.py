"""Routes: which path at the destination an entry of the source is synced to."""

import os
from dataclasses import dataclass, field

from aibs_informatics_aws_lambda.common.s3 import is_access_point

from ..local.mounts import find_device_path
from ..locations import Root as Root


@dataclass(frozen=True)
class Route:
    """The source and the target of the entries of one listing.

    Args:
        source: precedes the relative path of an entry.
        target: precedes the path of its target below the destination.
        kept_prefix: stands between both: the part of source keys after ``source_path_prefix``.
        single: whether there is only one entry, whose relative path is empty.

    Attributes:
        is_local: whether files are copied to files.
        is_remote_to_local: whether objects are downloaded.
    """

    source: Root
    target: Root
    kept_prefix: str = ""
    single: bool = False
    is_local: bool = field(init=False)
    is_remote_to_local: bool = field(init=False)

    def __post_init__(self) -> None:
        from_s3, to_s3 = self.source.bucket is not None, self.target.bucket is not None
        object.__setattr__(self, "is_local", not from_s3 and not to_s3)
        object.__setattr__(self, "is_remote_to_local", from_s3 and not to_s3)


def folder_route(source: Root, destination: Root, prefix: str | None = None) -> Route:
    """Return the route of the entries below a folder or key prefix.

    Args:
        source: the folder or prefix.
        destination: the folder or prefix to sync to.
        prefix: S3 to S3, the prefix to strip from source keys; default: the source.

    Raises:
        ValueError: the source does not start with the prefix.
    """
    if destination.bucket is not None:
        target = Root(destination.bucket, _key_folder(destination.path))
    else:
        target = Root(None, _folder(os.path.realpath(destination.path)))
    if source.bucket is None:
        return Route(Root(None, _folder(source.path)), target)
    key = _key_folder(source.path)
    kept_prefix = _kept(key, prefix, source) if prefix and destination.bucket is not None else ""
    return Route(Root(source.bucket, key), target, kept_prefix)


def single_route(source: Root, destination: Root, prefix: str | None = None) -> Route:
    """Return the route of one file or object.

    Args:
        source: the file or object.
        destination: the path, the key, or the key prefix with its slash, to sync to.
        prefix: as for `folder_route`.

    Raises:
        ValueError: the source does not start with the prefix.
    """
    if destination.bucket is None:
        return Route(source, Root(None, _resolved_file(destination.path)), single=True)
    kept = _kept(source.path, prefix, source) if prefix and source.bucket is not None else ""
    if kept:
        key = _key_folder(destination.path) + kept
    elif destination.path and not destination.path.endswith("/"):
        key = destination.path
    else:
        key = _key_folder(destination.path) + source.path.rpartition("/")[2]
    return Route(source, Root(destination.bucket, key), single=True)


def check_overlap(route: Route, *, delete: bool, retain: bool) -> bool:
    """Return whether source and target are one location.

    Raises:
        ValueError: they are, and the source is to be removed; or one is inside the other, and the
            sync would lose or repeat data.
    """
    source, target = _resolved(route.source), _resolved(route.target)
    if source.bucket != target.bucket:
        if delete or not retain:
            _check_access_points(source, target)
        return False
    if _are_same(route, source.path, target.path, delete=delete, retain=retain):
        return True
    paths = _find_device_paths(source, target) if route.is_local else None
    return paths is not None and _are_same(route, *paths, delete=delete, retain=retain)


def _are_same(route: Route, source: str, target: str, *, delete: bool, retain: bool) -> bool:
    """Return whether the source and the target of a route are at one path; see `check_overlap`."""
    if source == target + route.kept_prefix:
        if retain:
            return True
        raise ValueError(
            f"source and destination are the same location, {route.source.name()}: removing the "
            "source would lose the data. Set retain_source_data: true"
        )
    if route.single:
        return False
    mirror = target if delete else target + route.kept_prefix
    inside = source.startswith(mirror) or mirror.startswith(source)
    if inside and (delete or not retain or route.is_local):
        raise ValueError(
            f"source and destination overlap: {route.source.name()} and {route.target.name()}. "
            "Choose a destination outside the source"
            + ("" if route.is_local else ", or set delete: false and retain_source_data: true")
        )
    return False


def _find_device_paths(source: Root, target: Root) -> tuple[str, str] | None:
    """Return the paths of two local paths in one file system, which may be mounted twice."""
    one, other = find_device_path(source.path), find_device_path(target.path)
    if one is None or other is None or one.device != other.device:
        return None
    return one.path, other.path


def _check_access_points(source: Root, target: Root) -> None:
    """Check that two locations are apart, even if an access point is one of the other's bucket."""
    if source.bucket is None or target.bucket is None:
        return
    if not (is_access_point(source.bucket) or is_access_point(target.bucket)):
        return
    one, other = source.path, target.path
    if one.startswith(other) or other.startswith(one):
        raise ValueError(
            f"{source.name()} and {target.name()} may be the same location, as an access point "
            "does not name its bucket: objects could be lost. Give both buckets, or set delete: "
            "false and retain_source_data: true"
        )


def _resolved(root: Root) -> Root:
    if root.bucket is not None:
        return root
    real = os.path.realpath(root.path)
    return Root(None, _folder(real) if root.path.endswith("/") else real)


def _resolved_file(path: str) -> str:
    """Return the path of a file with symlinks resolved in its parent, but not in the file."""
    folder, slash, name = path.rpartition("/")
    if name in ("", ".", ".."):
        return os.path.realpath(path)
    return f"{_folder(os.path.realpath(folder + slash))}{name}"


def _folder(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"


def _key_folder(key: str) -> str:
    """Return a key with one slash at its end; the empty key, the whole bucket, stays empty."""
    key = key.rstrip("/")
    return f"{key}/" if key else ""


def _kept(key: str, prefix: str, source: Root) -> str:
    if not key.startswith(prefix):
        raise ValueError(
            f"source_path_prefix {prefix!r} is not a prefix of the key of {source.name()!r}"
        )
    return key.removeprefix(prefix).removeprefix("/")
