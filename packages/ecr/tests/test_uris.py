import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr import ECRImageUri, ECRRegistryUri, ECRRepositoryUri

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
REGISTRY = "123456789012.dkr.ecr.us-west-2.amazonaws.com"


def test_parts_of_an_image_uri_with_a_tag():
    uri = ECRImageUri(f"{REGISTRY}/team/image:v1")

    assert (uri.account_id, uri.region, uri.repository_name) == (
        "123456789012",
        "us-west-2",
        "team/image",
    )
    assert (uri.image_tag, uri.image_digest) == ("v1", None)
    assert uri.repository == f"{REGISTRY}/team/image"
    assert uri.registry == REGISTRY


def test_parts_of_an_image_uri_with_a_digest():
    uri = ECRImageUri(f"{REGISTRY}/image@{DIGEST}")

    assert (uri.image_tag, uri.image_digest) == (None, DIGEST)
    assert (uri.repository_name, uri.repository) == ("image", f"{REGISTRY}/image")


@pytest.mark.parametrize(
    ("region", "suffix"),
    [
        ("us-west-2", "amazonaws.com"),
        ("us-gov-west-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
        ("us-iso-east-1", "c2s.ic.gov"),
        ("us-isob-east-1", "sc2s.sgov.gov"),
        ("eusc-de-east-1", "amazonaws.eu"),
    ],
)
def test_registry_has_the_dns_suffix_of_its_partition(region, suffix):
    uri = ECRRegistryUri.from_components("123456789012", region)

    assert uri == f"123456789012.dkr.ecr.{region}.{suffix}"
    assert (uri.account_id, uri.region) == ("123456789012", region)


def test_dns_suffixes_equal_those_of_boto3():
    import boto3
    from botocore.loaders import create_loader

    known = {
        partition["partition"]: partition["dnsSuffix"]
        for partition in create_loader().load_data("endpoints")["partitions"]
    }
    session = boto3.session.Session()
    for partition, suffix in known.items():
        for region in session.get_available_regions("ecr", partition):
            assert ECRRegistryUri.from_components("1" * 12, region).endswith(f".{suffix}"), region


def test_default_account_and_region_are_those_of_the_caller(aws):
    assert ECRRegistryUri.from_components() == REGISTRY
    assert ECRRepositoryUri.from_components("image") == f"{REGISTRY}/image"
    assert ECRImageUri.from_components("image", image_tag="v1") == f"{REGISTRY}/image:v1"


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        (ECRRegistryUri, "example.com", "'example.com'"),
        (ECRRegistryUri, f"{REGISTRY}.cn", "is amazonaws.com"),
        (ECRRegistryUri, REGISTRY.replace(".", "x"), "is not a registry of Amazon ECR"),
        (ECRRegistryUri, REGISTRY.replace("123456789012", "12345"), "'12345'"),
        (ECRRegistryUri, REGISTRY.replace("us-west-2", "moon"), "'moon'"),
        (ECRRepositoryUri, REGISTRY, "''"),
        (ECRRepositoryUri, f"{REGISTRY}/Image", "'Image'"),
        (ECRRepositoryUri, f"{REGISTRY}/image:v1", "'image:v1'"),
        (ECRImageUri, f"{REGISTRY}/image", "give either :TAG or @DIGEST"),
        (ECRImageUri, f"{REGISTRY}/image:v1@{DIGEST}", "give either :TAG or @DIGEST"),
        (ECRImageUri, f"{REGISTRY}/image@latest", "'latest'"),
        (ECRImageUri, f"{REGISTRY}/image:", "''"),
    ],
)
def test_invalid_uri_is_rejected_with_the_reason(kind, text, shown):
    with pytest.raises(ValidationError) as caught:
        kind(text)

    assert shown in str(caught.value)


def test_image_uri_requires_either_tag_or_digest():
    with pytest.raises(ValidationError, match="give either :TAG or @DIGEST"):
        ECRImageUri.from_components("image", "v1", DIGEST, "123456789012", "us-west-2")
    with pytest.raises(ValidationError, match="give either :TAG or @DIGEST"):
        ECRImageUri.from_components("image", account_id="123456789012", region="us-west-2")
