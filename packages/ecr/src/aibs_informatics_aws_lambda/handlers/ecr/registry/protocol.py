"""What replication asks of a repository and its registry, and how these can fail.

Two kinds fulfil it: `DistributionRepository`, any registry that speaks the distribution API, and
`EcrRepository`, which knows Amazon ECR's own API as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..manifest import Descriptor, Manifest
from ..names import ImageDigest


class RegistryError(AWSError):
    """A registry refused, failed or cannot be reached."""


class InterruptedTransferError(RegistryError):
    """The transfer of a blob broke off; it may succeed when it is tried again."""


class NoRangesError(InterruptedTransferError):
    """The registry cannot send a blob from the middle on."""


class TagConflictError(RegistryError):
    """The tag is on another image, and the repository does not let it move."""


class MissingBlobsError(RegistryError):
    """The registry refused a manifest, as blobs that it refers to are not there.

    Args:
        message: what was refused.
        digests: the blobs that the registry named.
    """

    def __init__(self, message: str, digests: Iterable[str]) -> None:
        super().__init__(message)
        self.digests = frozenset(digests)


@dataclass(frozen=True)
class Referrer:
    """A manifest about another one: a signature, an attestation, a bill of materials.

    Args:
        reference: the tag or digest to read it by.
        tag: the tag that it is found by, where it is found by one.
    """

    reference: str
    tag: str | None = None


class Upload(Protocol):
    """A blob on its way into a registry; it is there once it is committed, and not before."""

    def send(self, pieces: Iterable[bytes], size: int) -> None:
        """Send the whole blob, ``size`` bytes.

        Raises:
            InterruptedTransferError: the connection or the registry broke off.
            RegistryError: the registry refused.
        """

    def commit(self, digest: ImageDigest) -> None:
        """Let the registry verify and keep the blob.

        Raises:
            InterruptedTransferError: the connection or the registry broke off.
            RegistryError: the registry refused, such as for another digest.
        """

    def cancel(self) -> None:
        """Let the registry forget what was sent. It is harmless if that fails."""


class BlobStore(Protocol):
    """The transport of the blobs of one repository."""

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """Yield the content from byte ``start`` on, in pieces of at most 1 MiB.

        Raises:
            InterruptedTransferError: the connection or the registry broke off.
            NoRangesError: the registry sends the whole blob or nothing.
            RegistryError: the registry refused, or what it has is of another size.
        """

    def begin_upload(self, blob: Descriptor, mount_from: str | None) -> Upload | None:
        """Begin to upload a blob.

        Args:
            blob: what will come.
            mount_from: the name of a repository of the same registry that has the blob.

        Returns:
            The upload, or `None` where the registry took the blob from ``mount_from`` itself.
        """


class Repository(Protocol):
    """One repository of a registry, to read images from and to write them to."""

    @property
    def uri(self) -> str:
        """The repository, as messages and reports name it."""

    @property
    def registry(self) -> str:
        """The registry; repositories of one registry can share blobs."""

    @property
    def name(self) -> str:
        """The name of the repository within the registry."""

    @property
    def blobs(self) -> BlobStore:
        """The transport of its blobs."""

    def get_manifest(self, reference: str) -> Manifest:
        """Return the manifest with a tag or a digest.

        Raises:
            ResourceNotFoundError: there is none.
            RegistryError: it does not have the digest that was asked for.
        """

    def find_missing(self, blobs: Collection[Descriptor]) -> set[ImageDigest]:
        """Return the digests of those blobs that the repository does not have."""

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        """Store a manifest, and let a tag point to it. What is there already is left as it is.

        Raises:
            MissingBlobsError: blobs of the manifest are not there.
            TagConflictError: the tag is on another image and must not move.
        """

    def find_referrers(self, digest: ImageDigest) -> list[Referrer]:
        """Return what is there about a manifest: by subject, or by the tags that stand for it."""
