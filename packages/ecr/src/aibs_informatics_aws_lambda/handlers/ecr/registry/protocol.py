"""The interface of registry clients, and their errors.

`DistributionRegistryClient` implements it for any registry with the OCI distribution API,
`EcrRegistryClient` for Amazon ECR, whose own API it uses as well.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..manifest import Descriptor, Manifest
from ..names import ImageDigest


class RegistryError(AWSError):
    """A registry denied a request, failed or cannot be reached."""


class RejectedRequestError(RegistryError):
    """A registry or its token server rejected a request, with a status of 400 to 499."""


class InterruptedTransferError(RegistryError):
    """The transfer of a blob was interrupted; a retry may succeed."""


class NoRangesError(InterruptedTransferError):
    """The registry does not support range requests for a blob."""


class TagConflictError(RegistryError):
    """The tag is immutable and set on another image."""


class MissingBlobsError(RegistryError):
    """The registry rejected a manifest because blobs that it refers to are missing.

    Args:
        message: the error message.
        digests: the digests of the missing blobs, as the registry named them.
    """

    def __init__(self, message: str, digests: Iterable[str]) -> None:
        super().__init__(message)
        self.digests = frozenset(digests)


class Referrer(NamedTuple):
    """A manifest that refers to another one: a signature, an attestation or an SBOM.

    Args:
        reference: the tag or digest to read it by.
        tag: its tag, if it is attached by a tag (the referrers tag schema, cosign).
    """

    reference: str
    tag: str | None = None


class BlobCheck(NamedTuple):
    """The blobs that a repository lacks.

    Args:
        missing: the digests of blobs that do not exist.
        damaged: the digests of blobs that exist with another size or digest than the manifest
            says.
        unverified: the digests of blobs that exist, but whose size the registry does not state.
    """

    missing: frozenset[ImageDigest] = frozenset()
    damaged: frozenset[ImageDigest] = frozenset()
    unverified: frozenset[ImageDigest] = frozenset()

    @property
    def digests(self) -> frozenset[ImageDigest]:
        """The digests of all these blobs."""
        return self.missing | self.damaged | self.unverified


class Upload(Protocol):
    """An upload session for a blob; the blob exists in the registry once it is committed."""

    def send(self, chunks: Iterable[bytes], size: int) -> None:
        """Upload the whole blob.

        Args:
            chunks: the content.
            size: its size, in bytes.

        Raises:
            InterruptedTransferError: the connection or the registry failed; retry.
            RegistryError: the registry denied the request.
        """

    def commit(self, digest: ImageDigest) -> bool:
        """Complete the upload; the registry verifies and stores the blob.

        Returns:
            Whether the registry confirmed the digest of the blob.

        Raises:
            InterruptedTransferError: the connection or the registry failed; retry.
            RegistryError: the registry rejected the blob, for example for its digest.
        """

    def put(self, content: bytes, digest: ImageDigest) -> bool:
        """Send and commit a small blob in one request; see `send` and `commit`."""

    def cancel(self) -> None:
        """Cancel the upload session, best effort."""


class BlobStore(Protocol):
    """The blobs of one repository."""

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """Yield the content from byte ``start`` on, in chunks of at most 1 MiB.

        Raises:
            InterruptedTransferError: the connection or the registry failed; retry.
            NoRangesError: the registry does not support range requests.
            RegistryError: the registry denied the request, or the blob has another size.
        """

    def start_upload(self, blob: Descriptor, mount_from: str | None) -> Upload | None:
        """Mount a blob from another repository, or start to upload it.

        Args:
            blob: the blob.
            mount_from: the name of a repository of the same registry that has the blob.

        Returns:
            The upload session, or `None` if the registry mounted the blob.
        """


class RegistryClient(Protocol):
    """A client for one repository of a registry."""

    @property
    def uri(self) -> str:
        """The repository, for messages and reports."""

    @property
    def registry(self) -> str:
        """The registry; blobs can be mounted between repositories of one registry."""

    @property
    def name(self) -> str:
        """The name of the repository within the registry."""

    @property
    def blobs(self) -> BlobStore:
        """The blobs of the repository."""

    def get_manifest(self, reference: str) -> Manifest:
        """Return the manifest with a tag or a digest.

        Raises:
            ResourceNotFoundError: the manifest does not exist.
            RegistryError: the content does not match the digest.
        """

    def check_blobs(self, blobs: Collection[Descriptor]) -> BlobCheck:
        """Return which of the blobs the repository lacks, by existence and size."""

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        """Store a manifest, and optionally tag it; succeed if it exists already.

        Raises:
            MissingBlobsError: blobs of the manifest are missing.
            TagConflictError: the tag is immutable and set on another image.
        """

    def find_referrers(self, digest: ImageDigest) -> list[Referrer]:
        """Return the referrers of a manifest, by subject or by tag."""

    def list_tags(self) -> list[str]:
        """Return the tags of the repository.

        Raises:
            ResourceNotFoundError: the repository does not exist.
        """

    def find_push_dates(self, tags: Collection[str]) -> dict[str, datetime]:
        """Return when the images of tags were pushed, as far as the registry states it."""
