import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.locations import (
    Place,
    parse_destination,
    parse_source,
)
from aibs_informatics_aws_lambda.handlers.ecr.resources import ECRRepository

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
REPOSITORY = ECRRepository.from_uri(f"{ECR}/team/image")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{ECR}/team/image:v1", Place(REPOSITORY, tag="v1")),
        (f"{ECR}/team/image@{DIGEST}", Place(REPOSITORY, digest=DIGEST)),
        (f"{ECR}/team/image:v1@{DIGEST}", Place(REPOSITORY, tag="v1", digest=DIGEST)),
        ("http://host:5000/a/image:v1", Place("http://host:5000", "a/image", "v1")),
        ("https://host/image:v1", Place("https://host", "image", "v1")),
        (f"http://[::1]:5000/image@{DIGEST}", Place("http://[::1]:5000", "image", None, DIGEST)),
    ],
)
def test_source_names_an_image(text, place):
    assert parse_source(text) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"{ECR}/team/image", Place(REPOSITORY)),
        (f"{ECR}/team/image:v1", Place(REPOSITORY, tag="v1")),
        ("http://host:5000/image", Place("http://host:5000", "image")),
    ],
)
def test_destination_names_a_repository_and_perhaps_a_tag(text, place):
    assert parse_destination(text) == place


@pytest.mark.parametrize(
    "text",
    ["", ":", "@", "/", "image:v1", "http://host", "http://host:5000", "http:///image:v1", "//:@"],
)
def test_other_text_names_nothing(text):
    for parse in (parse_source, parse_destination):
        with pytest.raises(ValidationError):
            parse(text)
