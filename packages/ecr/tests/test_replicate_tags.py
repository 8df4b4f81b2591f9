"""The handler, from a real registry with a login to moto's ECR API and another registry."""

from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.handlers.ecr import ReplicateTagsHandler, ReplicateTagsRequest
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionRegistryClient,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRegistryClient
from aibs_informatics_aws_lambda.handlers.ecr.replicate_tags import connect_source
from registry import digest_of

DESTINATION = {
    "account_id": "123456789012",
    "region": "us-west-2",
    "repository_name": "mirror/image",
}


@pytest.fixture
def ecr(aws):
    client = aws.client("ecr")
    client.create_repository(repositoryName=DESTINATION["repository_name"])
    return client


@pytest.fixture
def handler(source, target, ecr):
    return ReplicateTagsHandler.get_handler(
        connect_destination=lambda uri: EcrRegistryClient(uri, registry_url=target.url),
    )


def request_for(source, name, **more):
    return {
        "source_repository": f"{source.url}/{name}",
        "destination_repository": DESTINATION,
        **more,
    }


def tags(ecr):
    details = ecr.describe_images(repositoryName=DESTINATION["repository_name"])["imageDetails"]
    return {tag: one["imageDigest"] for one in details for tag in one.get("imageTags", [])}


def test_tags_are_copied_to_ecr(source, target, ecr, handler, name, lambda_context):
    first = source.push_image(name, b"first", tag="v1.0")
    second = source.push_image(name, b"second", tag="v1.1")
    source.push_image(name, b"third", tag="v2.0")

    response = handler(request_for(source, name, tag_patterns=["v1.*"]), lambda_context)

    assert response == {
        "images": [
            {"destination_image": {**DESTINATION, "image_digest": first}, "tags": ["v1.0"]},
            {"destination_image": {**DESTINATION, "image_digest": second}, "tags": ["v1.1"]},
        ]
    }
    assert tags(ecr) == {"v1.0": first, "v1.1": second}
    assert target.blob(DESTINATION["repository_name"], digest_of(b"first")) == b"first"


def test_no_matching_tag_is_an_error(source, handler, name, lambda_context):
    source.push_image(name, b"layer", tag="v1")

    with pytest.raises(ResourceNotFoundError, match="no tag that matches v2"):
        handler(request_for(source, name, tagPatterns=["v2"]), lambda_context)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"source_repository": "docker.io/library/python:3.13"}, "is an image"),
        ({"source_repository": "python"}, "'python' names no registry"),
        ({"newest": 0}, "newest"),
        ({"tag_patterns": "v1"}, "tag_patterns"),
        ({"destination_repository": {}}, "repository_name"),
    ],
)
def test_invalid_request_is_rejected_with_the_field_or_value(change, named):
    document = {
        "source_repository": "ghcr.io/owner/image",
        "destination_repository": DESTINATION,
        **change,
    }

    with pytest.raises(ValidationError) as caught:
        ReplicateTagsRequest.from_dict(document)

    assert named in str(caught.value)


def test_secret_of_the_request_is_used_for_the_source(aws, source, name, proxy_of, fault):
    secret = {"username": "user", "accessToken": "secret"}
    aws.client("secretsmanager").create_secret(Name="hub", SecretString=json.dumps(secret))
    source.push_image(name, b"layer", tag="v1")
    challenge = (("WWW-Authenticate", 'Basic realm="test"'),)
    there = proxy_of(source, fault("GET", "", status=401, headers=challenge))
    request = ReplicateTagsRequest.from_dict(request_for(there, name, source_secret="hub"))

    client = connect_source(request)

    assert isinstance(client, DistributionRegistryClient)
    assert client.list_tags() == ["v1"]
    assert there.requests[-1][2]["Authorization"] == "Basic dXNlcjpzZWNyZXQ="
