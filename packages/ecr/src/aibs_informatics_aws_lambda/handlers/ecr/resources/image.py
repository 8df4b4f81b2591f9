"""Images of Amazon ECR."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from pydantic import Field

from ..api import ecr_errors, get_ecr_client
from ..manifest import Manifest
from ..names import ImageDigest, RepositoryName
from ..registry.ecr import EcrRegistryClient
from ..transfer import read_blob
from ..uris import ECRImageUri, ECRRepositoryUri
from .resource import ECRResource


class ECRImage(ECRResource):
    """An image of Amazon ECR, identified by its digest.

    Without ``image_manifest``, the manifest is read from ECR when the attribute is first read, and
    left out of JSON until then.
    """

    repository_name: Annotated[RepositoryName, Field(description="The name of the repository.")]
    image_digest: Annotated[ImageDigest, Field(description="The digest of the image manifest.")]
    image_manifest: Annotated[
        str | None,
        Field(description="The image manifest, byte for byte. By default, it is read from ECR."),
    ] = None

    def model_post_init(self, _: object) -> None:
        """Leave out a manifest that was not given: `__getattr__` is called for it."""
        if self.image_manifest is None:
            del self.__dict__["image_manifest"]
            self.model_fields_set.discard("image_manifest")

    # Not for type checkers, which would accept any attribute.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == "image_manifest":
                return self.fetch_image_manifest()
            return super().__getattr__(name)

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
    def known_manifest(self) -> str | None:
        """The manifest, if it was given or has been read; otherwise `None`, without a call."""
        known: str | None = self.__dict__.get("image_manifest")
        return known

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
        known = self.known_manifest
        if known is None:
            known = self.connect().get_manifest(self.image_digest).content.decode()
            self.image_manifest = known
        return known

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
