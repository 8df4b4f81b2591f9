"""Locations: S3 URIs, EFS paths and local paths, parsed from text."""

import re
from pathlib import Path
from typing import Any, TypeAlias

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from .efs import EFSPath
from .quoted_names import unquote_name

DataLocation: TypeAlias = S3Path | EFSPath | Path
"""A location in S3, on EFS or on a local disk."""

# A URI, and also s3: or efs: with too few slashes, without the colon, or in capitals.
_URI = r"[A-Za-z][A-Za-z0-9+.-]*://|(s3|efs)(:|//)"


def parse_data_path(value: Any) -> DataLocation:
    """Parse a location: an S3 URI, else an EFS path, else a local path.

    Quoted names of EFS and local paths are unquoted; see `quoted_names`.

    Raises:
        ValidationError: the text is empty, is another URI, starts with ``~``, or starts with
            ``s3://`` or ``efs://`` and is not a valid S3 URI or EFS path.
        ValueError: ``value`` is neither a string nor a path.
    """
    if isinstance(value, S3Path | EFSPath | Path):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected a path, got {type(value).__name__}")
    if value.startswith("s3://"):
        return S3Path(value)
    if value.startswith("efs://") or (value.startswith("fs-") and EFSPath.is_valid(value)):
        return EFSPath(unquote_name(value))
    return _parse_local(value)


def parse_removable_path(value: Any) -> DataLocation:
    """Parse the location of a path to remove.

    Raises:
        ValidationError: it is not a location, or ends in ``.`` or ``..``.
    """
    # Before it is a Path, which drops a dot at its end.
    if str(value).rstrip("/").rpartition("/")[2] in (".", ".."):
        raise ValidationError(
            f"cannot remove {str(value)!r}: it ends in '.' or '..'. Give the name of the folder"
        )
    return parse_data_path(value)


def _parse_local(text: str) -> Path:
    if not text.strip():
        raise ValidationError("the path is empty: write the current folder as .")
    if (":" in text or "//" in text) and re.match(_URI, text, re.IGNORECASE):
        raise ValidationError(
            f"{text!r} is not a supported location: give an S3 URI (s3://BUCKET/KEY), an EFS path "
            "(efs://fs-ID:/PATH) or a local path. Write a local path of this form with ./ in front"
        )
    if text == "~" or text.startswith("~/"):
        raise ValidationError(
            f"{text!r} is not a supported location: ~ is not expanded here. Give the full path of "
            "the home directory, or write a local path of this form with ./ in front"
        )
    return Path(unquote_name(text))
