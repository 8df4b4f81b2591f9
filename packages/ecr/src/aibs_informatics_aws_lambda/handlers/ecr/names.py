"""The names that images are found by, each in the form that Amazon ECR takes.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html and
https://github.com/opencontainers/distribution-spec/blob/main/spec.md state the forms.
"""

from __future__ import annotations

import re
from typing import ClassVar

from aibs_informatics_aws_lambda.common.aws import REGION_NAME
from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError


class _Name(CheckedText):
    """Text that matches one pattern."""

    __slots__ = ()

    pattern: ClassVar[re.Pattern[str]]
    form: ClassVar[str]
    """What the text has to be, to follow "is not" in a message."""

    @classmethod
    def _checked(cls, text: str) -> str:
        if not cls.pattern.fullmatch(text):
            raise ValidationError(f"{text!r} is not {cls.form}")
        return text


class AccountId(_Name):
    """The id of an AWS account."""

    __slots__ = ()

    pattern = re.compile(r"\d{12}", re.ASCII)
    form = "the id of an AWS account: 12 digits"
    json_schema: ClassVar = {"pattern": r"^[0-9]{12}$", "examples": ["123456789012"]}


class RegionName(_Name):
    """The name of an AWS region of any partition."""

    __slots__ = ()

    pattern = REGION_NAME
    form = "the name of an AWS region, such as us-west-2"
    json_schema: ClassVar = {"pattern": f"^{pattern.pattern}$", "examples": ["us-west-2"]}


class RepositoryName(_Name):
    """The name of a repository: 2 to 256 characters, components joined by slashes."""

    __slots__ = ()

    _component = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    pattern = re.compile(rf"(?=.{{2,256}}\Z){_component}(?:/{_component})*", re.ASCII)
    form = (
        "the name of a repository: 2 to 256 lower-case letters and digits, with single '.', "
        "'_', '-' or '/' between them"
    )
    json_schema: ClassVar = {
        "pattern": f"^{_component}(?:/{_component})*$",
        "minLength": 2,
        "maxLength": 256,
        "examples": ["team/image"],
    }


class ImageDigest(_Name):
    """The digest of a manifest or blob; as in the OCI specification, in lower case."""

    __slots__ = ()

    pattern = re.compile(r"sha256:[0-9a-f]{64}")
    form = "an image digest: sha256: and 64 hexadecimal digits"
    json_schema: ClassVar = {"pattern": f"^{pattern.pattern}$"}

    @classmethod
    def _checked(cls, text: str) -> str:
        return super()._checked(text.lower() if text.startswith("sha256:") else text)


class ImageTag(_Name):
    """A tag of an image."""

    __slots__ = ()

    pattern = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
    form = "an image tag: 1 to 128 letters, digits, '_', '.' or '-', the first no '.' and no '-'"
    json_schema: ClassVar = {"pattern": f"^{pattern.pattern}$", "examples": ["v1", "latest"]}
