"""Selection of platforms in indexes of a real registry."""

from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.manifest import MAX_DEPTH
from aibs_informatics_aws_lambda.handlers.ecr.platform_selection import select_platforms
from aibs_informatics_aws_lambda.handlers.ecr.platforms import Platform
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionRegistryClient,
)
from aibs_informatics_aws_lambda.handlers.ecr.replication import make_plan

ATTESTS = "vnd.docker.reference.digest"


@pytest.fixture
def image(source, name):
    """Store an image and return its entry for an index."""

    def image(architecture, content=b"", **more):
        platform = {"os": "linux", "architecture": architecture}
        layer = content or f"{architecture} layer".encode()
        digest = source.push_image(name, layer, platform=platform)
        return {"digest": digest, "platform": platform, **more}

    return image


@pytest.fixture
def index(source, name):
    """Store an index and return its entry for another index."""

    def index(*entries, **more):
        return {"digest": source.push_index(name, *entries), **more}

    return index


@pytest.fixture
def select(source, name):
    """Select platforms of an image."""
    client = DistributionRegistryClient(source.url, name)

    def select(root, *platforms):
        return select_platforms(
            client, client.get_manifest(root["digest"]), [Platform(one) for one in platforms]
        )

    return select


def test_platform_in_a_nested_index(image, index, select):
    arm64 = image("arm64")
    root = index(index(image("amd64"), arm64), image("s390x"))

    assert select(root, "linux/arm64").digest == arm64["digest"]


def test_several_platforms_of_nested_indexes_are_one_new_index(image, index, select, source, name):
    amd64, arm64, s390x = image("amd64"), image("arm64"), image("s390x")
    attestation = {
        "digest": source.push_image(name, b"attestation"),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {ATTESTS: arm64["digest"]},
    }
    root = index(index(amd64, arm64, attestation), index(index(s390x)))

    found = select(root, "linux/arm64", "linux/s390x")

    wanted = [arm64["digest"], attestation["digest"], s390x["digest"]]
    assert [child.digest for child in found.children] == wanted
    assert select(root, "linux/s390x", "linux/arm64").digest == found.digest


def test_all_platforms_are_the_original_index(image, index, select):
    root = index(index(image("amd64")), image("arm64"))

    assert select(root, "linux/arm64", "linux/amd64").digest == root["digest"]


def test_index_with_a_platform_in_its_descriptor_is_searched(image, index, select):
    v7 = image("arm")
    nested = index(v7, platform={"os": "linux", "architecture": "arm"})
    root = index(nested, image("amd64"))

    assert select(root, "linux/arm").digest == v7["digest"]


def test_image_without_a_platform_in_its_descriptor_is_selected_by_its_config(
    image, index, select
):
    arm64 = image("arm64")
    del arm64["platform"]
    root = index(image("amd64"), arm64)

    assert select(root, "linux/arm64").digest == arm64["digest"]


def test_artifact_without_a_platform_is_not_selected(image, index, select, source, name):
    config = {**source.push_blob(name, b"no json"), "mediaType": "application/vnd.example+json"}
    artifact = {"digest": source.push_image(name, b"artifact", config=config)}
    amd64 = image("amd64")
    root = index(artifact, amd64, image("arm64"))

    assert select(root, "linux/amd64").digest == amd64["digest"]


def test_missing_platform_is_reported_with_those_of_nested_indexes(image, index, select):
    root = index(index(image("amd64")), image("arm64"))

    with pytest.raises(ValidationError, match=r"linux/s390x; .*: linux/amd64, linux/arm64"):
        select(root, "linux/s390x")


def test_depth_of_nested_indexes_is_limited(image, index, select, source, name):
    root = image("amd64")
    for _ in range(MAX_DEPTH + 2):
        root = index({"digest": root["digest"]})
    client = DistributionRegistryClient(source.url, name)

    with pytest.raises(ValidationError, match="more than 16 levels"):
        select(root, "linux/amd64")
    with pytest.raises(ValidationError, match="more than 16 levels"):
        make_plan(client, client.get_manifest(root["digest"]))
