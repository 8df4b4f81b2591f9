"""S3 Inventory reports as S3 writes them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

COLUMNS = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass")

MANIFEST = "inventory/bucket/daily/2026-01-01T01-00Z/manifest.json"
"""The key of a manifest."""


def row_of(key: str, content: bytes = b"", modified: float = 0.0, **fields: Any) -> dict[str, Any]:
    """Return the row on an object, in which the key is not encoded."""
    time = datetime.fromtimestamp(modified, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    etag = hashlib.md5(content).hexdigest()
    row = {"Bucket": "bucket", "Key": key, "Size": len(content), "LastModifiedDate": time}
    return {**row, "ETag": etag, "StorageClass": "STANDARD", **fields}


def csv_file(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> bytes:
    """Return a compressed CSV file; all values are quoted, as S3 quotes them."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        encoded = {**row, "Key": quote_plus(row["Key"], safe="/")}
        writer.writerow([encoded[column] for column in columns])
    return gzip.compress(text.getvalue().encode(), 1)


def report(
    files: Iterable[bytes],
    columns: Sequence[str] = COLUMNS,
    kind: str = "CSV",
    bucket: str = "bucket",
    **fields: Any,
) -> dict[str, bytes]:
    """Return the objects of a report, by their keys.

    Args:
        files: the contents of its files.
        columns: the columns of CSV files.
        kind: the format of the files.
        bucket: the bucket whose objects are listed.
        fields: further fields of the manifest, or others.
    """
    suffix = "csv.gz" if kind == "CSV" else "parquet"
    contents = {
        f"inventory/{bucket}/daily/data/{number}.{suffix}": content
        for number, content in enumerate(files)
    }
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": "arn:aws:s3:::reports",
        "version": "2016-11-30",
        "creationTimestamp": "1514944800000",
        "fileFormat": kind,
        "fileSchema": ", ".join(columns) if kind == "CSV" else "message s3.inventory { }",
        "files": [
            {"key": key, "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()}
            for key, body in contents.items()
        ],
        **fields,
    }
    return {**contents, **signed(json.dumps(manifest).encode())}


def signed(manifest: bytes) -> dict[str, bytes]:
    """Return a manifest with its checksum, by their keys."""
    checksum = f"{hashlib.md5(manifest).hexdigest()}\n".encode()
    return {MANIFEST: manifest, MANIFEST.replace(".json", ".checksum"): checksum}
