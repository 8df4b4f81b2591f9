"""Selection of tags in a real registry, and in Amazon ECR by botocore's stubber."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.ecr import ECRRepositoryUri
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionRegistryClient,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRegistryClient
from aibs_informatics_aws_lambda.handlers.ecr.tag_selection import select_tags
from botocore.stub import Stubber
from registry import digest_of


@pytest.fixture
def client(source, name):
    return DistributionRegistryClient(source.url, name)


@pytest.fixture
def push(source, name):
    """Store a tagged image with a creation date in its config."""

    def push(tag, created=None, **more):
        document = {"os": "linux", "architecture": "amd64", "created": created}
        config = source.push_blob(name, json.dumps(document).encode())
        return source.push_image(name, tag.encode(), tag=tag, config=config, **more)

    return push


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        ((), ["latest", "v1.0", "v1.1", "v2.0"]),
        (("v1.*",), ["v1.0", "v1.1"]),
        (("v?.0",), ["v1.0", "v2.0"]),
        (("v[2-9]*", "latest"), ["latest", "v2.0"]),
        (("V1.*", "v2.0"), ["v2.0"]),
        (("sha256-*",), [f"sha256-{'0' * 64}.sig"]),
        (("*",), ["latest", f"sha256-{'0' * 64}.sig", "v1.0", "v1.1", "v2.0"]),
    ],
)
def test_tags_by_pattern(client, push, patterns, selected):
    for tag in ("v1.0", "v1.1", "v2.0", "latest", f"sha256-{'0' * 64}.sig"):
        push(tag)

    assert select_tags(client, patterns) == selected


def test_newest_tags_by_creation_date_of_the_config(client, push):
    push("old", "2024-01-01T00:00:00Z")
    push("new", "2025-06-01T00:00:00.123456789Z")
    push("newer", "2025-06-01T00:00:00+00:00".replace("00:00+", "01:00+"))
    push("undated")
    push("invalid", "yesterday")

    assert select_tags(client, newest=2) == ["newer", "new"]
    assert select_tags(client, ["o*", "new"], 9) == ["new", "old"]
    assert select_tags(client, newest=9)[:3] == ["newer", "new", "old"]


def test_newest_tags_by_annotation_and_by_the_images_of_an_index(client, push, source, name):
    platform = {"os": "linux", "architecture": "amd64"}
    old, new = push("old", "2024-01-01T00:00:00Z"), push("new", "2025-01-01T00:00:00Z")
    entries = [{"digest": digest, "platform": platform} for digest in (old, new)]
    source.push_index(name, *entries, tag="index")
    push("annotated", annotations={"org.opencontainers.image.created": "2025-02-01T00:00:00Z"})
    push("middle", "2024-06-01T00:00:00Z")

    assert select_tags(client, newest=4) == ["annotated", "new", "index", "middle"]


def test_artifact_without_a_json_config_has_no_date(client, push, source, name):
    push("image", "2024-01-01T00:00:00Z")
    source.push_image(name, b"x", tag="artifact", config=source.push_blob(name, b"no json"))

    assert select_tags(client, newest=2) == ["image", "artifact"]


def test_no_matching_tag_is_an_error(client, push):
    push("latest")

    with pytest.raises(ResourceNotFoundError, match=r"no tag that matches v1\.\* or v2 in"):
        select_tags(client, ["v1.*", "v2"])


def test_missing_repository_is_an_error(client):
    with pytest.raises(ResourceNotFoundError, match="repository not found"):
        select_tags(client)


def test_newest_tags_of_ecr_by_push_date(aws):
    uri = ECRRepositoryUri("123456789012.dkr.ecr.us-west-2.amazonaws.com/team/image")
    with Stubber(aws.client("ecr")) as ecr:
        details = [
            {
                "imageDigest": digest_of(tag.encode()),
                "imageTags": [tag, f"{tag}-alias"],
                "imagePushedAt": date,
            }
            for tag, date in (
                ("v1", datetime(2024, 1, 1, tzinfo=UTC)),
                ("v2", datetime(2025, 1, 1, tzinfo=UTC)),
            )
        ]
        for _ in range(2):
            ecr.add_response(
                "describe_images",
                {"imageDetails": details},
                {
                    "registryId": "123456789012",
                    "repositoryName": "team/image",
                    "filter": {"tagStatus": "TAGGED"},
                },
            )

        assert select_tags(EcrRegistryClient(uri, ecr.client), newest=2) == ["v2-alias", "v2"]
