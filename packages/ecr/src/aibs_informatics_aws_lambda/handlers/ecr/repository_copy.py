"""Plans to copy several tags of a repository."""

from collections.abc import Iterator, Sequence

from .manifest import Manifest
from .names import ImageDigest, ImageTag
from .platforms import Platform
from .registry.connection import MAX_REQUESTS
from .registry.protocol import RegistryClient
from .registry.workers import worker_threads
from .replication import Plan, make_plan


def plan_tags(
    source: RegistryClient,
    tags: Sequence[str],
    platforms: Sequence[Platform] = (),
    include_referrers: bool = False,
) -> Iterator[tuple[Plan, list[ImageTag]]]:
    """Yield the plan of each image with tags, and these tags.

    Tags of the same image share a plan. Each plan is made when the one before has been consumed.

    Args:
        source: a client for the source repository.
        tags: the tags.
        platforms: see `make_plan`.
        include_referrers: see `make_plan`.

    Raises:
        ValidationError: an image lacks a platform, or a manifest is invalid.
        ResourceNotFoundError: an image does not exist (any more).
    """
    with worker_threads(MAX_REQUESTS, "manifest") as pool:
        manifests = list(pool.map(source.get_manifest, tags))
    roots: dict[ImageDigest, Manifest] = {}
    tags_of: dict[ImageDigest, list[ImageTag]] = {}
    for tag, manifest in zip(tags, manifests, strict=True):
        roots[manifest.digest] = manifest
        tags_of.setdefault(manifest.digest, []).append(ImageTag(tag))
    for digest, root in roots.items():
        yield make_plan(source, root, platforms, include_referrers), tags_of[digest]
