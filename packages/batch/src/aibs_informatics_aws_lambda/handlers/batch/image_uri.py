"""Container image references, in the grammar of Docker."""

import re
from typing import ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

# Grammar and length limit: https://pkg.go.dev/github.com/distribution/reference
_LABEL = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?"
_NAME_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = rf"{_NAME_PART}(?:/{_NAME_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
_REFERENCE = re.compile(
    rf"(?P<registry>{_HOST})/(?P<repo_name>{_NAME})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
_LONGEST_NAME = 255

REGISTRY = r"(docker\.io|public\.ecr\.aws|ghcr\.io|(?:[\d]{12}).dkr.ecr.(?:[\w-]*).amazonaws.com)"
"""Pattern of well-known registries, the first group of `DockerImageUri.regex_pattern`."""
REPO_NAME = r"([a-z0-9]+(?:[-_\.\/][a-z0-9]+)*)"
"""Pattern of repositories, the second group of `DockerImageUri.regex_pattern`."""
IMAGE_TAG_OR_SHA = r"(?::([\w.\-_]{1,127})|@sha256:([A-Fa-f0-9]{64}))"
"""Pattern of tags and digests, the other groups of `DockerImageUri.regex_pattern`."""


class DockerImageUri(CheckedText):
    """A full container image reference: registry and repository, and a tag, a digest, or both.

    ``quay.io/biocontainers/samtools:1.17`` is valid; ``samtools:1.17`` is not, because it has no
    registry.

    Raises:
        ValidationError: the text is not a full image reference.
    """

    __slots__ = ()

    regex_pattern: ClassVar = re.compile(rf"^{REGISTRY}/{REPO_NAME}{IMAGE_TAG_OR_SHA}?")
    """Pattern of images in well-known registries. The class accepts more than these."""

    json_schema: ClassVar = {
        "examples": [
            "123456789012.dkr.ecr.us-west-2.amazonaws.com/tools/align:1.0",
            "quay.io/biocontainers/samtools:1.17",
        ],
    }

    @classmethod
    def _checked(cls, text: str) -> str:
        match = _REFERENCE.fullmatch(text)
        if not match or not has_registry(text):
            raise ValidationError(
                f"{text!r} is not a full image reference: expected "
                "REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST], with a lower-case repository"
            )
        if len(match["registry"]) + 1 + len(match["repo_name"]) > _LONGEST_NAME:
            raise ValidationError(
                f"the image reference {text[:60]!r}... is too long: registry and repository may "
                f"have {_LONGEST_NAME} characters together"
            )
        return text

    @property
    def registry(self) -> str:
        """The host of the registry, with its port if there is one."""
        return self._part("registry") or ""

    @property
    def repo_name(self) -> str:
        """The name of the repository."""
        return self._part("repo_name") or ""

    @property
    def tag(self) -> str | None:
        """The tag, if any."""
        return self._part("tag")

    @property
    def digest(self) -> str | None:
        """The digest with its algorithm (``sha256:...``), if any."""
        return self._part("digest")

    @property
    def sha256(self) -> str | None:
        """The SHA-256 digest as 64 hexadecimal digits, if any."""
        algorithm, _, value = (self.digest or "").partition(":")
        return value if algorithm == "sha256" else None

    def _part(self, name: str) -> str | None:
        match = _REFERENCE.fullmatch(self)
        return match[name] if match else None


def has_registry(image: str) -> bool:
    """Return whether an image reference starts with a registry, by the rule of Docker.

    The part before the first slash is a registry if it contains ``.`` or ``:``, or is
    ``localhost``.
    """
    first, slash, _ = image.partition("/")
    return bool(slash) and (first == "localhost" or "." in first or ":" in first)
