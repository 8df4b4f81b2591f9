from __future__ import annotations

from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.paths import (
    DataPath,
    EFSOrLocalPath,
    S3OrLocalPath,
    parse_data_path,
)


class Locations(PydanticBaseModel):
    any: DataPath | None = None
    s3: S3OrLocalPath | None = None
    efs: EFSOrLocalPath | None = None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("s3://bucket/key", S3Path),
        ("efs://fs-12345678:/a", EFSPath),
        ("fs-12345678:/a", EFSPath),
        ("/a/b", Path),
        ("relative", Path),
        ("fs-nothex:/a", Path),
    ],
)
def test_the_kind_of_a_location_follows_from_its_text(text, kind):
    location = parse_data_path(text)

    assert isinstance(location, kind)
    assert str(location) == text
    assert parse_data_path(location) is location


@pytest.mark.parametrize("text", ["s3://x/y", "efs://bucket/key"])
def test_text_with_a_scheme_must_be_valid(text):
    with pytest.raises(ValidationError, match=text):
        parse_data_path(text)


@pytest.mark.parametrize(
    "text",
    [
        "S3://bucket/key",
        "s3:/bucket/key",
        "s3:bucket",
        "s3//bucket/key",
        "EFS://fs-12345678/a",
        "gs://bucket/key",
        "file:///tmp/a",
        "https://bucket.s3.amazonaws.com/key",
    ],
)
def test_other_uris_are_not_local_paths(text):
    with pytest.raises(ValidationError, match="is not a supported location: give an S3 URI"):
        parse_data_path(text)


@pytest.mark.parametrize("text", ["", " "])
def test_empty_path_is_refused(text):
    with pytest.raises(ValidationError, match="the path is empty"):
        parse_data_path(text)


@pytest.mark.parametrize("text", ["~", "~/data"])
def test_home_directory_is_not_expanded(text):
    with pytest.raises(ValidationError, match="~ is not expanded"):
        parse_data_path(text)


@pytest.mark.parametrize("text", ["./gs://a", "./~", "~backup", "12:30:00.log", "s3/key", "a:b"])
def test_local_paths_may_contain_colons_and_tildes(text):
    assert parse_data_path(text) == Path(text)


def test_only_text_is_parsed():
    with pytest.raises(ValueError, match="expected a path, got int"):
        parse_data_path(5)


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("s3", "fs-12345678:/a", "not an S3 URI or a local path, but an EFS path"),
        ("efs", "s3://bucket/key", "not an EFS path or a local path, but an S3 URI"),
    ],
)
def test_fields_refuse_other_kinds_of_locations(field, text, message):
    with pytest.raises(ValidationError, match=message):
        Locations.from_dict({field: text})


def test_locations_are_written_as_text():
    locations = {"any": "s3://bucket/key", "s3": "/a", "efs": "fs-12345678:/a"}

    assert Locations.from_dict(locations).to_dict() == locations
