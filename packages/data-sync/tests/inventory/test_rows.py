"""Rows of S3 Inventory reports as entries."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import sys

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.inventory import rows as rows_module
from aibs_informatics_aws_lambda.handlers.data_sync.inventory.manifest import InventoryError
from aibs_informatics_aws_lambda.handlers.data_sync.inventory.rows import read_csv, read_parquet
from s3_inventory import COLUMNS, csv_file, row_of

VERSIONED = ("Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", *COLUMNS[2:])


def read(content: bytes, columns=COLUMNS, prefix=""):
    return list(read_csv(io.BytesIO(content), "file", "bucket", columns, prefix))


def test_row_is_an_entry():
    row = row_of("a", b"text", 86400.5, StorageClass="GLACIER", ETag='"abc-2"')

    (entry,) = read(csv_file([row]))

    assert entry is not None
    assert (entry.relative, entry.size, entry.modified) == ("a", 4, 86400)
    assert (entry.etag, entry.storage_class) == ("abc-2", "GLACIER")


@pytest.mark.parametrize(
    "key", ["a b", "a+b", "a%20b", 'a"b,c', "ä/\u2028", "a\nb", "/a//b/", "%", "日本"]
)
def test_key_is_decoded(key):
    (entry,) = read(csv_file([row_of(key)]))

    assert entry is not None
    assert entry.relative == key


def test_objects_elsewhere_are_only_counted():
    found = read(csv_file([row_of("a/b"), row_of("b"), row_of("a")]), prefix="a/")

    assert [entry and entry.relative for entry in found] == ["a/b", None, None]


def test_earlier_versions_and_deleted_objects_are_left_out():
    rows = [
        row_of("a", b"new", VersionId="2", IsLatest="true", IsDeleteMarker="false"),
        row_of("a", b"x", VersionId="1", IsLatest="false", IsDeleteMarker="false"),
        row_of("b", VersionId="2", IsLatest="true", IsDeleteMarker="true", Size="", ETag=""),
        row_of("b", b"x", VersionId="1", IsLatest="false", IsDeleteMarker="false"),
    ]

    found = read(csv_file(rows, VERSIONED), VERSIONED)

    assert [(entry.relative, entry.size) for entry in found if entry] == [("a", 3)]


@pytest.mark.parametrize("column", ["Key", "Size", "LastModifiedDate", "ETag"])
def test_missing_column_is_named(column):
    columns = [name for name in COLUMNS if name != column]

    with pytest.raises(InventoryError, match=f"file: it has no column {column}. Add the field"):
        read(csv_file([], columns), columns)


def test_versions_without_the_latest_are_no_listing():
    columns = (*COLUMNS, "VersionId")

    with pytest.raises(InventoryError, match="no column IsLatest and no column IsDeleteMarker"):
        read(csv_file([], columns), columns)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"Size": "-1"}, "'-1' is not a number of bytes"),
        ({"Size": ""}, "'' is not a number of bytes"),
        ({"Size": "1.5"}, "'1.5' is not a number of bytes"),
        ({"Size": "9" * 5000}, "row 1"),
        ({"LastModifiedDate": "soon"}, "Invalid isoformat string: 'soon'"),
        ({"LastModifiedDate": "2026-01-01T00:00:00"}, "has no time zone"),
        ({"ETag": ""}, "an object has no key or no ETag"),
        ({"Key": ""}, "an object has no key or no ETag"),
    ],
)
def test_bad_value_is_named_with_its_row(fields, reason):
    with pytest.raises(InventoryError, match=r"cannot use file: it is damaged, row 1") as failure:
        read(csv_file([row_of("a", **fields)]))

    assert reason in str(failure.value)


def test_row_of_another_bucket_is_refused():
    with pytest.raises(InventoryError, match="row 2 is about the bucket 'other', not bucket"):
        read(csv_file([row_of("a"), row_of("b", Bucket="other")]))


def test_truth_that_is_none_is_refused():
    row = row_of("a", VersionId="1", IsLatest="perhaps", IsDeleteMarker="false")

    with pytest.raises(InventoryError, match="'perhaps' is neither true nor false"):
        read(csv_file([row], VERSIONED), VERSIONED)


WHOLE = csv_file([row_of(f"key-{number}") for number in range(1000)])


@pytest.mark.parametrize(
    "content",
    [
        WHOLE[: len(WHOLE) // 2],
        b"no gzip",
        WHOLE[:100] + b"\0\0\0\0" + WHOLE[104:],
        WHOLE + b"more",
        gzip.compress(b"\xff\n"),
        gzip.compress(b'"a","b"\n'),
        gzip.compress(b'"a,b\n'),
        gzip.compress(b'"bucket","%ff","0","2026-01-01T00:00:00Z","e","STANDARD"\n'),
    ],
    ids=["cut", "no gzip", "changed", "longer", "no UTF-8", "columns", "quotes", "key"],
)
def test_damaged_file_is_refused(content):
    with pytest.raises(InventoryError, match="cannot use file: it is damaged, "):
        read(content)


def test_key_may_have_a_newline_that_is_not_encoded():
    content = gzip.compress(b'"bucket","a\nb","0","2026-01-01T00:00:00Z","e","STANDARD"\n')

    [entry] = read(content)

    assert entry.relative == "a\nb"


def test_line_without_an_end_is_refused(monkeypatch):
    monkeypatch.setattr(rows_module, "_MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(rows_module, "_BLOCK_BYTES", 100)

    with pytest.raises(InventoryError, match="a line is too long"):
        read(gzip.compress(b"x" * 10_000))


def test_missing_pyarrow_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InventoryError, match="Install the extra `inventory`"):
        list(read_parquet(io.BytesIO(), "file", "bucket", ""))


def parquet_file(rows, **types) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    fields = {
        "bucket": pyarrow.string(),
        "key": pyarrow.string(),
        "size": pyarrow.int64(),
        "last_modified_date": pyarrow.timestamp("ms", tz="UTC"),
        "e_tag": pyarrow.string(),
        "storage_class": pyarrow.string(),
        **types,
    }
    schema = pyarrow.schema({name: kind for name, kind in fields.items() if kind is not None})
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), file)
    return file.getvalue()


def parquet_row(key, **fields):
    time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    row = {"bucket": "bucket", "key": key, "size": 3, "last_modified_date": time, "e_tag": "abc"}
    return {**row, "storage_class": "DEEP_ARCHIVE", **fields}


def test_parquet_has_the_same_entries_and_keys_as_they_are():
    content = parquet_file([parquet_row("a%20+b"), parquet_row("c")])

    entry, other = read_parquet(io.BytesIO(content), "file", "bucket", "a")

    assert other is None
    assert entry is not None
    assert (entry.relative, entry.size, entry.etag) == ("a%20+b", 3, "abc")
    assert entry.modified == dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()
    assert entry.storage_class == "DEEP_ARCHIVE"


def test_parquet_without_a_column_or_of_another_bucket_is_refused():
    lacking = parquet_file([parquet_row("a")], e_tag=None)
    other = parquet_file([parquet_row("a", bucket="other")])
    empty = parquet_file([parquet_row("a", size=None)])

    without_key = parquet_file([parquet_row(None)])

    for content, reason in (
        (without_key, "row 1: the key None is not a text"),
        (lacking, "it has no column ETag"),
        (other, "about the bucket 'other'"),
        (empty, "row 1: None is not a number of bytes"),
        (lacking[:-20], "it is damaged"),
    ):
        with pytest.raises(InventoryError, match=reason):
            list(read_parquet(io.BytesIO(content), "file", "bucket", ""))
