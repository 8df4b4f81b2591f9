"""Repositories and images on moto's server."""

from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.handlers.ecr import ECRImage, ECRRepository
from registry import MANIFEST, digest_of

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"


@pytest.fixture
def repository(aws) -> ECRRepository:
    """An empty repository of the caller."""
    found = ECRRepository.from_uri(f"{REGISTRY}/team/image")
    found.create()
    return found


@pytest.fixture
def put():
    """Put an image with tags into a repository and return it."""

    def put(repository, number, *tags):
        content = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": "c", "digest": f"sha256:{number:064x}", "size": 3},
                "layers": [{"mediaType": "l", "digest": f"sha256:{number + 1:064x}", "size": 4}],
            }
        )
        digest = digest_of(content.encode())
        image = ECRImage.from_digest(repository.uri, digest, content, repository._client)
        image.put_image()
        image.add_image_tags(*tags)
        return image

    return put
