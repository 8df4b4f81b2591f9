"""Validated account IDs, regions, repository names, digests and tags.

See https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html and
https://github.com/opencontainers/distribution-spec/blob/main/spec.md.
"""

import re
from typing import ClassVar

from aibs_informatics_aws_lambda.common.aws import REGION_NAME
from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError


class _Name(CheckedText):
    """Text that matches a pattern."""

    __slots__ = ()

    pattern: ClassVar[re.Pattern[str]]
    form: ClassVar[str]
    """The expected form, to follow "is not" in a message."""

    @classmethod
    def _checked(cls, text: str) -> str:
        if not cls.pattern.fullmatch(text):
            raise ValidationError(f"{text!r} is not {cls.form}")
        return text


class AccountId(_Name):
    """An AWS account ID."""

    __slots__ = ()

    pattern = re.compile(r"\d{12}", re.ASCII)
    form = "an AWS account ID: 12 digits"
    json_schema: ClassVar = {"pattern": r"^[0-9]{12}$", "examples": ["123456789012"]}


class RegionName(_Name):
    """The name of an AWS region in any partition."""

    __slots__ = ()

    pattern = REGION_NAME
    form = "the name of an AWS region, such as us-west-2"
    json_schema: ClassVar = {"pattern": f"^{pattern.pattern}$", "examples": ["us-west-2"]}


# The grammar of the OCI specification, which Amazon ECR shares.
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_COMPONENTS = f"{_COMPONENT}(?:/{_COMPONENT})*"


class OciRepositoryName(_Name):
    """The name of a repository in a registry other than Amazon ECR."""

    __slots__ = ()

    pattern = re.compile(_COMPONENTS)
    form = (
        "a valid repository name: lowercase letters and digits, separated by '.', '_', '-' or '/'"
    )


class RepositoryName(_Name):
    """The name of a repository in Amazon ECR."""

    __slots__ = ()

    pattern = re.compile(rf"(?=.{{2,256}}\Z){_COMPONENTS}")
    form = (
        "a valid repository name: 2 to 256 lowercase letters and digits, separated by '.', '_', "
        "'-' or '/'"
    )
    json_schema: ClassVar = {
        "pattern": f"^{_COMPONENTS}$",
        "minLength": 2,
        "maxLength": 256,
        "examples": ["team/image"],
    }


class ImageDigest(_Name):
    """The digest of a manifest or blob, in lowercase as the OCI specification requires."""

    __slots__ = ()

    pattern = re.compile(r"sha256:[0-9a-f]{64}")
    form = "an image digest: sha256: followed by 64 hexadecimal digits"
    json_schema: ClassVar = {"pattern": f"^{pattern.pattern}$"}

    @classmethod
    def _checked(cls, text: str) -> str:
        return super()._checked(text.lower() if text.startswith("sha256:") else text)


class ImageTag(_Name):
    """An image tag."""

    __slots__ = ()

    pattern = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
    form = "an image tag: 1 to 128 letters, digits, '_', '.' and '-', not starting with '.' or '-'"
    json_schema: ClassVar = {"pattern": f"^{pattern.pattern}$", "examples": ["v1", "latest"]}
