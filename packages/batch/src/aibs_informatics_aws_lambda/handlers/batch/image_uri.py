"""References of container images, by Docker's grammar."""

from __future__ import annotations

import re
from typing import ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

# https://pkg.go.dev/github.com/distribution/reference: the grammar, and the limit of a name.
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


class DockerImageUri(CheckedText):
    """The full reference of a container image: registry, repository, and tag, digest, or both.

    ``quay.io/biocontainers/samtools:1.17`` is one; ``samtools:1.17`` is none, as it names no
    registry.

    Raises:
        ValidationError: the text is no such reference.
    """

    __slots__ = ()

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
                f"{text!r} is not the full reference of an image: expected "
                "REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST], the repository in lower case"
            )
        if len(match["registry"]) + 1 + len(match["repo_name"]) > _LONGEST_NAME:
            raise ValidationError(
                f"registry and repository of an image have at most {_LONGEST_NAME} characters "
                f"together; those that start with {text[:60]!r} have more"
            )
        return text

    @property
    def registry(self) -> str:
        """The host of the registry, with its port if it has one."""
        return self._part("registry") or ""

    @property
    def repo_name(self) -> str:
        """The path of the repository in the registry."""
        return self._part("repo_name") or ""

    @property
    def tag(self) -> str | None:
        """The tag, if there is one."""
        return self._part("tag")

    @property
    def digest(self) -> str | None:
        """The digest with its algorithm (``sha256:...``), if there is one."""
        return self._part("digest")

    @property
    def sha256(self) -> str | None:
        """The SHA-256 digest as 64 hexadecimal digits, if there is one."""
        algorithm, _, value = (self.digest or "").partition(":")
        return value if algorithm == "sha256" else None

    def _part(self, name: str) -> str | None:
        match = _REFERENCE.fullmatch(self)
        return match[name] if match else None


def has_registry(image: str) -> bool:
    """Tell whether the first segment of a reference is a registry's host, as Docker does.

    It is if a slash follows and it holds ``.`` or ``:``, or is ``localhost``.
    """
    first, slash, _ = image.partition("/")
    return bool(slash) and (first == "localhost" or "." in first or ":" in first)
