"""The rows of an S3 Inventory report as entries.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory.html
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import IO, Any, Final, NamedTuple
from urllib.parse import unquote_plus

from ..entries import Entry
from .manifest import InventoryError

REQUIRED: Final = ("Key", "Size", "LastModifiedDate", "ETag")
"""The columns without which a source cannot be compared."""

# Fields are short, but for a key of 1,024 bytes, each of them encoded in three.
_MAX_LINE_BYTES = 2**20
_BLOCK_BYTES = 2**18
_BATCH_ROWS = 2**13
_TRUTH: Final = {"true": True, "false": False}
_MAY_BE_ARCHIVED: Final = frozenset({"GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING"})

# The names of the columns that are read, in CSV and in Parquet.
_IN_PARQUET: Final = {
    "Bucket": "bucket",
    "Key": "key",
    "VersionId": "version_id",
    "IsLatest": "is_latest",
    "IsDeleteMarker": "is_delete_marker",
    "Size": "size",
    "LastModifiedDate": "last_modified_date",
    "ETag": "e_tag",
    "StorageClass": "storage_class",
}


class _Columns(NamedTuple):
    """The position of each column; `None` if the report does not have it."""

    bucket: int | None
    key: int
    version: int | None
    is_latest: int | None
    is_delete_marker: int | None
    size: int
    modified: int
    etag: int
    storage_class: int | None


def read_csv(
    file: IO[bytes], name: str, bucket: str, columns: Sequence[str], prefix: str
) -> Iterator[Entry | None]:
    """Yield the current objects in a CSV file, compressed by gzip.

    Args:
        file: the file.
        name: its name, for messages.
        bucket: the bucket whose objects the report lists.
        columns: the names of the columns.
        prefix: the key prefix. ``relative`` of the objects is their whole key.

    Yields:
        The objects whose keys start with the prefix, and `None` for each other object.

    Raises:
        InventoryError: the file is damaged, or is about another bucket.
    """
    positions = _find_columns(name, columns)
    rows = csv.reader(_lines(file), strict=True)
    try:
        yield from _entries(rows, name, bucket, positions, prefix, len(columns), _decode)
    except (csv.Error, EOFError, gzip.BadGzipFile, zlib.error, UnicodeError) as error:
        raise _damaged(name, f"after row {rows.line_num:,}: {error}") from None


def read_parquet(file: IO[bytes], name: str, bucket: str, prefix: str) -> Iterator[Entry | None]:
    """Yield the current objects in a Parquet file, as `read_csv` does.

    Raises:
        InventoryError: the file is damaged, or is about another bucket, or pyarrow is not
            installed.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise InventoryError(
            f"cannot read {name}: pyarrow is not installed. Install the extra `inventory` of "
            "aibs-informatics-aws-lambda-data-sync, or configure S3 Inventory to write CSV"
        ) from None
    try:
        table = parquet.ParquetFile(file)
        names = set(table.schema_arrow.names)
        # Those of `_IN_PARQUET`, by the names that CSV files have for them.
        read = [column for column, given in _IN_PARQUET.items() if given in names]
        positions = _find_columns(name, read)
        given = [_IN_PARQUET[column] for column in read]
        batches = table.iter_batches(batch_size=_BATCH_ROWS, columns=given)
        rows = (row for batch in batches for row in _rows_of(batch, given))
        yield from _entries(rows, name, bucket, positions, prefix, len(read), _as_text)
    except InventoryError:
        raise
    except (ArrowException, OSError, OverflowError, ValueError) as error:
        raise _damaged(name, str(error)) from None


def _rows_of(batch: Any, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def _find_columns(name: str, columns: Sequence[str]) -> _Columns:
    positions = {column: number for number, column in enumerate(columns)}
    missing = [column for column in REQUIRED if column not in positions]
    if "VersionId" in positions:
        missing += [column for column in ("IsLatest", "IsDeleteMarker") if column not in positions]
    if missing:
        raise InventoryError(
            f"cannot use {name}: it has no column {' and no column '.join(missing)}. Add the "
            "field to the configuration of the inventory (Size, LastModifiedDate and ETag are "
            "optional fields), and take the next report"
        )
    return _Columns(*(positions.get(column) for column in _IN_PARQUET))  # type: ignore[arg-type]


def _entries(
    rows: Iterable[Sequence[Any]],
    name: str,
    bucket: str,
    columns: _Columns,
    prefix: str,
    width: int,
    decode: Callable[[str], str],
) -> Iterator[Entry | None]:
    at_key, at_bucket = columns.key, columns.bucket
    is_versioned = columns.is_latest is not None or columns.is_delete_marker is not None
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise _damaged(name, f"row {number:,} has {len(row)} columns instead of {width}")
        if at_bucket is not None and row[at_bucket] != bucket:
            raise InventoryError(
                f"cannot use {name}: row {number:,} is about the bucket {row[at_bucket]!r}, not "
                f"{bucket}"
            )
        if is_versioned and not _is_current(row, columns, name, number):
            continue
        try:
            key = decode(row[at_key])
            yield _entry(key, row, columns) if key.startswith(prefix) else None
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise _damaged(name, f"row {number:,}: {error}") from None


def _is_current(row: Sequence[Any], columns: _Columns, name: str, number: int) -> bool:
    """Return whether a row is about the version that is read where none is named."""
    latest = _truth(row, columns.is_latest, True, name, number)
    return latest and not _truth(row, columns.is_delete_marker, False, name, number)


def _truth(
    row: Sequence[Any], position: int | None, default: bool, name: str, number: int
) -> bool:
    if position is None:
        return default
    value = row[position]
    found = value if isinstance(value, bool) else _TRUTH.get(str(value).lower())
    if found is None:
        raise _damaged(name, f"row {number:,}: {value!r} is neither true nor false")
    return found


def _entry(key: str, row: Sequence[Any], columns: _Columns) -> Entry:
    size, modified, etag = row[columns.size], row[columns.modified], row[columns.etag]
    if not str(size).isdecimal():
        raise ValueError(f"{size!r} is not a number of bytes")
    if not key or not etag:
        raise ValueError("an object has no key or no ETag")
    time = modified if isinstance(modified, datetime) else datetime.fromisoformat(modified)
    if time.tzinfo is None:
        raise ValueError(f"{modified} has no time zone")
    storage_class = None if columns.storage_class is None else row[columns.storage_class]
    return Entry(
        key,
        int(size),
        time.timestamp(),
        etag.strip('"'),
        storage_class=storage_class if storage_class in _MAY_BE_ARCHIVED else None,
    )


def _decode(key: str) -> str:
    """Return a key of a CSV file, in which keys are encoded as in URLs."""
    if "%" in key or "+" in key:
        return unquote_plus(key, errors="strict")
    return key


def _as_text(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is not a text")
    return key


def _lines(file: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a compressed file; none is longer than memory allows."""
    rest = b""
    with gzip.open(file) as content:
        while block := content.read(_BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                # A line may end within a value.
                yield f"{line.decode()}\n"
            if len(rest) > _MAX_LINE_BYTES:
                raise csv.Error("a line is too long")
    if rest:
        yield rest.decode()


def _damaged(name: str, reason: str) -> InventoryError:
    return InventoryError(
        f"cannot use {name}: it is damaged, {reason}. Take another report of the inventory"
    )
