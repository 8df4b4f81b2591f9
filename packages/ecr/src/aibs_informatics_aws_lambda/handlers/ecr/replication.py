"""Replication of an image: plan the copy, then execute it in a safe order.

All manifests are read before anything is written. Blobs are copied before the manifests that refer
to them, images before their index, and referrers before the tag. An interrupted run therefore
leaves no incomplete image that can be pulled, and a repeated run resumes it.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import ValidationError

from .manifest import MAX_DEPTH, Descriptor, Manifest
from .names import ImageDigest
from .platform_selection import select_platforms
from .platforms import Platform
from .registry import protocol
from .registry.workers import map_concurrently
from .transfer import NullProgress, Progress, Transfer, copy_blobs

COPY_ACTIONS = (
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:ListImageReferrers",
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
)
"""The IAM actions that a copy between two repositories of Amazon ECR requires."""


class Plan(NamedTuple):
    """The manifests to copy.

    Args:
        root: the requested image or index.
        children: the manifests below an index, at all levels, each after its own children.
        referrers: the referrers of these manifests, each with its tag if it is attached by one.
    """

    root: Manifest
    children: tuple[Manifest, ...] = ()
    referrers: tuple[tuple[Manifest, str | None], ...] = ()

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """All manifests, in the order to put them."""
        return (*self.children, self.root, *(manifest for manifest, _ in self.referrers))

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """All blobs, without duplicates."""
        found = {blob.digest: blob for manifest in self.manifests for blob in manifest.blobs}
        return tuple(found.values())


class Report(NamedTuple):
    """The result of a replication or a dry run.

    Args:
        plan: the manifests to copy.
        tags: the tags of the copy.
        missing: the blobs that the destination lacked.
        damaged: the digests of the missing blobs that exist there with another size or digest.
        transfers: the transfers of these blobs; none in a dry run.
    """

    plan: Plan
    tags: tuple[str, ...]
    missing: tuple[Descriptor, ...]
    damaged: frozenset[ImageDigest]
    transfers: list[Transfer]

    @property
    def bytes_copied(self) -> int:
        """The number of bytes transferred between the registries."""
        return sum(transfer.blob.size for transfer in self.transfers if not transfer.is_mounted)

    @property
    def mounted(self) -> int:
        """The number of blobs mounted from another repository of the registry."""
        return sum(transfer.is_mounted for transfer in self.transfers)


def make_plan(
    source: protocol.RegistryClient,
    root: Manifest,
    platforms: Sequence[Platform] = (),
    include_referrers: bool = False,
) -> Plan:
    """Read the manifests of an image and return the plan to copy it.

    Args:
        source: a client for the source repository.
        root: the manifest of the image or index.
        platforms: the platforms of an index to copy; default: all. One platform of several is
            copied as an image without the index; more than one as a new index of these.
        include_referrers: whether to copy the referrers of the image and its children.

    Raises:
        ValidationError: a platform does not exist, or a manifest is invalid.
        ResourceNotFoundError: a manifest of the index does not exist.
    """
    if platforms:
        root = select_platforms(source, root, platforms)
    *children, _ = _tree(source, root, {root.digest})
    referrers = list(_referrers(source, [*children, root])) if include_referrers else []
    return Plan(root, tuple(children), tuple(referrers))


class Replication(NamedTuple):
    """Copies images from one repository to another.

    Args:
        source: a client for the source repository.
        target: a client for the destination repository.
        progress: receives the progress of blob transfers.
    """

    source: protocol.RegistryClient
    target: protocol.RegistryClient
    progress: Progress = NullProgress()

    def preview(self, plan: Plan, tags: Sequence[str] = ()) -> Report:
        """Return the report of a dry run."""
        check = self.target.check_blobs(plan.blobs)
        return Report(
            plan,
            tuple(dict.fromkeys(tags)),
            tuple(blob for blob in plan.blobs if blob.digest in check.digests),
            check.damaged,
            [],
        )

    def copy_blobs(self, plan: Plan, tags: Sequence[str] = ()) -> Report:
        """Copy missing blobs, and neither put manifests nor set the tags of the report.

        Raises:
            RegistryError: a registry denied a request or failed.
        """
        report = self.preview(plan, tags)
        report.transfers.extend(self._copy(report.missing, report.damaged))
        return report

    def run(self, plan: Plan, tags: Sequence[str] = ()) -> Report:
        """Copy missing blobs and all manifests, then tag the copy.

        Args:
            plan: the manifests to copy.
            tags: the tags of the copy; default: none.

        Raises:
            TagConflictError: a tag is immutable and set on another image. The copy exists.
            RegistryError: a registry denied a request or failed, or a blob is still missing or
                damaged after its transfer. No tag has been set.
        """
        report = self.copy_blobs(plan, tags)
        self._put_children(plan.children, report)
        if plan.referrers:
            # Before the tag: whoever pulls the image by its tag finds its signatures.
            self._put(plan.root, None, report)
            for manifest, tag in plan.referrers:
                self._put(manifest, tag, report)
        self._put_root(plan.root, report)
        return report

    def _put_children(self, children: Sequence[Manifest], report: Report) -> None:
        # Images refer to no other manifest of the index, and indexes to those before them.
        images = [child for child in children if not child.is_index]
        map_concurrently(lambda image: self._put(image, None, report), images, "put")
        for child in children:
            if child.is_index:
                self._put(child, None, report)

    def _put_root(self, root: Manifest, report: Report) -> None:
        if not report.tags:
            self._put(root, None, report)
        for tag in report.tags:
            try:
                self._put(root, tag, report)
            except protocol.TagConflictError:
                # Keep the copy: setting another tag then transfers nothing.
                self._put(root, None, report)
                raise

    def _put(self, manifest: Manifest, tag: str | None, report: Report) -> None:
        try:
            self.target.put_manifest(manifest, tag)
        except protocol.MissingBlobsError as error:
            # Deleted since the look-up, for example by garbage collection of the registry.
            named = [blob for blob in report.plan.blobs if blob.digest in error.digests]
            if not named:
                raise
            report.transfers.extend(self._copy(named))
            self.target.put_manifest(manifest, tag)

    def _copy(
        self, blobs: Sequence[Descriptor], damaged: Collection[ImageDigest] = ()
    ) -> list[Transfer]:
        if not blobs:
            return []
        transfers = copy_blobs(blobs, self.source, self.target, self.progress)
        # The registry may have kept a damaged blob, or mounted one.
        self._confirm(
            [
                transfer.blob
                for transfer in transfers
                if not transfer.is_confirmed or transfer.blob.digest in damaged
            ]
        )
        return transfers

    def _confirm(self, blobs: Sequence[Descriptor]) -> None:
        check = self.target.check_blobs(blobs)
        for digest in sorted(check.missing | check.damaged):
            problem = "missing" if digest in check.missing else "damaged"
            raise protocol.RegistryError(
                f"the blob {digest} is {problem} in {self.target.uri} after its transfer: the "
                "registry does not replace it. Remove the blob from the storage of the registry, "
                "then retry."
            )


def _tree(
    source: protocol.RegistryClient, root: Manifest, seen: set[ImageDigest], depth: int = 0
) -> Iterator[Manifest]:
    """Yield the manifests below a manifest, children first, then the manifest itself."""
    if depth > MAX_DEPTH:
        raise ValidationError(f"the index contains more than {MAX_DEPTH} levels of indexes")
    new = dict.fromkeys(child.digest for child in root.children if child.digest not in seen)
    for child in map_concurrently(source.get_manifest, new, "manifest"):
        # An index before it may contain it, too.
        if child.digest not in seen:
            seen.add(child.digest)
            yield from _tree(source, child, seen, depth + 1)
    yield root


def _referrers(
    source: protocol.RegistryClient, subjects: Sequence[Manifest]
) -> Iterator[tuple[Manifest, str | None]]:
    """Yield the referrers of the subjects, and the referrers of these, children first."""
    waiting = [subject.digest for subject in subjects]
    seen = set(waiting)
    while waiting:
        listed_of = map_concurrently(source.find_referrers, waiting, "referrers")
        waiting = []
        for referrer in chain.from_iterable(listed_of):
            found = source.get_manifest(referrer.reference)
            *listed, _ = _tree(source, found, seen)
            new = found.digest not in seen
            seen.add(found.digest)
            yield from ((manifest, None) for manifest in listed)
            if new or referrer.tag:
                yield found, referrer.tag
            waiting += [manifest.digest for manifest in (*listed, *([found] if new else []))]
