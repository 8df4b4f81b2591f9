"""URIs of registries, repositories and images in Amazon ECR."""

from __future__ import annotations

import re
from typing import ClassVar, Self

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ValidationError

from .names import AccountId, ImageDigest, ImageTag, RegionName, RepositoryName

_REGISTRY = re.compile(r"(?P<account>[^./]+)\.dkr\.ecr\.(?P<region>[^./]+)\.(?P<suffix>[^/]+)")

_DEFAULT_SUFFIX = "amazonaws.com"
# https://docs.aws.amazon.com/general/latest/gr/ecr.html and botocore's endpoints.json, by the
# start of the region's name. Read here, since loading them from botocore takes longer than all
# else that a request does before its first call.
_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-isof-": "csp.hci.ic.gov",
}


class ECRRegistryUri(CheckedText):
    """``ACCOUNT.dkr.ecr.REGION.amazonaws.com``, or the suffix of the region's partition.

    Raises:
        ValidationError: the text has another form; the message says what is wrong with it.
    """

    __slots__ = ()

    json_schema: ClassVar = {"examples": ["123456789012.dkr.ecr.us-west-2.amazonaws.com"]}

    @classmethod
    def _checked(cls, text: str) -> str:
        _check_registry(text)
        return text

    @classmethod
    def from_components(cls, account_id: str | None = None, region: str | None = None) -> Self:
        """Return the URI of an account's registry in a region, by default the caller's own.

        Raises:
            AWSError: account or region is not given, and cannot be found.
        """
        return cls(_registry(account_id, region))

    @property
    def account_id(self) -> AccountId:
        """The account that owns the registry."""
        return AccountId(self.partition(".")[0])

    @property
    def region(self) -> RegionName:
        """The region that the registry is in."""
        return RegionName(self.split(".", 4)[3])

    @property
    def registry(self) -> ECRRegistryUri:
        """The registry itself."""
        return ECRRegistryUri(self.partition("/")[0])


class ECRRepositoryUri(ECRRegistryUri):
    """The URI of a registry, ``/``, and the name of a repository."""

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
        """Return the URI of a repository, by default in the caller's own registry.

        Raises:
            AWSError: account or region is not given, and cannot be found.
        """
        return cls(f"{_registry(account_id, region)}/{RepositoryName(repository_name)}")

    @property
    def repository_name(self) -> RepositoryName:
        """The name of the repository."""
        return RepositoryName(re.split("[:@]", self.partition("/")[2])[0])


class ECRImageUri(ECRRepositoryUri):
    """The URI of a repository and either ``:TAG`` or ``@DIGEST``."""

    __slots__ = ()

    json_schema: ClassVar = {"examples": ["123456789012.dkr.ecr.us-west-2.amazonaws.com/name:v1"]}

    @classmethod
    def _checked(cls, text: str) -> str:
        repository, at, digest = text.partition("@")
        repository, colon, tag = repository.partition(":")
        if bool(at) == bool(colon):
            raise ValidationError(f"{text!r} is not the URI of an image: give :TAG or @DIGEST")
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
        """Return the URI of an image, by default in the caller's own registry.

        Raises:
            ValidationError: tag and digest are given, or none of both.
            AWSError: account or region is not given, and cannot be found.
        """
        repository = ECRRepositoryUri.from_components(repository_name, account_id, region)
        tag = "" if image_tag is None else f":{image_tag}"
        digest = "" if image_digest is None else f"@{image_digest}"
        return cls(f"{repository}{tag}{digest}")

    @property
    def repository(self) -> ECRRepositoryUri:
        """The repository that the image is in."""
        return ECRRepositoryUri(re.split("[:@]", self)[0])

    @property
    def image_tag(self) -> ImageTag | None:
        """The tag, where the image is named by one."""
        tag = self.partition("@")[0].partition(":")[2]
        return ImageTag(tag) if tag else None

    @property
    def image_digest(self) -> ImageDigest | None:
        """The digest, where the image is named by it."""
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
            f"{text!r} is not a registry of Amazon ECR: in {match['region']} it ends in {expected}"
        )


def _registry(account_id: str | None, region: str | None) -> str:
    from aibs_informatics_aws_lambda.common.aws import find_account, get_region

    place = RegionName(region or get_region())
    account = account_id or find_account()
    if not account:
        raise AWSError("the AWS account of the caller cannot be found: name the account")
    return f"{AccountId(account)}.dkr.ecr.{place}.{_suffix(place)}"


def _suffix(region: RegionName) -> str:
    return next(
        (suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)),
        _DEFAULT_SUFFIX,
    )
