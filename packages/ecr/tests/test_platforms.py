import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.platforms import Platform


@pytest.mark.parametrize("text", ["linux", "linux/", "linux/arm/v7/x", "Linux/arm64", ""])
def test_invalid_platform_is_rejected(text):
    with pytest.raises(ValidationError, match="is not a platform"):
        Platform(text)


@pytest.mark.parametrize(
    ("document", "platform"),
    [
        ({"os": "linux", "architecture": "amd64"}, "linux/amd64"),
        ({"os": "linux", "architecture": "arm", "variant": "v7"}, "linux/arm/v7"),
        ({"os": "windows", "architecture": "amd64", "os.version": "10"}, "windows/amd64"),
        ({"os": "unknown", "architecture": "unknown"}, None),
        ({"os": "linux"}, None),
        ({}, None),
        (None, None),
        ("linux/amd64", None),
    ],
)
def test_platform_of_a_descriptor_or_config(document, platform):
    assert Platform.of(document) == platform


@pytest.mark.parametrize(
    ("wanted", "found", "allowed"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/arm64", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/arm", "linux/arm/v6", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/amd64/v3", "linux/amd64", False),
    ],
)
def test_platform_without_a_variant_matches_every_variant(wanted, found, allowed):
    assert Platform(wanted).matches(Platform(found)) is allowed


def test_missing_platform_does_not_match():
    assert not Platform("linux/amd64").matches(None)
