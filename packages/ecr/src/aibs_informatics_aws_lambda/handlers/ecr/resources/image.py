"""Images of Amazon ECR."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from ..api import ecr_errors, get_ecr_client
from ..manifest import Manifest
from ..names import ImageDigest, RepositoryName
from ..registry.ecr import EcrRegistryClient
from ..transfer import read_blob
from ..uris import ECRImageUri, ECRRepositoryUri
from .resource import ECRResource


def _check_manifest(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        # By the name that a request has.
        raise ValueError("image_manifest is not a string")
    return value


# By field name, and by alias.
_NAMES_OF_THE_MANIFEST = {"known_manifest": "image_manifest", "imageManifest": "imageManifest"}


class ECRImage(ECRResource):
    """An image of Amazon ECR, identified by its digest."""

    repository_name: Annotated[RepositoryName, Field(description="The name of the repository.")]
    image_digest: Annotated[ImageDigest, Field(description="The digest of the image manifest.")]
    known_manifest: Annotated[
        str | None,
        BeforeValidator(_check_manifest),
        Field(
            description="The image manifest, byte for byte. By default, it is read from ECR.",
            validation_alias=AliasChoices("imageManifest", "image_manifest"),
            serialization_alias="imageManifest",
        ),
    ] = None

    @classmethod
    def from_digest(
        cls,
        repository: ECRRepositoryUri,
        image_digest: str,
        image_manifest: str | None = None,
        client: Any = None,
    ) -> ECRImage:
        """Return the image with a digest in a repository, without a call to ECR."""
        return cls(
            account_id=repository.account_id,
            region=repository.region,
            repository_name=repository.repository_name,
            image_digest=image_digest,
            image_manifest=image_manifest,
            client=client,
        )

    @classmethod
    def from_uri(cls, uri: str, client: Any = None) -> ECRImage:
        """Return the image with a URI; a tag is resolved by DescribeImages.

        Raises:
            ValidationError: the URI does not name an image in Amazon ECR.
            ResourceNotFoundError: no image has the tag.
        """
        image = ECRImageUri(uri)
        digest = image.image_digest or _describe(image, client)["imageDigest"]
        return cls.from_digest(image.repository, digest, client=client)

    @property
    def image_manifest(self) -> str:
        """The manifest, byte for byte; see `fetch_image_manifest`."""
        return self.fetch_image_manifest()

    @property
    def repository_uri(self) -> ECRRepositoryUri:
        """The URI of the repository."""
        return ECRRepositoryUri.from_components(self.repository_name, self.account_id, self.region)

    @property
    def image_uri(self) -> ECRImageUri:
        """The URI of the image, by digest."""
        return ECRImageUri(f"{self.repository_uri}@{self.image_digest}")

    @property
    def image_tags(self) -> list[str]:
        """The current tags of the image."""
        return list(self.get_image_detail().get("imageTags", []))

    @property
    def image_pushed_at(self) -> datetime:
        """When the image was pushed."""
        pushed: datetime = self.get_image_detail()["imagePushedAt"]
        return pushed

    def get_image_detail(self) -> JSONObject:
        """Return the image detail of DescribeImages.

        Raises:
            ResourceNotFoundError: the image does not exist.
        """
        return _describe(self.image_uri, self.client)

    def fetch_image_manifest(self) -> str:
        """Return the manifest, byte for byte, reading it from ECR on the first call.

        Raises:
            ResourceNotFoundError: the image does not exist.
        """
        if self.known_manifest is None:
            manifest = self.connect().get_manifest(self.image_digest)
            self.known_manifest = manifest.content.decode()
        return self.known_manifest

    def get_image_layers(self) -> list[JSONObject]:
        """Return the layers in manifest order, each in the form of ECR's ``Layer`` type."""
        return [_layer(layer) for layer in self._manifest.document.get("layers") or []]

    def get_image_config_layer(self) -> JSONObject:
        """Return the config blob, in the form of ECR's ``Layer`` type.

        Raises:
            ValidationError: the image is an index.
        """
        return _layer(self._manifest.config_entry)

    def get_image_config(self) -> JSONObject:
        """Return the image config, downloaded from the registry.

        Raises:
            ValidationError: the image is an index.
            RegistryError: the registry denied the request or failed.
        """
        content = read_blob(self._manifest.config, self.connect().blobs)
        config: JSONObject = json.loads(content)
        return config

    def put_image(self, image_tag: str | None = None) -> None:
        """Put the manifest into the repository; succeed if it exists already.

        Args:
            image_tag: the tag to set; default: none.

        Raises:
            TagConflictError: the tag is immutable and set on another image.
        """
        self.connect().put_manifest(self._manifest, image_tag)

    def add_image_tags(self, *image_tags: str) -> None:
        """Set tags on the image.

        Raises:
            TagConflictError: a tag is immutable and set on another image.
        """
        for image_tag in image_tags:
            self.put_image(image_tag)

    def connect(self) -> EcrRegistryClient:
        """Return a registry client for the image's repository."""
        return EcrRegistryClient(self.repository_uri, self._client)

    @property
    def _manifest(self) -> Manifest:
        return Manifest.parse(self.fetch_image_manifest().encode())

    @model_serializer(mode="wrap")
    def _write_known_manifest(  # type: ignore[no-untyped-def] # noqa: ANN202
        self, handler: SerializerFunctionWrapHandler
    ):
        # Not annotated: a return type would replace the model's JSON schema.
        written: JSONObject = handler(self)
        for name, written_name in _NAMES_OF_THE_MANIFEST.items():
            manifest = written.pop(name, None)
            if manifest is not None:
                written[written_name] = manifest
        return written


def _describe(image: ECRImageUri, client: Any) -> JSONObject:
    by_tag = {"imageTag": str(image.image_tag)} if image.image_tag else {}
    by_digest = {"imageDigest": str(image.image_digest)} if image.image_digest else {}
    ecr = get_ecr_client(str(image.region)) if client is None else client
    with ecr_errors(f"describe {image}", "DescribeImages"):
        response = ecr.describe_images(
            registryId=str(image.account_id),
            repositoryName=str(image.repository_name),
            imageIds=[{**by_tag, **by_digest}],
        )
    detail: JSONObject = response["imageDetails"][0]
    return detail


def _layer(entry: JSONObject) -> JSONObject:
    return {
        "layerDigest": entry["digest"],
        "layerSize": entry["size"],
        "mediaType": entry.get("mediaType"),
        "layerAvailability": "AVAILABLE",
    }
