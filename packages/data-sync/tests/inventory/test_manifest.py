"""Manifests of S3 Inventory reports."""

from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.inventory.manifest import (
    InventoryError,
    check_source,
    read_manifest,
)
from s3_inventory import MANIFEST, report, signed

NAME = f"s3://reports/{MANIFEST}"
CHECKSUM = MANIFEST.replace(".json", ".checksum")


def read(objects):
    return read_manifest(NAME, objects[MANIFEST], objects[CHECKSUM])


def changed(**fields):
    document = {**json.loads(report([b"x"])[MANIFEST]), **fields}
    return signed(json.dumps(document).encode())


def test_manifest_names_bucket_columns_and_files():
    found = read(report([b"x", b"yz"], ["Bucket", "Key"]))

    assert (found.source_bucket, found.bucket, found.format) == ("bucket", "reports", "CSV")
    assert list(found.columns) == ["Bucket", "Key"]
    assert [file.size for file in found.files] == [1, 2]


def test_manifest_of_parquet_has_its_columns_in_the_files():
    assert read(report([b"x"], kind="Parquet")).format == "Parquet"


@pytest.mark.parametrize("checksum", [b"", b"0" * 32, b"\xff"])
def test_checksum_must_be_that_of_the_manifest(checksum):
    objects = report([b"x"])

    with pytest.raises(InventoryError, match="does not have the MD5 of its manifest"):
        read_manifest(NAME, objects[MANIFEST], checksum)


def test_orc_is_refused_by_name():
    with pytest.raises(InventoryError, match="its format, ORC, is not supported"):
        read(changed(fileFormat="ORC"))


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        (signed(b"{"), "it is not JSON"),
        (signed(b"[]"), "it is not a JSON object"),
        (signed(b"\xff"), "it is not JSON"),
        (changed(sourceBucket=""), "it has no sourceBucket"),
        (changed(fileFormat=None), "it has no fileFormat"),
        (changed(fileSchema=3), "it has no fileSchema"),
        (changed(files=None), "files is not a list"),
        (changed(files=["a"]), "a file is not a JSON object"),
        (changed(files=[{"key": "a", "size": "1", "MD5checksum": "0" * 32}]), "size of a file"),
        (changed(files=[{"key": "a", "size": 1, "MD5checksum": "0"}]), "MD5checksum of a file"),
        (changed(files=[{"size": 1, "MD5checksum": "0" * 32}]), "it has no key"),
    ],
)
def test_other_documents_are_refused(objects, reason):
    with pytest.raises(InventoryError, match="is not the manifest of an S3 Inventory") as failure:
        read(objects)

    assert reason in str(failure.value)


def test_report_of_another_bucket_is_refused():
    manifest = read(report([b"x"]))

    check_source(manifest, "bucket")
    with pytest.raises(InventoryError, match="lists the bucket bucket, not other: name a report"):
        check_source(manifest, "other")
