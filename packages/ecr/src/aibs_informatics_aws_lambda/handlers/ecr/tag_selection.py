"""Selection of image tags by pattern and date."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError
from aibs_informatics_aws_lambda.common.json_io import parse_json

from .manifest import Manifest
from .registry.connection import MAX_REQUESTS
from .registry.protocol import RegistryClient
from .registry.workers import worker_threads
from .transfer import read_blob

_EPOCH = datetime.fromtimestamp(0, UTC)
_CREATED = "org.opencontainers.image.created"
# Tags of signatures and other referrers, which are copied with their images.
_REFERRER_TAG = re.compile(r"sha256-[0-9a-f]{64}(\..*)?")


def select_tags(
    client: RegistryClient, patterns: Sequence[str] = (), newest: int | None = None
) -> list[str]:
    """Return tags of a repository, the newest first if their number is limited.

    Args:
        client: a client for the repository.
        patterns: shell patterns (``*``, ``?``, ``[...]``), of which a tag must match one;
            default: all tags but those of referrers.
        newest: the maximum number of tags; default: no limit. The date of a tag is when its image
            was pushed, or, if the registry does not state that, created.

    Raises:
        ResourceNotFoundError: the repository does not exist, or no tag matches.
    """
    tags = [tag for tag in client.list_tags() if _matches(tag, patterns)]
    if not tags:
        wanted = f" that matches {' or '.join(patterns)}" if patterns else ""
        raise ResourceNotFoundError(f"no tag{wanted} in {client.uri}")
    if newest is None:
        return tags
    dates = client.find_push_dates(tags)
    unknown = [tag for tag in tags if tag not in dates]
    with worker_threads(MAX_REQUESTS, "date") as pool:
        created = pool.map(lambda tag: _find_creation_date(client, tag), unknown)
        dates |= dict(zip(unknown, created, strict=True))
    return sorted(tags, key=lambda tag: (dates[tag], tag), reverse=True)[:newest]


def _matches(tag: str, patterns: Sequence[str]) -> bool:
    if patterns:
        return any(fnmatchcase(tag, pattern) for pattern in patterns)
    return not _REFERRER_TAG.fullmatch(tag)


def _find_creation_date(client: RegistryClient, reference: str) -> datetime:
    """Return the date in an image's annotations or config, or the epoch if there is none."""
    manifest = client.get_manifest(reference)
    date = _parse_date((manifest.document.get("annotations") or {}).get(_CREATED))
    if date:
        return date
    if manifest.is_index:
        images = [child.digest for child in manifest.children if child.platform]
        return max((_find_creation_date(client, digest) for digest in images), default=_EPOCH)
    return _date_of_config(client, manifest) or _EPOCH


def _date_of_config(client: RegistryClient, manifest: Manifest) -> datetime | None:
    try:
        config = parse_json(read_blob(manifest.config, client.blobs))
    except ValueError:
        # Artifacts other than images have configs of any type.
        return None
    return _parse_date(config.get("created")) if isinstance(config, dict) else None


def _parse_date(text: object) -> datetime | None:
    try:
        date = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return date.replace(tzinfo=date.tzinfo or UTC) if date else None
