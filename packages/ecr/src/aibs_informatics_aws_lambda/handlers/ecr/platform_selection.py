"""Selection of the platforms of an image."""

from collections.abc import Iterator, Sequence

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject, parse_json

from .manifest import INDEX_TYPES, MAX_DEPTH, Descriptor, Manifest, choose_platforms
from .platforms import Platform
from .registry.protocol import RegistryClient
from .transfer import read_blob

_IMAGE_CONFIGS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)


def select_platforms(
    source: RegistryClient, root: Manifest, platforms: Sequence[Platform]
) -> Manifest:
    """Return the manifest of an image with the wanted platforms only.

    Nested indexes are searched at all levels, and images whose descriptor states no platform by
    their config.

    Args:
        source: a client for the source repository.
        root: the manifest of an image, which must be for one of the platforms, or an index.
        platforms: the platforms.

    Raises:
        ValidationError: there is no image for a platform, or indexes are nested too deeply.
        ResourceNotFoundError: a manifest of the index does not exist.
    """
    if not root.is_index:
        found = _platform_of(source, root)
        if not any(platform.matches(found) for platform in platforms):
            raise ValidationError(
                f"the image {root.digest} is for {found or 'an unknown platform'}, not for "
                f"{', '.join(platforms)}"
            )
        return root
    chosen = choose_platforms(root, list(_entries(source, root)), platforms)
    return chosen if isinstance(chosen, Manifest) else source.get_manifest(chosen)


def _entries(
    source: RegistryClient, index: Manifest, depth: int = 1
) -> Iterator[tuple[JSONObject, Descriptor]]:
    """Yield the descriptors of an index and its nested indexes, with the platforms of images."""
    if depth > MAX_DEPTH:
        raise ValidationError(f"the index contains more than {MAX_DEPTH} levels of indexes")
    for entry, child in zip(index.document["manifests"], index.children, strict=True):
        is_index = child.media_type in INDEX_TYPES
        if not is_index and (child.attests or "platform" in entry):
            yield entry, child
            continue
        manifest = source.get_manifest(child.digest)
        if manifest.is_index:
            yield from _entries(source, manifest, depth + 1)
        else:
            yield entry, child._replace(platform=_platform_of(source, manifest))


def _platform_of(source: RegistryClient, image: Manifest) -> Platform | None:
    if image.config.media_type not in ("", *_IMAGE_CONFIGS):
        return None
    return Platform.of(parse_json(read_blob(image.config, source.blobs)))
