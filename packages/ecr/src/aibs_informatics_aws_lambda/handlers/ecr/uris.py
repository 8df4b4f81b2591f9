"""URIs of registries, repositories and images in Amazon ECR."""

from __future__ import annotations

import re
from typing import ClassVar, Self

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ValidationError

from .names import AccountId, ImageDigest, ImageTag, RegionName, RepositoryName

_REGISTRY = re.compile(r"(?P<account>[^./]+)\.dkr\.ecr\.(?P<region>[^./]+)\.(?P<suffix>[^/]+)")

_DEFAULT_SUFFIX = "amazonaws.com"
# By prefix of the region, from https://docs.aws.amazon.com/general/latest/gr/ecr.html and
# botocore's endpoints.json. A copy, since loading the latter takes longer than everything else
# before the first call of a request.
_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-isof-": "csp.hci.ic.gov",
}


class ECRRegistryUri(CheckedText):
    """``ACCOUNT.dkr.ecr.REGION.SUFFIX``, with the DNS suffix of the region's partition.

    Raises:
        ValidationError: the text is not such a URI.
    """

    __slots__ = ()

    json_schema: ClassVar = {"examples": ["123456789012.dkr.ecr.us-west-2.amazonaws.com"]}

    @classmethod
    def _checked(cls, text: str) -> str:
        _check_registry(text)
        return text

    @classmethod
    def from_components(cls, account_id: str | None = None, region: str | None = None) -> Self:
        """Return the URI of a registry, by default in the caller's account and region.

        Raises:
            AWSError: the account or region is neither given nor can be determined.
        """
        return cls(_registry(account_id, region))

    @property
    def account_id(self) -> AccountId:
        """The AWS account ID of the registry."""
        return AccountId(self.partition(".")[0])

    @property
    def region(self) -> RegionName:
        """The AWS region of the registry."""
        return RegionName(self.split(".", 4)[3])

    @property
    def registry(self) -> ECRRegistryUri:
        """The URI of the registry."""
        return ECRRegistryUri(self.partition("/")[0])


class ECRRepositoryUri(ECRRegistryUri):
    """``REGISTRY/NAME``, a repository."""

    __slots__ = ()

    json_schema: ClassVar = {"examples": ["123456789012.dkr.ecr.us-west-2.amazonaws.com/name"]}

    @classmethod
    def _checked(cls, text: str) -> str:
        registry, _, name = text.partition("/")
        _check_registry(registry)
        RepositoryName(name)
        return text

    @classmethod
    def from_components(  # type: ignore[override] # a repository needs its name
        cls, repository_name: str, account_id: str | None = None, region: str | None = None
    ) -> Self:
        """Return the URI of a repository, by default in the caller's account and region.

        Raises:
            AWSError: the account or region is neither given nor can be determined.
        """
        return cls(f"{_registry(account_id, region)}/{RepositoryName(repository_name)}")

    @property
    def repository_name(self) -> RepositoryName:
        """The name of the repository."""
        return RepositoryName(re.split("[:@]", self.partition("/")[2])[0])


class ECRImageUri(ECRRepositoryUri):
    """``REGISTRY/NAME:TAG`` or ``REGISTRY/NAME@DIGEST``, an image."""

    __slots__ = ()

    json_schema: ClassVar = {"examples": ["123456789012.dkr.ecr.us-west-2.amazonaws.com/name:v1"]}

    @classmethod
    def _checked(cls, text: str) -> str:
        repository, at, digest = text.partition("@")
        repository, colon, tag = repository.partition(":")
        if bool(at) == bool(colon):
            raise ValidationError(f"{text!r} is not an image URI: give either :TAG or @DIGEST")
        ECRRepositoryUri(repository)
        return f"{repository}@{ImageDigest(digest)}" if at else f"{repository}:{ImageTag(tag)}"

    @classmethod
    def from_components(  # type: ignore[override] # an image needs its name and tag or digest
        cls,
        repository_name: str,
        image_tag: str | None = None,
        image_digest: str | None = None,
        account_id: str | None = None,
        region: str | None = None,
    ) -> Self:
        """Return the URI of an image, by default in the caller's account and region.

        Raises:
            ValidationError: both or neither of tag and digest are given.
            AWSError: the account or region is neither given nor can be determined.
        """
        repository = ECRRepositoryUri.from_components(repository_name, account_id, region)
        tag = "" if image_tag is None else f":{image_tag}"
        digest = "" if image_digest is None else f"@{image_digest}"
        return cls(f"{repository}{tag}{digest}")

    @property
    def repository(self) -> ECRRepositoryUri:
        """The URI of the repository."""
        return ECRRepositoryUri(re.split("[:@]", self)[0])

    @property
    def image_tag(self) -> ImageTag | None:
        """The tag; `None` in a URI with a digest."""
        tag = self.partition("@")[0].partition(":")[2]
        return ImageTag(tag) if tag else None

    @property
    def image_digest(self) -> ImageDigest | None:
        """The digest; `None` in a URI with a tag."""
        digest = self.partition("@")[2]
        return ImageDigest(digest) if digest else None


def _check_registry(text: str) -> None:
    match = _REGISTRY.fullmatch(text)
    if not match:
        raise ValidationError(
            f"{text!r} is not a registry of Amazon ECR: expected "
            "ACCOUNT.dkr.ecr.REGION.amazonaws.com"
        )
    AccountId(match["account"])
    expected = _suffix(RegionName(match["region"]))
    if match["suffix"] != expected:
        raise ValidationError(
            f"{text!r} is not a registry of Amazon ECR: the suffix in {match['region']} is "
            f"{expected}"
        )


def _registry(account_id: str | None, region: str | None) -> str:
    from aibs_informatics_aws_lambda.common.aws import find_account, get_region

    name = RegionName(region or get_region())
    account = account_id or find_account()
    if not account:
        raise AWSError("cannot determine the AWS account of the caller: give the account ID")
    return f"{AccountId(account)}.dkr.ecr.{name}.{_suffix(name)}"


def _suffix(region: RegionName) -> str:
    return next(
        (suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)),
        _DEFAULT_SUFFIX,
    )
