"""Registry client for Amazon ECR.

Manifests and tags go through the API of Amazon ECR, blobs through the distribution API.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/Welcome.html and
https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html#registry_auth_http
"""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError

from ..api import ecr_errors, error_code, get_ecr_client
from ..login import get_login
from ..manifest import Descriptor, Manifest
from ..names import ImageDigest
from ..uris import ECRRepositoryUri
from .authorization import StaticAuthorizer
from .connection import RegistryConnection
from .distribution import DistributionBlobs, list_referrers, read_manifest, referrer_tags
from .protocol import BlobCheck, MissingBlobsError, Referrer, RegistryError, TagConflictError

T = TypeVar("T")

# The limit of BatchGetImage and BatchCheckLayerAvailability per call.
_BATCH = 100
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ADVICE = (
    "Grant the permission to the role or user in use, in its IAM policy and, in another account, "
    "in the repository policy."
)


class EcrRegistryClient:
    """A client for one repository of Amazon ECR; see `RegistryClient`.

    Every call names the account: without ``registryId``, ECR would use a repository of that name
    in the caller's own account. A missing repository raises boto3's
    ``RepositoryNotFoundException``.

    Args:
        repository: the URI of the repository, in any account and region.
        client: the boto3 ECR client of the repository's region; default: created on first use.
        registry_url: scheme and host of the registry; default: those of Amazon ECR.
    """

    def __init__(
        self, repository: ECRRepositoryUri, client: Any = None, registry_url: str | None = None
    ) -> None:
        self._repository = repository
        self._client = client
        self.name = str(repository.repository_name)
        self.uri = str(repository)
        self.registry = str(repository.registry)
        url = registry_url or f"https://{self.registry}"
        self._connection = RegistryConnection(
            url, StaticAuthorizer(self._get_authorization, _ADVICE)
        )
        self.blobs = DistributionBlobs(self._connection, self.name)

    def get_manifest(self, reference: str) -> Manifest:
        """Return the manifest with a tag or a digest."""
        image = f"{self.uri}{'@' if ':' in reference else ':'}{reference}"
        found, failures = self.batch_get_images(f"read the manifest of {image}", [reference])
        if not found:
            raise _manifest_error(image, failures[0] if failures else {})
        content = found[0]["imageManifest"].encode()
        stated = found[0]["imageId"].get("imageDigest")
        digest = reference if ":" in reference else stated
        return read_manifest(image, digest, content, found[0].get("imageManifestMediaType"))

    def check_blobs(self, blobs: Collection[Descriptor]) -> BlobCheck:
        """Return which of the blobs the repository lacks, by existence and size."""
        missing: set[ImageDigest] = set()
        sizes: dict[str, int | None] = {}
        for batch in _batches([blob.digest for blob in blobs], _BATCH):
            with ecr_errors(f"look up blobs in {self.uri}", "BatchCheckLayerAvailability"):
                response = self._ecr.batch_check_layer_availability(
                    **self._names, layerDigests=batch
                )
            missing |= _missing(response, self.uri)
            sizes |= {
                one["layerDigest"]: one.get("layerSize") for one in response.get("layers", [])
            }
        present = [blob for blob in blobs if blob.digest in sizes.keys() - missing]
        unverified = {blob.digest for blob in present if sizes[blob.digest] is None}
        damaged = {blob.digest for blob in present if sizes[blob.digest] != blob.size}
        return BlobCheck(
            frozenset(missing), frozenset(damaged - unverified), frozenset(unverified)
        )

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        """Store a manifest, and optionally tag it."""
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
            # The same image with the same tag. ECR emulators also return this code if an
            # immutable tag is set on another image.
            if tag and self._digest_of(tag) != manifest.digest:
                raise self._conflict(manifest, tag) from error

    def find_referrers(self, digest: ImageDigest) -> list[Referrer]:
        """Return the referrers of a manifest."""
        listed = list_referrers(self._connection, self.name, digest)
        action = f"look up signatures of {self.uri}@{digest}"
        found, _ = self.batch_get_images(action, referrer_tags(digest))
        tags = [image["imageId"]["imageTag"] for image in found]
        return listed + [Referrer(tag, tag) for tag in tags]

    def list_tags(self) -> list[str]:
        """Return the tags of the repository."""
        return sorted(self._dates())

    def find_push_dates(self, tags: Collection[str]) -> dict[str, datetime]:
        """Return when the images of tags were pushed."""
        dates = self._dates()
        return {tag: dates[tag] for tag in tags if tag in dates}

    def _dates(self) -> dict[str, datetime]:
        with ecr_errors(f"list the tags of {self.uri}", "DescribeImages"):
            pages = self._ecr.get_paginator("describe_images").paginate(
                **self._names, filter={"tagStatus": "TAGGED"}
            )
            return {
                tag: image["imagePushedAt"]
                for page in pages
                for image in page["imageDetails"]
                for tag in image.get("imageTags", [])
            }

    def batch_get_images(
        self, action: str, references: Sequence[str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the images and the failures of BatchGetImage, called once per 100 references.

        Args:
            action: a verb phrase for the call, to follow "cannot" in an error message.
            references: tags and digests.

        Raises:
            AWSError: ECR denied the request or failed.
        """
        images, failures = [], []
        for batch in _batches(references, _BATCH):
            ids = [{"imageDigest" if ":" in one else "imageTag": one} for one in batch]
            with ecr_errors(action, "BatchGetImage"):
                response = self._ecr.batch_get_image(**self._names, imageIds=ids)
            images += response.get("images", [])
            failures += response.get("failures", [])
        return images, failures

    @property
    def _ecr(self) -> Any:
        if self._client is None:
            self._client = get_ecr_client(str(self._repository.region))
        return self._client

    def _get_authorization(self) -> str:
        # Valid for 12 hours: longer than a Lambda function or a copy runs.
        return f"Basic {get_login(self._ecr, self._repository.registry).auth_token}"

    @property
    def _names(self) -> dict[str, str]:
        return {"registryId": str(self._repository.account_id), "repositoryName": self.name}

    def _digest_of(self, tag: str) -> str | None:
        found, _ = self.batch_get_images(f"look up the tag {tag} in {self.uri}", [tag])
        return found[0]["imageId"].get("imageDigest") if found else None

    def _conflict(self, manifest: Manifest, tag: str) -> TagConflictError:
        return TagConflictError(
            f"cannot tag {self.uri}@{manifest.digest} with {tag}: tags of the repository are "
            f"immutable, and the tag is set on {self._digest_of(tag)}. Choose another tag, or "
            "delete the existing one."
        )


def _manifest_error(image: str, failure: dict[str, Any]) -> AWSError:
    code, reason = failure.get("failureCode", "no response"), failure.get("failureReason", "")
    if code in ("ImageNotFound", "ImageTagDoesNotMatchDigest"):
        return ResourceNotFoundError(f"image not found: {image}: {reason}")
    return AWSError(f"cannot read the manifest of {image}: {code}: {reason}")


def _missing(response: dict[str, Any], uri: str) -> set[ImageDigest]:
    """Return the digests of missing blobs from a response of BatchCheckLayerAvailability."""
    missing = set()
    for failure in response.get("failures", []):
        if failure.get("failureCode") != "MissingLayerDigest":
            raise RegistryError(
                f"cannot look up the blob {failure.get('layerDigest')} in {uri}: "
                f"{failure.get('failureCode')}: {failure.get('failureReason')}"
            )
        missing.add(ImageDigest(failure["layerDigest"]))
    for layer in response.get("layers", []):
        if layer.get("layerAvailability") == "ARCHIVED":
            raise RegistryError(
                f"the blob {layer['layerDigest']} is archived in {uri}. Restore an image that "
                "contains it (aws ecr update-image-storage-class), then retry."
            )
        if layer.get("layerAvailability") != "AVAILABLE":
            missing.add(ImageDigest(layer["layerDigest"]))
    return missing


def _batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
