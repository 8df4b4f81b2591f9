"""Image and repository references, on the command line and in requests."""

import re
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from aibs_informatics_aws_lambda.common.exceptions import ValidationError

from .credentials import DOCKER_HUB_HOST, Credentials, find_docker_credentials, read_secret
from .names import ImageDigest, ImageTag, OciRepositoryName
from .registry.protocol import RegistryClient
from .uris import ECRRepositoryUri

# A tag follows the last slash; a colon before that belongs to a port.
_LOCATION = re.compile(r"(?P<repository>.+?)(?::(?P<tag>[^:/@]*))?(?:@(?P<digest>[^@/]*))?")
# The first component of a reference is a registry if it looks like a host, as in docker.
_HOST = re.compile(r"[A-Za-z0-9.-]+\.[A-Za-z0-9.-]+(:\d+)?|[A-Za-z0-9-]+:\d+|localhost")
_ECR_HOST = re.compile(r".*\.dkr\.ecr\..*")
_DOCKER_HUB_HOSTS = ("docker.io", "index.docker.io", DOCKER_HUB_HOST)


class Location(NamedTuple):
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

    @property
    def is_in_ecr(self) -> bool:
        """Whether the repository is in Amazon ECR."""
        return isinstance(self.repository, ECRRepositoryUri)

    def connect(self, secret: str | None = None, profile: str | None = None) -> RegistryClient:
        """Return a registry client for the repository.

        Args:
            secret: the name or ARN of a secret in AWS Secrets Manager with the credentials for a
                registry other than Amazon ECR; default: those of ``docker login``.
            profile: the profile of the AWS configuration for requests to Amazon ECR and AWS
                Secrets Manager; default: the credentials in use.

        Raises:
            ValidationError: a secret is given for a registry of Amazon ECR.
            AWSError: the profile does not exist.
        """
        if isinstance(self.repository, ECRRepositoryUri):
            if secret:
                raise ValidationError(
                    f"{self.repository} is in Amazon ECR, which uses the AWS credentials: a "
                    "secret is for other registries"
                )
            from .api import make_client
            from .registry.ecr import EcrRegistryClient

            client = make_client("ecr", str(self.repository.region), profile) if profile else None
            return EcrRegistryClient(self.repository, client)
        from .registry.distribution import DistributionRegistryClient

        return DistributionRegistryClient(
            self.repository, self.name, partial(self._find_credentials, secret, profile)
        )

    def _find_credentials(self, secret: str | None, profile: str | None) -> Credentials | None:
        if secret:
            return read_secret(secret, profile)
        return find_docker_credentials(urlsplit(self.repository).netloc, self.name)


def parse_destination(text: str) -> Location:
    """Return the location of a destination repository, optionally with a tag.

    Raises:
        ValidationError: the text is not a reference to a repository or tag.
    """
    location = parse_location(text)
    if location.digest:
        raise ValidationError(
            f"{text!r} has a digest: the destination takes a tag only, and the copy has the "
            "digest of the source"
        )
    return location


def parse_location(text: str) -> Location:
    """Return the location of a repository, optionally with a tag and a digest.

    Raises:
        ValidationError: the text is not a reference to a repository or image.
    """
    match = _LOCATION.fullmatch(text)
    if not match:
        raise ValidationError("the image reference is empty")
    tag = None if match["tag"] is None else ImageTag(match["tag"])
    digest = None if match["digest"] is None else ImageDigest(match["digest"])
    repository: str = match["repository"]
    if "://" in repository:
        return Location(*_split_url(repository), tag, digest)
    host, _, name = repository.partition("/")
    if _ECR_HOST.fullmatch(host):
        return Location(ECRRepositoryUri(repository), "", tag, digest)
    if not _HOST.fullmatch(host):
        raise ValidationError(
            f"{text!r} names no registry: give ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME or "
            "HOST/NAME, such as docker.io/library/python"
        )
    if host in _DOCKER_HUB_HOSTS:
        host, name = DOCKER_HUB_HOST, name if "/" in name else f"library/{name}"
    return Location(f"https://{host}", OciRepositoryName(name), tag, digest)


def _split_url(text: str) -> tuple[str, OciRepositoryName]:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.username is not None:
        raise ValidationError(
            "the URL of a repository must be http://HOST[:PORT]/NAME or https://HOST[:PORT]/NAME, "
            "without a user or password: log in with docker login"
        )
    return f"{url.scheme}://{url.netloc}", OciRepositoryName(url.path.removeprefix("/"))
