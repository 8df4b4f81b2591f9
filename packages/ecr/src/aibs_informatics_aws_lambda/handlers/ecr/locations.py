"""Image and repository references on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aibs_informatics_aws_lambda.common.exceptions import ValidationError

from .names import ImageDigest, ImageTag, RepositoryName
from .registry.protocol import RegistryClient
from .uris import ECRRepositoryUri

# A tag follows the last slash; a colon before that belongs to a port.
_LOCATION = re.compile(r"(?P<repository>.+?)(?::(?P<tag>[^:/@]*))?(?:@(?P<digest>[^@/]*))?")


@dataclass(frozen=True)
class Location:
    """A repository, and optionally an image in it.

    Args:
        repository: the URI of a repository in Amazon ECR, or the URL of another registry.
        name: the name of the repository, if ``repository`` is the URL of a registry.
        tag: the tag of the image.
        digest: the digest of the image.
    """

    repository: ECRRepositoryUri | str
    name: str = ""
    tag: ImageTag | None = None
    digest: ImageDigest | None = None

    def connect(self) -> RegistryClient:
        """Return a registry client for the repository."""
        if isinstance(self.repository, ECRRepositoryUri):
            from .registry.ecr import EcrRegistryClient

            return EcrRegistryClient(self.repository)
        from .registry.distribution import DistributionRegistryClient

        return DistributionRegistryClient(self.repository, self.name)


def parse_source(text: str) -> Location:
    """Return the location of a source image; its digest takes precedence over its tag.

    Raises:
        ValidationError: the text is not a reference to an image.
    """
    location = _parse(text)
    if not (location.tag or location.digest):
        raise ValidationError(f"{text!r} names no image: add :TAG or @DIGEST")
    return location


def parse_destination(text: str) -> Location:
    """Return the location of a destination repository, optionally with a tag.

    Raises:
        ValidationError: the text is not a reference to a repository or tag.
    """
    location = _parse(text)
    if location.digest:
        raise ValidationError(
            f"{text!r} has a digest: the destination takes a tag only, and the copy has the "
            "digest of the source"
        )
    return location


def _parse(text: str) -> Location:
    match = _LOCATION.fullmatch(text)
    if not match:
        raise ValidationError("the image reference is empty")
    tag = None if match["tag"] is None else ImageTag(match["tag"])
    digest = None if match["digest"] is None else ImageDigest(match["digest"])
    repository = match["repository"]
    if "://" not in repository:
        return Location(ECRRepositoryUri(repository), "", tag, digest)
    url = urlsplit(repository)
    if url.scheme not in ("http", "https") or not url.hostname or url.username is not None:
        raise ValidationError(
            "a registry other than Amazon ECR must be given as http://HOST[:PORT]/NAME or "
            "https://HOST[:PORT]/NAME, without a user or password"
        )
    name = RepositoryName(url.path.removeprefix("/"))
    return Location(f"{url.scheme}://{url.netloc}", name, tag, digest)
