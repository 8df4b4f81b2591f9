"""Locations: in S3, or at a local path, at which EFS may be mounted."""

from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from aibs_informatics_aws_lambda.common.s3 import S3_SCHEME, S3Path
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.locations import DataLocation, parse_data_path
from aibs_informatics_aws_lambda.storage.quoted_names import quote_name

_UNSUPPORTED = MappingProxyType(
    {
        "--x-s3": "directory buckets (S3 Express One Zone) are not supported, as they do not list "
        "keys in order",
        "--op-s3": "S3 on Outposts is not supported",
        ".mrap": "multi-Region access points are not supported, as they need SigV4A",
    }
)
_ENDINGS = tuple(_UNSUPPORTED)

Location: TypeAlias = S3Path | Path
"""A location that data can be read from or written to."""


class Root(NamedTuple):
    """The start of a location: what precedes the relative path of an entry.

    Args:
        bucket: the bucket, or `None` for local files.
        path: the start of the key or of the local path.
    """

    bucket: str | None
    path: str

    def __str__(self) -> str:
        return self.name()

    def at(self, relative: str) -> str:
        """Return the key or the local path of an entry."""
        return self.path + relative

    def name(self, relative: str = "") -> str:
        """Return the S3 URI or the local path of an entry."""
        path = self.path + relative
        return path if self.bucket is None else s3_uri(self.bucket, path)

    def text(self, relative: str = "") -> str:
        """Return `name` as valid Unicode text: bytes of a path that are not UTF-8 are quoted."""
        name = self.name(relative)
        return name if self.bucket is not None else quote_name(name)


def resolve(path: DataLocation) -> Location:
    """Return a location, an EFS path as the local path at which its file system is mounted.

    Raises:
        ValueError: the EFS file system is not mounted here.
        AWSError: the mount points cannot be looked up.
    """
    if not isinstance(path, EFSPath):
        if isinstance(path, S3Path):
            _check_bucket(path.removeprefix(S3_SCHEME).partition("/")[0])
        return path
    from aibs_informatics_aws_lambda.storage.mount_discovery import resolve_efs_path

    return resolve_efs_path(path)


def find_root(path: DataLocation) -> Root:
    """Return the bucket and key of a location, or its local path, as `resolve` does."""
    if isinstance(path, EFSPath):
        path = resolve(path)
    if isinstance(path, S3Path):
        bucket, _, key = path.removeprefix(S3_SCHEME).partition("/")
        _check_bucket(bucket)
        return Root(bucket, key)
    return Root(None, str(path))


def _check_bucket(bucket: str) -> None:
    if bucket.endswith(_ENDINGS):
        reason = next(text for end, text in _UNSUPPORTED.items() if bucket.endswith(end))
        raise ValueError(
            f"{S3_SCHEME}{bucket} cannot be used: {reason}. Give a general purpose bucket or an "
            "access point of a Region"
        )


def add_suffix(path: DataLocation, suffix: str) -> DataLocation:
    """Return a path with a suffix at the end of its stem: ``r-2.jsonl`` for ``r.jsonl``."""
    folder, slash, name = str(path).rpartition("/")
    stem, dot, rest = name.partition(".")
    return parse_data_path(f"{folder}{slash}{stem}-{suffix}{dot}{rest}")


def s3_uri(bucket: str, key: str) -> str:
    """Return the URI of an object or of a key prefix."""
    return f"{S3_SCHEME}{bucket}/{key}"
