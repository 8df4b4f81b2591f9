"""S3 URIs behave as text and as paths."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest
from aibs_informatics_aws_lambda.common.s3 import S3Path

FILE = S3Path("s3://bucket/a/b.txt")
FOLDER = S3Path("s3://bucket/a/")
BUCKET = S3Path("s3://bucket")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (FILE / "c", "s3://bucket/a/b.txt/c"),
        (FOLDER / "c", "s3://bucket/a/c"),
        (FOLDER / "/c", "s3://bucket/a/c"),
        (FOLDER / "c/", "s3://bucket/a/c/"),
        (FOLDER / Path("x/y"), "s3://bucket/a/x/y"),
        (FOLDER / PurePosixPath("/x"), "s3://bucket/a/x"),
        (FOLDER / FILE, "s3://bucket/a/a/b.txt"),
        (BUCKET / "c", "s3://bucket/c"),
        (FILE // "x", "s3://bucket/x"),
        (FILE // Path("/x"), "s3://bucket/x"),
        (FILE + "x", "s3://bucket/a/b.txtx"),
        (FILE.parent, "s3://bucket/a/"),
        (FOLDER.parent, "s3://bucket/"),
        (FILE.with_suffix(".csv"), "s3://bucket/a/b.csv"),
        (FILE.with_suffix(""), "s3://bucket/a/b"),
        (S3Path.build("bucket", "/a"), "s3://bucket/a"),
        (S3Path.build(bucket_name="bucket", key="a"), "s3://bucket/a"),
        (S3Path("s3://bucket//a//b"), "s3://bucket/a/b"),
    ],
)
def test_operations_return_uris(path, expected):
    assert isinstance(path, S3Path)
    assert str(path) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (FILE.name, "b.txt"),
        (FOLDER.name, "a"),
        (FILE.suffix, ".txt"),
        (FOLDER.suffix, ""),
        (FILE.bucket, "bucket"),
        (FILE.key, "a/b.txt"),
        (FILE.as_uri(), "s3://bucket/a/b.txt"),
        (FILE.as_s3_uri(), "s3://bucket/a/b.txt"),
        (
            S3Path("s3://bucket/a b").as_hosted_s3_url("us-west-2"),
            "https://bucket.s3.us-west-2.amazonaws.com/a%20b",
        ),
        (f"{FILE}", "s3://bucket/a/b.txt"),
        (json.dumps([FILE]), '["s3://bucket/a/b.txt"]'),
    ],
)
def test_parts_are_text(value, expected):
    assert value == expected


def test_a_uri_is_its_text():
    assert FILE == "s3://bucket/a/b.txt"
    assert {FILE: 1}["s3://bucket/a/b.txt"] == 1
    assert "a/b" in FILE
    assert FILE != FOLDER


def test_only_text_and_paths_can_be_joined():
    with pytest.raises(TypeError):
        FILE / 5
    with pytest.raises(TypeError):
        FILE // 5


def test_a_bucket_has_no_suffix_to_replace():
    with pytest.raises(ValueError, match="empty name"):
        BUCKET.with_suffix(".csv")
