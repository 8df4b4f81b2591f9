from __future__ import annotations

import datetime as dt
import json

import pytest
from aibs_informatics_aws_lambda.common.aws import get_client
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.batch.image_resolution import resolve_image
from botocore.stub import Stubber

ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"
DIGEST = "sha256:" + "1" * 64


@pytest.fixture
def push(aws):
    """Push an image that differs from others by its size, and return its digest."""

    def push_image(repository: str, tag: str, size: int) -> str:
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        config = {"mediaType": "application/json", "size": size, "digest": DIGEST}
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}
        pushed = aws.client("ecr").put_image(
            repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag
        )
        return pushed["image"]["imageId"]["imageDigest"]

    return push_image


@pytest.fixture
def ecr(aws):
    """Answers of ECR, given one by one."""
    with Stubber(get_client("ecr")) as responses:
        yield responses
        responses.assert_no_pending_responses()


def image(digest_digit: str, pushed_at: int, *tags: str):
    pushed = dt.datetime.fromtimestamp(pushed_at, dt.UTC)
    digest = "sha256:" + digest_digit * 64
    return {"imageDigest": digest, "imagePushedAt": pushed, "imageTags": list(tags)}


@pytest.mark.parametrize(
    "reference",
    [
        "docker.io/library/busybox:1.36",
        "quay.io/biocontainers/samtools:1.17",
        "nvcr.io/nvidia/cuda",
        "registry:5000/tools/align",
        f"quay.io/a/b:1@{DIGEST}",
        f"{ECR}/tools/align",
        "123456789012.dkr.ecr.af-south-1.amazonaws.com/tools/align:1",
    ],
)
def test_a_full_reference_is_used_without_aws_calls(reference):
    assert resolve_image(reference) == reference


@pytest.mark.parametrize("name", ["tools/align:1.0", "ubuntu:22.04", f"tools/align@{DIGEST}"])
def test_a_short_name_with_a_tag_or_digest_is_in_the_registry_of_the_account(aws, name):
    assert resolve_image(name) == f"{ECR}/{name}"


@pytest.mark.parametrize(
    ("region", "suffix"),
    [
        ("us-gov-west-1", "amazonaws.com"),
        ("me-south-1", "amazonaws.com"),
        ("cn-north-1", "amazonaws.com.cn"),
        ("us-iso-east-1", "c2s.ic.gov"),
    ],
)
def test_the_registry_has_the_dns_suffix_of_the_region(aws, monkeypatch, region, suffix):
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)

    assert resolve_image("a/b:1") == f"123456789012.dkr.ecr.{region}.{suffix}/a/b:1"


def test_a_short_name_alone_is_the_digest_of_the_newest_tagged_image(aws, push):
    aws.client("ecr").create_repository(repositoryName="tools/align")
    digest = push("tools/align", "v1", size=1)

    assert resolve_image("tools/align") == f"{ECR}/tools/align@{digest}"


def test_the_newest_image_is_found_on_any_page_in_any_order(aws, ecr):
    question = {
        "registryId": "123456789012",
        "repositoryName": "tools/align",
        "filter": {"tagStatus": "TAGGED"},
    }
    first = {"imageDetails": [image("1", 100, "v1"), image("2", 50, "v0")], "nextToken": "n"}
    second = {"imageDetails": [image("3", 300), image("4", 200, "v2", "latest")]}
    ecr.add_response("describe_images", first, question)
    ecr.add_response("describe_images", second, {**question, "nextToken": "n"})

    assert resolve_image("tools/align") == f"{ECR}/tools/align@sha256:{'4' * 64}"


def test_a_missing_repository_is_an_error_that_names_it(aws):
    with pytest.raises(ResourceNotFoundError, match=f"{ECR}/tools/nope does not exist"):
        resolve_image("tools/nope")


def test_a_repository_without_tagged_images_is_an_error_that_names_it(aws):
    aws.client("ecr").create_repository(repositoryName="tools/align")

    with pytest.raises(ResourceNotFoundError, match="tools/align has no tagged image"):
        resolve_image("tools/align")


@pytest.mark.parametrize("text", ["", "Tools/Align", "quay.io/A", "a b", "tools/align:", "a//b"])
def test_an_invalid_reference_is_not_found(aws, text):
    with pytest.raises(ResourceNotFoundError) as caught:
        resolve_image(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("code", ["AccessDeniedException", "LimitExceededException"])
def test_errors_of_ecr_are_not_reported_as_a_missing_image(aws, ecr, code):
    ecr.add_client_error("describe_images", code, "no", http_status_code=400)

    with pytest.raises(AWSError, match=f"list the images of {ECR}/tools/align.*{code}") as caught:
        resolve_image("tools/align")
    assert not isinstance(caught.value, ResourceNotFoundError)


def test_missing_credentials_are_an_error_that_says_so(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")

    with pytest.raises(AWSError, match=r"'tools/align'.*AWS_PROFILE"):
        resolve_image("tools/align")
