from __future__ import annotations

from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.documents import (
    check_writable,
    parse_document,
    parse_location,
    parse_remote_document,
)
from aibs_informatics_aws_lambda.common.s3 import S3Path

URI = "s3://bucket/key.json"


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ('{"a": 1}', {"a": 1}),
        (" [1] ", [1]),
        ('"text"', "text"),
        ("5", 5),
        (URI, S3Path(URI)),
        ("data.json", Path("data.json")),
        ("/data/a", Path("/data/a")),
        ("file:///data/a%20b", Path("/data/a b")),
        ("C:/data", Path("C:/data")),
        ("", Path()),
    ],
)
def test_text_is_an_s3_uri_or_json_or_a_local_path(text, document):
    found = parse_document(text)

    assert found == document
    assert type(found) is type(document)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("s3://b", "the bucket name 'b'"),
        ("{'a': 1}", "not valid JSON"),
        ("S3://bucket/key", "not a local path or a file:// URI"),
        ("https://example.com/a.json", "not a local path or a file:// URI"),
        ("file://other/a", "on the host 'other'"),
    ],
)
def test_other_text_is_an_error(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_document(text)


def test_json_text_is_json_even_if_there_is_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("5").write_text("{}")

    assert parse_document("5") == 5
    assert parse_location("5") == Path("5")


@pytest.mark.parametrize(
    ("location", "parsed"),
    [
        (URI, S3Path(URI)),
        ("{}", Path("{}")),
        (Path("s3:/a"), Path("s3:/a")),
        ("file://localhost/a", Path("/a")),
    ],
)
def test_location_is_an_s3_uri_or_a_local_path(location, parsed):
    assert parse_location(location) == parsed


@pytest.mark.parametrize(("text", "document"), [('{"a": 1}', {"a": 1}), (URI, S3Path(URI))])
def test_remote_document_is_json_or_an_s3_uri(text, document):
    assert parse_remote_document(text) == document


def test_remote_document_is_never_a_local_path(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")

    for text in (str(path), path.as_uri()):
        with pytest.raises(ValueError, match="Expecting value"):
            parse_remote_document(text)


def test_directory_is_not_writable_as_a_document(tmp_path):
    check_writable(tmp_path / "new.json")
    check_writable(S3Path(URI))
    with pytest.raises(ValueError, match="it is a directory, not a file"):
        check_writable(tmp_path)
