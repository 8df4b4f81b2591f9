from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.object_headers import (
    copy_headers,
    guess_type,
    needs_source,
    upload_headers,
    upload_of_parts_headers,
)
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, ObjectSettings
from tables import table

SOURCE = {
    "content-type": "text/plain",
    "x-amz-meta-a": "1",
    "x-amz-storage-class": "STANDARD_IA",
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": "key",
    "etag": "e",
}


def settings(**fields: object) -> ObjectSettings:
    return ObjectSettings.from_dict(fields)


@table(
    "name, kind",
    {
        "text": ("a.csv", "text/csv"),
        "a folder does not count": ("a.csv/b", None),
        "a compressed file is not what it contains": ("a.csv.gz", "application/gzip"),
        "an unknown extension": ("a.unknown-extension", None),
        "no extension": ("README", None),
        "a hidden file without extension": ("a.csv/.csv", None),
        "a hidden file": (".a.csv", "text/csv"),
        "a dot at the end": ("a.", None),
        "an extension in capitals": ("a.CSV", "text/csv"),
        "an extension that stands for two": ("a.tgz", "application/gzip"),
    },
)
def test_type_by_name(name, kind):
    assert guess_type(name) == kind


@table(
    "fields, headers",
    {
        "nothing": ({}, {}),
        "a guess": ({"guess_content_type": True}, {"content-type": "text/csv"}),
        "a given type is no guess": (
            {"guess_content_type": True, "content_type": "x/y"},
            {"content-type": "x/y"},
        ),
        "a storage class": (
            {"storage_class": "GLACIER_IR"},
            {"x-amz-storage-class": "GLACIER_IR"},
        ),
        "metadata in lower case": ({"metadata": {"Run": "1"}}, {"x-amz-meta-run": "1"}),
        "tags are escaped": ({"tags": {"a b": "c&d"}}, {"x-amz-tagging": "a+b=c%26d"}),
        "encryption": (
            {"sse": "aws:kms", "sse_kms_key_id": "key"},
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "key",
            },
        ),
    },
)
def test_headers_of_an_upload(fields, headers):
    assert upload_headers(settings(**fields))("a/b.csv") == headers


@table(
    "fields, headers, reads_source",
    {
        "nothing": ({}, {}, False),
        "a storage class leaves metadata alone": (
            {"storage_class": "STANDARD"},
            {"x-amz-storage-class": "STANDARD"},
            False,
        ),
        "storage class and encryption are kept": (
            {"keep": True},
            {name: value for name, value in SOURCE.items() if name.startswith("x-amz-s")},
            True,
        ),
        "what is given takes precedence": (
            {"keep": True, "storage_class": "STANDARD", "sse": "AES256"},
            {"x-amz-storage-class": "STANDARD", "x-amz-server-side-encryption": "AES256"},
            False,
        ),
        "another encryption has no key of the source": (
            {"keep": True, "sse": "AES256"},
            {
                "x-amz-storage-class": SOURCE["x-amz-storage-class"],
                "x-amz-server-side-encryption": "AES256",
            },
            True,
        ),
        "metadata is added to that of the source": (
            {"metadata": {"b": "2"}},
            {
                "content-type": "text/plain",
                "x-amz-meta-a": "1",
                "x-amz-meta-b": "2",
                "x-amz-metadata-directive": "REPLACE",
            },
            True,
        ),
        "tags replace those of the source": (
            {"tags": {"a": "1"}},
            {"x-amz-tagging": "a=1", "x-amz-tagging-directive": "REPLACE"},
            False,
        ),
    },
)
def test_headers_of_a_copy(fields, headers, reads_source):
    assert copy_headers(settings(**fields))(SOURCE) == headers
    assert needs_source(settings(**fields)) is reads_source


def test_copy_in_parts_has_the_metadata_of_its_source():
    metadata = {"content-type": "text/plain", "x-amz-meta-a": "1"}

    assert upload_of_parts_headers(None, SOURCE) == metadata
    assert upload_of_parts_headers(settings(acl="private"), SOURCE) == {
        **metadata,
        "x-amz-acl": "private",
    }
    assert upload_of_parts_headers(settings(keep=True, sse="AES256"), SOURCE) == {
        **metadata,
        "x-amz-storage-class": SOURCE["x-amz-storage-class"],
        "x-amz-server-side-encryption": "AES256",
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"content_type": "a\r\nb: c"},
        {"metadata": {"a": "\u00e9"}},
        {"metadata": {"a b": "c"}},
        {"sse": "des"},
        {"part_size": 2**20},
    ],
)
def test_invalid_settings_are_refused(fields):
    with pytest.raises(ValueError, match="ObjectSettings"):
        settings(**fields)


def test_large_file_is_uploaded_in_parts_of_the_size_that_is_set(aws, tmp_path):
    aws.make_bucket()
    (tmp_path / "a").write_bytes(bytes(range(256)) * (44 << 10))
    up = {
        "source_path": str(tmp_path / "a"),
        "destination_path": "s3://bucket/a",
        "object_settings": {"part_size": 5 * 2**20},
    }

    first, second = (Engine().sync(DataSyncRequest.from_dict(up)) for _ in range(2))

    assert (first.result.files_transferred, second.result.files_transferred) == (1, 0)
    assert aws.client("s3").head_object(Bucket="bucket", Key="a")["ETag"].endswith('-3"')


def test_objects_are_stored_and_copied_with_settings(aws, tmp_path):
    aws.make_bucket()
    for name in ("a.csv", "b"):
        (tmp_path / "data" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
    engine = Engine()
    given = {"guess_content_type": True, "storage_class": "STANDARD_IA", "tags": {"t": "1"}}
    up = {"source_path": str(tmp_path / "data"), "destination_path": "s3://bucket/a/"}
    within = {"source_path": "s3://bucket/a/", "destination_path": "s3://bucket/b/"}

    engine.sync(DataSyncRequest.from_dict({**up, "object_settings": given}))
    kept = {"keep": True, "metadata": {"x": "y"}}
    engine.sync(DataSyncRequest.from_dict({**within, "object_settings": kept}))

    s3 = aws.client("s3")
    first, second = (s3.head_object(Bucket="bucket", Key=key) for key in ("a/a.csv", "b/a.csv"))
    assert first["ContentType"] == second["ContentType"] == "text/csv"
    assert first["StorageClass"] == second["StorageClass"] == "STANDARD_IA"
    assert (first["Metadata"], second["Metadata"]) == ({}, {"x": "y"})
    tags = s3.get_object_tagging(Bucket="bucket", Key="b/a.csv")["TagSet"]
    assert tags == [{"Key": "t", "Value": "1"}]
