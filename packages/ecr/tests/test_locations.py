import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.locations import (
    Location,
    parse_destination,
    parse_source,
)
from aibs_informatics_aws_lambda.handlers.ecr.uris import ECRRepositoryUri

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
REPOSITORY = ECRRepositoryUri(f"{ECR}/team/image")


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (f"{ECR}/team/image:v1", Location(REPOSITORY, tag="v1")),
        (f"{ECR}/team/image@{DIGEST}", Location(REPOSITORY, digest=DIGEST)),
        (f"{ECR}/team/image:v1@{DIGEST}", Location(REPOSITORY, tag="v1", digest=DIGEST)),
        ("http://host:5000/a/image:v1", Location("http://host:5000", "a/image", "v1")),
        ("https://host/image:v1", Location("https://host", "image", "v1")),
        (
            f"http://[::1]:5000/image@{DIGEST}",
            Location("http://[::1]:5000", "image", None, DIGEST),
        ),
    ],
)
def test_source_is_an_image(text, location):
    assert parse_source(text) == location


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (f"{ECR}/team/image", Location(REPOSITORY)),
        (f"{ECR}/team/image:v1", Location(REPOSITORY, tag="v1")),
        ("http://host:5000/image", Location("http://host:5000", "image")),
    ],
)
def test_destination_is_a_repository_with_an_optional_tag(text, location):
    assert parse_destination(text) == location


@pytest.mark.parametrize(
    "text",
    ["", ":", "@", "/", "image:v1", "http://host", "http://host:5000", "http:///image:v1", "//:@"],
)
def test_invalid_references_are_rejected(text):
    for parse in (parse_source, parse_destination):
        with pytest.raises(ValidationError):
            parse(text)
