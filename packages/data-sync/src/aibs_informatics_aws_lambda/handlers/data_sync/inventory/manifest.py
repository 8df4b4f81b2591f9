"""The manifest of an S3 Inventory report: which files list the objects, by which columns.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

Format: TypeAlias = Literal["CSV", "Parquet"]

MAX_MANIFEST_BYTES: Final = 64 * 2**20
"""A report of a billion objects has some thousands of files, with 200 bytes of a manifest each."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<bucket>.+)")


class InventoryError(ValueError):
    """A report cannot be used as a listing; the message names it, the reason, and the remedy."""


class DataFile(NamedTuple):
    """A file that lists objects.

    Args:
        key: its key in the bucket of the report.
        size: in bytes.
        md5: the MD5 digest of its content, in hexadecimal digits.
    """

    key: str
    size: int
    md5: str


class Manifest(NamedTuple):
    """A manifest.

    Args:
        name: its location, for messages.
        source_bucket: the bucket whose objects are listed.
        bucket: the bucket that has the files.
        format: the format of the files.
        columns: the names of the columns of CSV files, which have no header.
        files: the files.
    """

    name: str
    source_bucket: str
    bucket: str
    format: Format
    columns: Sequence[str]
    files: Sequence[DataFile]


def read_manifest(name: str, body: bytes, checksum: bytes) -> Manifest:
    """Return a manifest, once it is certain that it is whole.

    Args:
        name: its location, for messages.
        body: the content of ``manifest.json``.
        checksum: the content of ``manifest.checksum``.

    Raises:
        InventoryError: it is damaged, or describes files in a format that is not supported.
    """
    expected = checksum.decode("ascii", "replace").strip().lower()
    if hashlib.md5(body, usedforsecurity=False).hexdigest() != expected:
        raise InventoryError(
            f"cannot use the inventory {name}: it does not have the MD5 of its manifest.checksum. "
            "Copy both files again, or take another report"
        )
    try:
        document = json.loads(body)
    except ValueError as error:
        raise _damaged(name, f"it is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _damaged(name, "it is not a JSON object")
    kind = _format_of(name, _text(name, document, "fileFormat"))
    arn = _text(name, document, "destinationBucket")
    found = _ARN.fullmatch(arn)
    files = document.get("files")
    if not isinstance(files, list):
        raise _damaged(name, "files is not a list")
    return Manifest(
        name,
        _text(name, document, "sourceBucket"),
        # Services compatible with S3 may give the bare name.
        found["bucket"] if found else arn,
        kind,
        tuple(map(str.strip, _text(name, document, "fileSchema").split(",")))
        if kind == "CSV"
        else (),
        [_data_file(name, file) for file in files],
    )


def check_source(manifest: Manifest, bucket: str) -> None:
    """Raise `InventoryError` if a report is not about the objects of a bucket."""
    if manifest.source_bucket != bucket:
        raise InventoryError(
            f"the inventory {manifest.name} lists the bucket {manifest.source_bucket}, not "
            f"{bucket}: name a report of {bucket}, and the bucket itself rather than an access "
            "point"
        )


def _format_of(name: str, given: str) -> Format:
    if given == "CSV":
        return "CSV"
    if given == "Parquet":
        return "Parquet"
    raise InventoryError(
        f"cannot use the inventory {name}: its format, {given}, is not supported. Configure "
        "S3 Inventory to write CSV or Parquet"
    )


def _data_file(name: str, file: Any) -> DataFile:
    if not isinstance(file, dict):
        raise _damaged(name, "a file is not a JSON object")
    size, md5 = file.get("size"), _text(name, file, "MD5checksum").lower()
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _damaged(name, "the size of a file is not a number of bytes")
    if not _MD5.fullmatch(md5):
        raise _damaged(name, "the MD5checksum of a file is not an MD5 digest")
    return DataFile(_text(name, file, "key"), size, md5)


def _text(name: str, document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    if not isinstance(value, str) or not value:
        raise _damaged(name, f"it has no {field}")
    return value


def _damaged(name: str, reason: str) -> InventoryError:
    return InventoryError(
        f"{name} is not the manifest of an S3 Inventory report: {reason}. Name the manifest.json "
        "of a report"
    )
