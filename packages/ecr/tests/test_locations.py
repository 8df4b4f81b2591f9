import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.api import make_client
from aibs_informatics_aws_lambda.handlers.ecr.credentials import read_secret
from aibs_informatics_aws_lambda.handlers.ecr.locations import (
    Location,
    parse_destination,
    parse_location,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionRegistryClient,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRegistryClient
from aibs_informatics_aws_lambda.handlers.ecr.uris import ECRRepositoryUri

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
REPOSITORY = ECRRepositoryUri(f"{ECR}/team/image")
HUB = "https://registry-1.docker.io"


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (f"{ECR}/team/image", Location(REPOSITORY)),
        (f"{ECR}/team/image:v1", Location(REPOSITORY, tag="v1")),
        (f"{ECR}/team/image@{DIGEST}", Location(REPOSITORY, digest=DIGEST)),
        (f"{ECR}/team/image:v1@{DIGEST}", Location(REPOSITORY, tag="v1", digest=DIGEST)),
        ("http://host:5000/a/image:v1", Location("http://host:5000", "a/image", "v1")),
        ("https://host/image:v1", Location("https://host", "image", "v1")),
        (f"http://[::1]:50/image@{DIGEST}", Location("http://[::1]:50", "image", None, DIGEST)),
        ("http://host:5000/image", Location("http://host:5000", "image")),
        ("http://host:5000/x:v1", Location("http://host:5000", "x", "v1")),
        ("docker.io/library/python:3.13", Location(HUB, "library/python", "3.13")),
        ("docker.io/python:3.13", Location(HUB, "library/python", "3.13")),
        ("index.docker.io/team/image", Location(HUB, "team/image")),
        ("registry-1.docker.io/team/image", Location(HUB, "team/image")),
        ("ghcr.io/owner/image:v1", Location("https://ghcr.io", "owner/image", "v1")),
        (
            f"quay.io/owner/image@{DIGEST}",
            Location("https://quay.io", "owner/image", None, DIGEST),
        ),
        ("public.ecr.aws/docker/x:1", Location("https://public.ecr.aws", "docker/x", "1")),
        ("host:5000/image:v1", Location("https://host:5000", "image", "v1")),
        ("localhost/image", Location("https://localhost", "image")),
    ],
)
def test_location(text, location):
    assert parse_location(text) == location


def test_destination_has_no_digest():
    assert parse_destination(f"{ECR}/team/image:v1") == Location(REPOSITORY, tag="v1")
    with pytest.raises(ValidationError, match="has a digest"):
        parse_destination(f"{ECR}/team/image@{DIGEST}")


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "@", "/", "image:v1", "team/image:v1", "http://host", "http://host:5000"),
        *("http:///image:v1", "//:@", "ghcr.io", "ghcr.io/", "ghcr.io/Image", "docker.io/"),
        *("ftp://host/image", "http://user:secret@host/image", f"{ECR}", f"{ECR}/Image"),
        *("1234.dkr.ecr.us-west-2.amazonaws.com/image", "host/image:", "docker.io/a:b c"),
    ],
)
def test_invalid_reference_is_rejected_without_its_password(text):
    for parse in (parse_location, parse_destination):
        with pytest.raises(ValidationError) as caught:
            parse(text)

        assert "secret" not in str(caught.value)


def test_registry_client_of_a_location():
    assert isinstance(parse_location(f"{ECR}/team/image").connect(), EcrRegistryClient)
    client = parse_location("ghcr.io/owner/image").connect("secret")
    assert isinstance(client, DistributionRegistryClient)
    assert client.uri == "ghcr.io/owner/image"


def test_secret_is_for_other_registries_than_ecr():
    with pytest.raises(ValidationError, match="uses the AWS credentials"):
        parse_location(f"{ECR}/team/image").connect("secret")


@pytest.fixture
def profiles(monkeypatch, tmp_path):
    """The profiles ``first`` and ``second``, beside other credentials in variables."""
    config = tmp_path / "config"
    config.write_text(
        "".join(
            f"[profile {name}]\naws_access_key_id = {name}\naws_secret_access_key = secret\n"
            for name in ("first", "second")
        )
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "variable")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.parametrize(("profile", "key"), [("first", "first"), ("second", "second")])
def test_profile_of_a_location_takes_precedence_over_variables(profiles, profile, key):
    client = make_client("ecr", "us-west-2", profile)

    url = client.generate_presigned_url("describe_registry")

    assert f"X-Amz-Credential={key}%2F" in url
    assert "ecr.us-west-2" in url


def test_missing_profile_is_reported(profiles):
    message = r"cannot use the AWS profile absent: .*\(absent\) could not be found"

    with pytest.raises(AWSError, match=message):
        parse_location(f"{ECR}/team/image").connect(profile="absent")
    with pytest.raises(AWSError, match=message):
        read_secret("hub", "absent")
