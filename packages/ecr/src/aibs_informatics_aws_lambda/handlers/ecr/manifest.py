"""Manifests of images and indexes, and what they refer to.

The forms are those of https://github.com/opencontainers/image-spec (``manifest.md``,
``image-index.md``) and https://distribution.github.io/distribution/spec/manifest-v2-2/.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject, parse_json

from .names import ImageDigest
from .platforms import Platform

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"

MEDIA_TYPES: Final = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)

# The annotation by which BuildKit says which image of an index an attestation is about.
# https://docs.docker.com/build/metadata/attestations/attestation-storage/
_ATTESTED_DIGEST = "vnd.docker.reference.digest"


@dataclass(frozen=True)
class Descriptor:
    """What a manifest says of something that it refers to.

    Args:
        digest: the SHA-256 of its content.
        size: its size, bytes.
        platform: of an image in an index, the platform it is for.
        attests: of an attestation in an index, the digest of the image that it is about.
        is_foreign: whether it lies at URLs outside of the registry.
    """

    digest: ImageDigest
    size: int
    platform: Platform | None = None
    attests: str | None = None
    is_foreign: bool = False


@dataclass(frozen=True)
class Manifest:
    """A manifest, byte by byte as it is stored; its digest is made of these bytes.

    Args:
        content: the bytes: JSON, UTF-8.
        media_type: its media type.
    """

    content: bytes
    media_type: str

    @classmethod
    def parse(cls, content: bytes, media_type: str | None = None) -> Manifest:
        """Return the manifest that ``content`` is; everything it refers to is checked.

        Args:
            content: the bytes.
            media_type: the type that the registry reports; by default, the manifest's own.

        Raises:
            ValidationError: it is no manifest of an image or an index, or Docker's schema 1.
        """
        document = _document(content)
        found = cls(content, media_type or document.get("mediaType") or _usual_type(document))
        if document.get("schemaVersion") == 1:
            raise ValidationError(
                "the image has a manifest of Docker schema 1, which has no config: pull and push "
                "it with a current Docker to convert it"
            )
        if not (found.is_index or found.is_image):
            raise ValidationError(
                f"a manifest of type {found.media_type} that has neither manifests nor config and "
                "layers: only images and indexes can be copied"
            )
        # Made now, so that what is wrong shows before anything is copied.
        _ = found.children, found.blobs
        return found

    @cached_property
    def digest(self) -> ImageDigest:
        """The SHA-256 of the content."""
        return digest_of(self.content)

    @cached_property
    def document(self) -> JSONObject:
        """The content as a JSON object."""
        return _document(self.content)

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return isinstance(self.document.get("manifests"), list)

    @property
    def is_image(self) -> bool:
        """Whether it has a config and layers, be it an image or another artifact."""
        return isinstance(self.document.get("config"), dict) and isinstance(
            self.document.get("layers") or [], list
        )

    @cached_property
    def children(self) -> tuple[Descriptor, ...]:
        """The manifests that an index lists, in its order; none for an image."""
        return _descriptors(self.document["manifests"]) if self.is_index else ()

    @cached_property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The layers in their order, then the config, each once; none for an index.

        Foreign layers are left out: they lie at URLs outside of the registry.
        """
        if self.is_index:
            return ()
        found = _descriptors([*(self.document.get("layers") or []), self.document["config"]])
        return tuple({blob.digest: blob for blob in found if not blob.is_foreign}.values())

    @property
    def config(self) -> Descriptor:
        """The config of an image.

        Raises:
            ValidationError: this is an index, which has none.
        """
        return _descriptor(self.config_entry)

    @property
    def config_entry(self) -> JSONObject:
        """What the manifest of an image says of its config.

        Raises:
            ValidationError: this is an index, which has none.
        """
        if self.is_index:
            raise ValidationError(f"{self.digest} is an index of images, which has no config")
        entry: JSONObject = self.document["config"]
        return entry


def digest_of(content: bytes) -> ImageDigest:
    """Return the digest of content."""
    return ImageDigest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def choose_platforms(index: Manifest, wanted: Sequence[Platform]) -> Manifest | ImageDigest:
    """Return what is to be copied of an index to have some of its platforms.

    Returns:
        The index itself where all of its images are wanted; the digest of the image where only
        one is; else a new index of those images and the attestations about them.

    Raises:
        ValidationError: the index has no image for one of the platforms.
    """
    images = [child for child in index.children if child.platform]
    for platform in wanted:
        if not any(platform.allows(image.platform) for image in images):
            there = ", ".join(str(image.platform) for image in images) or "none"
            raise ValidationError(f"the index has no image for {platform} (it has: {there})")
    chosen = {
        image.digest
        for image in images
        if any(platform.allows(image.platform) for platform in wanted)
    }
    if chosen == {image.digest for image in images}:
        return index
    if len(chosen) == 1:
        return chosen.pop()
    return _reduced(index, chosen)


def _reduced(index: Manifest, chosen: set[ImageDigest]) -> Manifest:
    entries = [
        entry
        for entry, child in zip(index.document["manifests"], index.children, strict=True)
        if child.digest in chosen or child.attests in chosen
    ]
    document = {**index.document, "manifests": entries}
    # One form for one choice, so that a repeat finds what is there.
    content = json.dumps(document, separators=(",", ":")).encode()
    return Manifest.parse(content, index.media_type)


def _document(content: bytes) -> JSONObject:
    try:
        document = parse_json(content)
    except ValueError as error:
        raise ValidationError(f"the manifest is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValidationError(f"the manifest is a JSON {type(document).__name__}, not an object")
    return document


def _usual_type(document: JSONObject) -> str:
    # OCI alone lets a manifest do without its type.
    return OCI_INDEX if "manifests" in document else OCI_MANIFEST


def _descriptors(entries: list[Any]) -> tuple[Descriptor, ...]:
    return tuple(_descriptor(entry) for entry in entries)


def _descriptor(entry: Any) -> Descriptor:
    if not isinstance(entry, dict):
        raise ValidationError(f"the manifest refers to a {type(entry).__name__}, not an object")
    digest, size = entry.get("digest"), entry.get("size")
    if not isinstance(digest, str):
        raise ValidationError("the manifest refers to something without its digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValidationError(f"the manifest refers to {digest} without its size in bytes")
    annotations = entry.get("annotations")
    return Descriptor(
        digest=ImageDigest(digest),
        size=size,
        platform=Platform.of(entry.get("platform")),
        attests=annotations.get(_ATTESTED_DIGEST) if isinstance(annotations, dict) else None,
        is_foreign=bool(entry.get("urls")),
    )
