"""Repositories of Amazon ECR: manifests and tags by its own API, blobs by the distribution API.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html and
https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html#registry_auth_http
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from threading import Lock
from typing import Any, Final, TypeVar

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError

from ..api import ecr_errors, error_code, get_ecr_client
from ..manifest import Descriptor, Manifest
from ..names import ImageDigest
from ..resources import ECRRepository
from .connection import RegistryConnection
from .distribution import DistributionBlobs, check_digest, list_referrers, referrer_tags
from .protocol import MissingBlobsError, Referrer, RegistryError, TagConflictError

T = TypeVar("T")

# The most that ECR takes in one call.
_BATCH: Final = 100
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class EcrRepository:
    """A repository of Amazon ECR, in any account and region; see `Repository`.

    Every call names the account, so that a repository of the caller's own with the same name is
    never taken for that of another account. A repository that does not exist is boto3's
    ``RepositoryNotFoundException``.

    Args:
        repository: which one.
        client: the boto3 client of ECR in the repository's region, made when it is needed.
        registry_url: scheme and host of the registry, by default those of Amazon ECR.
    """

    def __init__(
        self, repository: ECRRepository, client: Any = None, registry_url: str | None = None
    ) -> None:
        self._repository = repository
        self._client = client
        self.name = str(repository.repository_name)
        self.uri = str(repository.uri)
        self.registry = str(repository.uri.registry)
        url = registry_url or f"https://{self.registry}"
        self._connection = RegistryConnection(url, self._get_authorization)
        self.blobs = DistributionBlobs(self._connection, self.name)
        self._token = ""
        self._token_lock = Lock()

    def get_manifest(self, reference: str) -> Manifest:
        """Return the manifest with a tag or a digest."""
        image = f"{self.uri}{'@' if ':' in reference else ':'}{reference}"
        found, failures = self._get_images(f"read the manifest of {image}", [reference])
        if not found:
            raise _not_read(image, failures[0] if failures else {})
        content = found[0]["imageManifest"].encode()
        stated = found[0]["imageId"].get("imageDigest")
        check_digest(image, reference if ":" in reference else stated, content)
        return Manifest.parse(content, found[0].get("imageManifestMediaType"))

    def find_missing(self, blobs: Collection[Descriptor]) -> set[ImageDigest]:
        """Return the digests of those blobs that the repository does not have."""
        missing: set[ImageDigest] = set()
        for batch in _batches([blob.digest for blob in blobs], _BATCH):
            with ecr_errors(f"look for blobs in {self.uri}", "BatchCheckLayerAvailability"):
                answer = self._ecr.batch_check_layer_availability(
                    **self._names, layerDigests=batch
                )
            missing |= _missing(answer, self.uri)
        return missing

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        """Store a manifest, and let a tag point to it."""
        action = f"put {self.uri}@{manifest.digest}" + (f" with the tag {tag}" if tag else "")
        try:
            with ecr_errors(action, "PutImage"):
                self._ecr.put_image(
                    **self._names,
                    imageManifest=manifest.content.decode(),
                    imageManifestMediaType=manifest.media_type,
                    imageDigest=manifest.digest,
                    **({"imageTag": tag} if tag else {}),
                )
        except AWSError as error:
            code = error_code(error)
            if code == "LayersNotFoundException":
                named = _DIGEST.findall(str(error.__cause__))
                raise MissingBlobsError(str(error), named) from error
            if code == "ImageTagAlreadyExistsException" and tag:
                raise self._conflict(manifest, tag) from error
            if code != "ImageAlreadyExistsException":
                raise
            # "The same image with the same tag", or, from emulators of ECR, an immutable tag
            # on another image.
            if tag and self._digest_of(tag) != manifest.digest:
                raise self._conflict(manifest, tag) from error

    def find_referrers(self, digest: ImageDigest) -> list[Referrer]:
        """Return what is there about a manifest."""
        listed = list_referrers(self._connection, self.name, digest)
        action = f"look for signatures of {self.uri}@{digest}"
        found, _ = self._get_images(action, referrer_tags(digest))
        tags = [image["imageId"]["imageTag"] for image in found]
        return listed + [Referrer(tag, tag) for tag in tags]

    @property
    def _ecr(self) -> Any:
        if self._client is None:
            self._client = get_ecr_client(str(self._repository.region))
        return self._client

    def _get_authorization(self) -> str:
        # A token is valid for 12 hours: longer than a function, and than what a copy takes.
        with self._token_lock:
            if not self._token:
                with ecr_errors(f"log in to {self.registry}", "GetAuthorizationToken"):
                    answer = self._ecr.get_authorization_token()
                self._token = answer["authorizationData"][0]["authorizationToken"]
            return f"Basic {self._token}"

    @property
    def _names(self) -> dict[str, str]:
        return {"registryId": str(self._repository.account_id), "repositoryName": self.name}

    def _get_images(
        self, action: str, references: Sequence[str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        ids = [
            {"imageDigest" if ":" in reference else "imageTag": reference}
            for reference in references
        ]
        with ecr_errors(action, "BatchGetImage"):
            answer = self._ecr.batch_get_image(**self._names, imageIds=ids)
        return answer.get("images", []), answer.get("failures", [])

    def _digest_of(self, tag: str) -> str | None:
        found, _ = self._get_images(f"look for the tag {tag} in {self.uri}", [tag])
        return found[0]["imageId"].get("imageDigest") if found else None

    def _conflict(self, manifest: Manifest, tag: str) -> TagConflictError:
        return TagConflictError(
            f"cannot put the tag {tag} on {self.uri}@{manifest.digest}: it is on the image "
            f"{self._digest_of(tag)}, and tags of this repository are immutable; choose another "
            "tag, or delete that one first"
        )


def _not_read(image: str, failure: dict[str, Any]) -> AWSError:
    code, reason = failure.get("failureCode", "no answer"), failure.get("failureReason", "")
    if code in ("ImageNotFound", "ImageTagDoesNotMatchDigest"):
        return ResourceNotFoundError(f"there is no image {image}: {reason}")
    return AWSError(f"cannot read the manifest of {image}: {code}: {reason}")


def _missing(answer: dict[str, Any], uri: str) -> set[ImageDigest]:
    """Return the digests that an answer of BatchCheckLayerAvailability reports as missing."""
    missing = set()
    for failure in answer.get("failures", []):
        if failure.get("failureCode") != "MissingLayerDigest":
            raise RegistryError(
                f"cannot look for the blob {failure.get('layerDigest')} in {uri}: "
                f"{failure.get('failureCode')}: {failure.get('failureReason')}"
            )
        missing.add(ImageDigest(failure["layerDigest"]))
    for layer in answer.get("layers", []):
        if layer.get("layerAvailability") == "ARCHIVED":
            raise RegistryError(
                f"the blob {layer['layerDigest']} is ARCHIVED in {uri}: restore an image that has "
                "it (aws ecr update-image-storage-class), then try again"
            )
        if layer.get("layerAvailability") != "AVAILABLE":
            missing.add(ImageDigest(layer["layerDigest"]))
    return missing


def _batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
