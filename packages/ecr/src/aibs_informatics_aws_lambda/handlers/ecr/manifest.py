"""Image manifests and image indexes, and the descriptors in them.

See https://github.com/opencontainers/image-spec (``manifest.md``, ``image-index.md``) and
https://distribution.github.io/distribution/spec/manifest-v2-2/.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject, parse_json

from .names import ImageDigest
from .platforms import Platform

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

# Non-distributable layers of https://github.com/opencontainers/image-spec/blob/main/layer.md and
# Docker's foreign layers: not stored in registries, but downloaded from their URLs.
_FOREIGN_LAYERS = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)

INDEX_TYPES = (OCI_INDEX, DOCKER_LIST)
MEDIA_TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)

MAX_DEPTH = 16
"""The maximum number of nested indexes."""

# The annotation by which BuildKit refers an attestation to its image in the same index.
# https://docs.docker.com/build/metadata/attestations/attestation-storage/
_ATTESTED_DIGEST = "vnd.docker.reference.digest"


class Descriptor(NamedTuple):
    """A descriptor: the reference of a manifest to a blob or another manifest.

    Args:
        digest: the digest of the content.
        size: the size of the content, in bytes.
        media_type: the media type of the content; empty if it is not stated.
        platform: the platform of an image in an index.
        attests: the digest of the image that an attestation in an index is for.
    """

    digest: ImageDigest
    size: int
    media_type: str = ""
    platform: Platform | None = None
    attests: str | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether it is a foreign (non-distributable) layer. Other layers may have URLs too."""
        return self.media_type.startswith(_FOREIGN_LAYERS)


class Manifest:
    """An image manifest or image index, byte for byte.

    Args:
        content: the JSON document, in UTF-8.
        media_type: the media type.
    """

    def __init__(self, content: bytes, media_type: str) -> None:
        self.content = content
        self.media_type = media_type

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Manifest):
            return NotImplemented
        return (self.content, self.media_type) == (other.content, other.media_type)

    def __hash__(self) -> int:
        return hash((self.content, self.media_type))

    @classmethod
    def parse(cls, content: bytes, media_type: str | None = None) -> Manifest:
        """Parse and validate a manifest.

        Args:
            content: the JSON document, in UTF-8.
            media_type: the media type that the registry returns; default: the one in the document.

        Raises:
            ValidationError: the content is not an image manifest or index, or a manifest of
                Docker schema 1.
        """
        document = _document(content)
        found = cls(content, media_type or document.get("mediaType") or _default_type(document))
        if document.get("schemaVersion") == 1:
            raise ValidationError(
                "the manifest is of Docker schema 1, which has no config. Pull and push the image "
                "with a current version of Docker to convert it."
            )
        if not (found.is_index or found.is_image):
            raise ValidationError(
                f"the manifest of type {found.media_type} is neither an image manifest nor an "
                "image index: it has neither manifests nor config and layers"
            )
        # Validates all descriptors now, before anything is copied.
        _ = found.children, found.blobs
        return found

    @cached_property
    def digest(self) -> ImageDigest:
        """The digest of the content."""
        return digest_of(self.content)

    @cached_property
    def document(self) -> JSONObject:
        """The parsed JSON document."""
        return _document(self.content)

    @property
    def is_index(self) -> bool:
        """Whether the manifest is an image index."""
        return isinstance(self.document.get("manifests"), list)

    @property
    def is_image(self) -> bool:
        """Whether the manifest has a config and layers, as images and other artifacts do."""
        return isinstance(self.document.get("config"), dict) and isinstance(
            self.document.get("layers") or [], list
        )

    @cached_property
    def children(self) -> tuple[Descriptor, ...]:
        """The descriptors of the manifests in an index, in order; none for an image."""
        return _descriptors(self.document["manifests"]) if self.is_index else ()

    @cached_property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The layers in manifest order, then the config, without duplicates.

        Foreign layers are left out, since registries do not store them. An index has no blobs.
        """
        if self.is_index:
            return ()
        found = _descriptors([*(self.document.get("layers") or []), self.document["config"]])
        return tuple({blob.digest: blob for blob in found if not blob.is_foreign}.values())

    @property
    def config(self) -> Descriptor:
        """The descriptor of the config of an image.

        Raises:
            ValidationError: the manifest is an index.
        """
        return _descriptor(self.config_entry)

    @property
    def config_entry(self) -> JSONObject:
        """The JSON object of the config descriptor.

        Raises:
            ValidationError: the manifest is an index.
        """
        if self.is_index:
            raise ValidationError(f"{self.digest} is an image index, which has no config")
        entry: JSONObject = self.document["config"]
        return entry


def digest_of(content: bytes) -> ImageDigest:
    """Return the SHA-256 digest of content."""
    return ImageDigest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def choose_platforms(
    index: Manifest, entries: Sequence[tuple[JSONObject, Descriptor]], wanted: Sequence[Platform]
) -> Manifest | ImageDigest:
    """Return the part of an index with the wanted platforms.

    Args:
        index: the index.
        entries: the descriptors of its images and attestations, including those of nested
            indexes, in order.
        wanted: the platforms.

    Returns:
        The index itself if it has no other platforms; the digest of the image if there is only
        one; otherwise a new index of the wanted images and their attestations.

    Raises:
        ValidationError: the index has no image for one of the platforms.
    """
    images = [child for _, child in entries if child.platform]
    for platform in wanted:
        if not any(platform.matches(image.platform) for image in images):
            available = ", ".join(str(image.platform) for image in images) or "none"
            raise ValidationError(
                f"the index {index.digest} has no image for {platform}; available platforms: "
                f"{available}"
            )
    chosen = {
        image.digest
        for image in images
        if any(platform.matches(image.platform) for platform in wanted)
    }
    if chosen == {image.digest for image in images}:
        return index
    if len(chosen) == 1:
        return chosen.pop()
    kept = [entry for entry, child in entries if child.digest in chosen or child.attests in chosen]
    # The same choice always yields the same bytes: a repeated copy finds the first one.
    content = json.dumps({**index.document, "manifests": kept}, separators=(",", ":")).encode()
    return Manifest.parse(content, index.media_type)


def _document(content: bytes) -> JSONObject:
    try:
        document = parse_json(content)
    except ValueError as error:
        raise ValidationError(f"the manifest is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValidationError(f"the manifest is a JSON {type(document).__name__}, not an object")
    return document


def _default_type(document: JSONObject) -> str:
    # The media type is optional in OCI manifests only.
    return OCI_INDEX if "manifests" in document else OCI_MANIFEST


def _descriptors(entries: list[Any]) -> tuple[Descriptor, ...]:
    return tuple(_descriptor(entry) for entry in entries)


def _descriptor(entry: Any) -> Descriptor:
    if not isinstance(entry, dict):
        raise ValidationError(
            f"invalid descriptor in the manifest: a {type(entry).__name__}, not an object"
        )
    digest, size = entry.get("digest"), entry.get("size")
    if not isinstance(digest, str):
        raise ValidationError("invalid descriptor in the manifest: it has no digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValidationError(f"invalid descriptor of {digest} in the manifest: it has no size")
    annotations, media_type = entry.get("annotations"), entry.get("mediaType")
    return Descriptor(
        digest=ImageDigest(digest),
        size=size,
        media_type=media_type if isinstance(media_type, str) else "",
        platform=Platform.of(entry.get("platform")),
        attests=annotations.get(_ATTESTED_DIGEST) if isinstance(annotations, dict) else None,
    )
