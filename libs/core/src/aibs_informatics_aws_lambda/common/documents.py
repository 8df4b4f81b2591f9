"""JSON documents as text, in local files or in S3: one decision between the three."""

from pathlib import Path
from typing import TypeAlias

from .files import unwritable_reason
from .json_io import JSON, json_or_path, parse_json, path_from_text
from .s3 import S3_SCHEME, S3Path

Location: TypeAlias = S3Path | Path
"""An object in S3 or a local file."""


def parse_location(location: str | Path) -> Location:
    """Return the location that an S3 URI, a local path or a ``file://`` URI refers to.

    Raises:
        ValidationError: the text starts with ``s3://`` and is not a valid S3 URI.
        ValueError: the text is a URI with another scheme, or of a file on another host.
    """
    if isinstance(location, Path):
        return location
    return S3Path(location) if location.startswith(S3_SCHEME) else path_from_text(location)


def parse_document(text: str) -> JSON | Location:
    """Return the JSON document in ``text``, or the location that ``text`` refers to.

    An S3 URI takes precedence over JSON text, and JSON text over a local path.

    Raises:
        ValidationError: the text starts with ``s3://`` and is not a valid S3 URI.
        ValueError: the text is invalid JSON, a URI with another scheme, or of a file on another
            host.
    """
    return S3Path(text) if text.startswith(S3_SCHEME) else json_or_path(text)


def parse_remote_document(text: str) -> JSON | S3Path:
    """Return the JSON document in ``text``, or the S3 URI that ``text`` is; never a local path.

    It is for text whose author must not read local files, such as the body of a message.

    Raises:
        ValidationError: the text starts with ``s3://`` and is not a valid S3 URI.
        ValueError: the text is not JSON.
    """
    if text.startswith(S3_SCHEME):
        return S3Path(text)
    return parse_json(text)


def check_writable(location: Location) -> None:
    """Check a location before a document is written to it.

    Raises:
        ValueError: the location is a local directory, or its directory is not writable.
    """
    reason = unwritable_reason(location) if isinstance(location, Path) else None
    if reason:
        raise ValueError(f"cannot write to {str(location)!r}: {reason}")
