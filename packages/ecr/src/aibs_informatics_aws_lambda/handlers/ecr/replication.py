"""Replication of an image: what there is to copy, and copying it in the order that is safe.

Everything is read before anything is written, and blobs come before the manifests that refer to
them, images before their index, signatures before the tag that makes an image visible. So a run
that ends early leaves nothing that could be pulled and is not whole, and a repeat goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import parse_json

from .manifest import Descriptor, Manifest, choose_platforms
from .names import ImageDigest
from .platforms import Platform
from .registry.protocol import MissingBlobsError, Repository, TagConflictError
from .transfer import Progress, Silent, Transfer, copy_blobs, read_blob


@dataclass(frozen=True)
class Plan:
    """What is to be copied.

    Args:
        root: the image or index that was asked for.
        children: the manifests that it lists, at all levels; each after what it lists itself.
        referrers: manifests about these, and the tags that they are found by.
    """

    root: Manifest
    children: tuple[Manifest, ...] = ()
    referrers: tuple[tuple[Manifest, str | None], ...] = ()

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """All manifests, in the order in which they are put."""
        return (*self.children, self.root, *(manifest for manifest, _ in self.referrers))

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """All blobs, each once."""
        found = {blob.digest: blob for manifest in self.manifests for blob in manifest.blobs}
        return tuple(found.values())


@dataclass
class Report:
    """What a replication did, or would do.

    Args:
        plan: what there was to copy.
        tags: the tags of the copy.
        missing: the blobs that the target did not have.
        transfers: how these came there; none in a dry run.
    """

    plan: Plan
    tags: tuple[str, ...]
    missing: tuple[Descriptor, ...]
    transfers: list[Transfer] = field(default_factory=list)

    @property
    def bytes_moved(self) -> int:
        """The bytes that went from registry to registry."""
        return sum(transfer.blob.size for transfer in self.transfers if not transfer.is_mounted)

    @property
    def mounted(self) -> int:
        """How many blobs the registry took from another of its own repositories."""
        return sum(transfer.is_mounted for transfer in self.transfers)


def make_plan(
    source: Repository,
    root: Manifest,
    platforms: Sequence[Platform] = (),
    include_referrers: bool = False,
) -> Plan:
    """Read all that an image is made of, but its blobs.

    Args:
        source: the repository that it is in.
        root: its manifest.
        platforms: the platforms to copy of an index; none for all. Some of several make a new
            index of these; one of several stands for itself, without the index.
        include_referrers: whether to copy what refers to the image and its children as well.

    Raises:
        ValidationError: there is no such platform, or a manifest cannot be understood.
        ResourceNotFoundError: a manifest that is listed is not there.
    """
    if platforms:
        root = _choose(source, root, platforms)
    *children, _ = _tree(source, root, {root.digest})
    referrers = list(_referrers(source, [*children, root])) if include_referrers else []
    return Plan(root, tuple(children), tuple(referrers))


@dataclass(frozen=True)
class Replication:
    """Copies images from one repository to another.

    Args:
        source: where from.
        target: where to.
        progress: hears how far it is.
    """

    source: Repository
    target: Repository
    progress: Progress = field(default_factory=Silent)

    def preview(self, plan: Plan, tags: Sequence[str] = ()) -> Report:
        """Return what `run` would do; nothing is written."""
        missing = self.target.find_missing(plan.blobs)
        return Report(
            plan,
            tuple(dict.fromkeys(tags)),
            tuple(blob for blob in plan.blobs if blob.digest in missing),
        )

    def run(self, plan: Plan, tags: Sequence[str] = ()) -> Report:
        """Copy what is missing, and let the tags point to the copy.

        Args:
            plan: what to copy.
            tags: the tags; without any, the copy is untagged.

        Raises:
            TagConflictError: a tag is on another image and must not move; the image is there.
            RegistryError: a registry refused or failed. Nothing has been tagged.
        """
        report = self.preview(plan, tags)
        report.transfers = self._copy(report.missing)
        for child in plan.children:
            self._put(child, None, report)
        if plan.referrers:
            # Before the tag, lest someone who sees the image misses its signature.
            self._put(plan.root, None, report)
            for manifest, tag in plan.referrers:
                self._put(manifest, tag, report)
        self._put_root(plan.root, report)
        return report

    def _put_root(self, root: Manifest, report: Report) -> None:
        if not report.tags:
            self._put(root, None, report)
        for tag in report.tags:
            try:
                self._put(root, tag, report)
            except TagConflictError:
                # The copy is kept, so that another tag can be given to it without moving bytes.
                self._put(root, None, report)
                raise

    def _put(self, manifest: Manifest, tag: str | None, report: Report) -> None:
        try:
            self.target.put_manifest(manifest, tag)
        except MissingBlobsError as error:
            # The registry has forgotten blobs since it was asked for them, or said too much.
            named = [blob for blob in report.plan.blobs if blob.digest in error.digests]
            if not named:
                raise
            report.transfers += self._copy(named)
            self.target.put_manifest(manifest, tag)

    def _copy(self, blobs: Sequence[Descriptor]) -> list[Transfer]:
        return copy_blobs(blobs, self.source, self.target, self.progress) if blobs else []


def _choose(source: Repository, root: Manifest, platforms: Sequence[Platform]) -> Manifest:
    if not root.is_index:
        _check_platform(source, root, platforms)
        return root
    chosen = choose_platforms(root, platforms)
    return chosen if isinstance(chosen, Manifest) else source.get_manifest(chosen)


def _check_platform(source: Repository, root: Manifest, platforms: Sequence[Platform]) -> None:
    there = Platform.of(parse_json(read_blob(root.config, source.blobs)))
    if not any(platform.allows(there) for platform in platforms):
        raise ValidationError(
            f"the image is for {there or 'no platform that it names'}, not for "
            f"{', '.join(platforms)}"
        )


def _tree(source: Repository, root: Manifest, seen: set[ImageDigest]) -> Iterator[Manifest]:
    """Yield a manifest after all that it lists; each once."""
    for child in root.children:
        if child.digest not in seen:
            seen.add(child.digest)
            yield from _tree(source, source.get_manifest(child.digest), seen)
    yield root


def _referrers(
    source: Repository, subjects: Sequence[Manifest]
) -> Iterator[tuple[Manifest, str | None]]:
    """Yield what refers to the subjects, and what refers to that: each after what it lists."""
    waiting = [subject.digest for subject in subjects]
    seen = set(waiting)
    while waiting:
        for referrer in source.find_referrers(waiting.pop(0)):
            found = source.get_manifest(referrer.reference)
            *listed, _ = _tree(source, found, seen)
            new = found.digest not in seen
            seen.add(found.digest)
            yield from ((manifest, None) for manifest in listed)
            if new or referrer.tag:
                yield found, referrer.tag
            waiting += [manifest.digest for manifest in (*listed, *([found] if new else []))]
