"""Images and repositories as a command line names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aibs_informatics_aws_lambda.common.exceptions import ValidationError

from .names import ImageDigest, ImageTag, RepositoryName
from .registry.protocol import Repository
from .resources import ECRRepository

# A tag comes after the last slash; a colon before that belongs to a port.
_PLACE = re.compile(r"(?P<repository>.+?)(?::(?P<tag>[^:/@]*))?(?:@(?P<digest>[^@/]*))?")


@dataclass(frozen=True)
class Place:
    """A repository, and what is named in it.

    Args:
        repository: a repository of Amazon ECR, or the URL of another registry.
        name: the name of the repository, where ``repository`` is such a URL.
        tag: the tag that is named.
        digest: the digest that is named.
    """

    repository: ECRRepository | str
    name: str = ""
    tag: ImageTag | None = None
    digest: ImageDigest | None = None

    def open(self) -> Repository:
        """Return what reads and writes the repository."""
        if isinstance(self.repository, ECRRepository):
            return self.repository.open()
        from .registry.distribution import DistributionRepository

        return DistributionRepository(self.repository, self.name)


def parse_source(text: str) -> Place:
    """Return the image that text names, by tag or digest; a digest counts more than a tag.

    Raises:
        ValidationError: it names none; the message says why.
    """
    place = _parse(text)
    if not (place.tag or place.digest):
        raise ValidationError(f"{text!r} names no image: add :TAG or @DIGEST")
    return place


def parse_destination(text: str) -> Place:
    """Return the repository that text names, and perhaps a tag.

    Raises:
        ValidationError: it names none; the message says why.
    """
    place = _parse(text)
    if place.digest:
        raise ValidationError(f"{text!r} names a digest: a copy has the digest of its source")
    return place


def _parse(text: str) -> Place:
    match = _PLACE.fullmatch(text)
    if not match:
        raise ValidationError("the name of an image is empty")
    tag = None if match["tag"] is None else ImageTag(match["tag"])
    digest = None if match["digest"] is None else ImageDigest(match["digest"])
    repository = match["repository"]
    if "://" not in repository:
        return Place(ECRRepository.from_uri(repository), "", tag, digest)
    url = urlsplit(repository)
    if url.scheme not in ("http", "https") or not url.hostname or url.username is not None:
        raise ValidationError(
            "a registry other than Amazon ECR is named by http://HOST[:PORT]/NAME or https://..., "
            "without a user or password"
        )
    name = RepositoryName(url.path.removeprefix("/"))
    return Place(f"{url.scheme}://{url.netloc}", name, tag, digest)
