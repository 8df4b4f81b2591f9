from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    ResourceNotFoundError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers.ecr import (
    ECRImage,
    ECRRepository,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRegistryClient
from registry import digest_of

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com"


def test_image_from_uri_with_a_digest_needs_no_call(repository, monkeypatch, put):
    image = put(repository, 1, "v1")

    found = ECRImage.from_uri(f"{repository.uri}:v1")
    assert found.known_manifest is None
    assert found.image_manifest == image.image_manifest
    assert found == image
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert ECRImage.from_uri(image.image_uri).image_digest == image.image_digest


def test_missing_image_is_reported_with_its_uri(repository):
    absent = ECRImage.from_digest(repository.uri, digest_of(b"absent"))

    for ask in (lambda: absent.image_manifest, absent.get_image_detail):
        with pytest.raises(ResourceNotFoundError, match=absent.image_uri):
            ask()
    with pytest.raises(ResourceNotFoundError, match=f"{repository.uri}:absent"):
        ECRImage.from_uri(f"{repository.uri}:absent")


def test_manifest_is_read_once(repository, put):
    stored = put(repository, 1)
    image = ECRImage.from_digest(repository.uri, stored.image_digest)

    assert image.image_manifest == stored.image_manifest
    repository.delete(force=True)
    assert image.image_manifest == image.fetch_image_manifest() == stored.image_manifest


def test_manifest_is_written_once_it_is_known(repository, put):
    stored = put(repository, 1)
    image = ECRImage.from_digest(repository.uri, stored.image_digest)

    assert "image_manifest" not in image.to_dict()
    assert ECRImage.from_dict({**image.to_dict(), "image_manifest": None}) == image
    assert image.image_manifest == image.to_dict()["image_manifest"]
    assert ECRImage.from_dict(image.to_dict()) == image
    assert ECRImage.from_json(image.model_dump_json(by_alias=True)) == image


def test_image_has_no_other_attributes(repository):
    image = ECRImage.from_digest(repository.uri, digest_of(b"any"))
    with pytest.raises(AttributeError, match="image_manifests"):
        image.image_manifests  # noqa: B018 - it is read


def test_layers_and_config_have_the_form_of_the_ecr_api(repository, put):
    image = put(repository, 1)

    assert image.get_image_layers() == [
        {
            "layerDigest": f"sha256:{2:064x}",
            "layerSize": 4,
            "mediaType": "l",
            "layerAvailability": "AVAILABLE",
        }
    ]
    assert image.get_image_config_layer()["layerDigest"] == f"sha256:{1:064x}"


def test_image_tags_are_added_and_listed(repository, put):
    image = put(repository, 1, "v1")

    image.add_image_tags("v2", "v1")

    assert sorted(image.image_tags) == ["v1", "v2"]
    assert image.image_pushed_at.tzinfo is not None


def test_config_is_downloaded_from_the_registry(aws, source, name, monkeypatch):
    digest = source.push_image(name, b"layer", platform={"architecture": "arm64"})
    content = source.read(name, digest).decode()
    repository = ECRRepository.from_name(name)
    monkeypatch.setattr(
        ECRImage,
        "connect",
        lambda image: EcrRegistryClient(image.repository_uri, registry_url=source.url),
    )

    config = ECRImage.from_digest(repository.uri, digest, content).get_image_config()

    assert config == {"os": "linux", "architecture": "arm64"}


def test_index_has_no_config(repository):
    content = '{"schemaVersion": 2, "manifests": []}'
    index = ECRImage.from_digest(repository.uri, digest_of(content.encode()), content)

    assert index.get_image_layers() == []
    with pytest.raises(ValidationError, match="is an image index"):
        index.get_image_config_layer()
