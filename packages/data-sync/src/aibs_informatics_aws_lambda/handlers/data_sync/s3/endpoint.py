"""The endpoint, region and credentials for S3, resolved as boto3 does."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..settings import NO_SIGN_REQUEST_KEY, REQUEST_PAYER_KEY

# Bucket names that the wildcard certificate of S3 covers in a virtual-hosted-style URL.
_HOST_LABEL = re.compile(r"[a-z0-9-]+")

is_plain_key = re.compile(r"[\w./~-]*", re.ASCII).fullmatch
"""Tell whether a key stands in a URL path as it is. Most do, and each request asks."""

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_FIRST_REGION = "us-east-1"
# Region prefixes of partitions whose endpoints are not below amazonaws.com.
_OTHER_DOMAINS = ("us-iso", "eu-iso", "eusc-")
# https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json
_AWS_DOMAINS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".c2s.ic.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
    ".sc2s.sgov.gov",
)
_OF_A_VPC = ".vpce."
# Settings that are left to botocore.
_BOTOCORE_SETTINGS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)


@dataclass(frozen=True)
class Endpoint:
    """An S3 endpoint and its region.

    Args:
        endpoint: the endpoint URL, without a bucket.
        region: the region that requests are signed for.
        is_custom: whether the endpoint is configured, rather than derived from the region.
    """

    endpoint: str
    region: str
    is_custom: bool = False

    @property
    def encrypted(self) -> bool:
        """Whether requests use TLS."""
        return urlsplit(self.endpoint).scheme != "http"

    @property
    def is_aws(self) -> bool:
        """Whether the endpoint is one of AWS."""
        return (urlsplit(self.endpoint).hostname or "").endswith(_AWS_DOMAINS)

    def address(self, bucket: str) -> tuple[str, str]:
        """Return the host name for a bucket, and the URL path that precedes its object keys.

        As in botocore, the bucket is part of the host name only at the public endpoints of AWS.
        """
        parts = urlsplit(self.endpoint)
        if self._is_public and _HOST_LABEL.fullmatch(bucket):
            return f"{bucket}.{parts.netloc}", "/"
        return parts.netloc, f"{parts.path.rstrip('/')}/{bucket}/"

    def in_region(self, region: str) -> Endpoint:
        """Return the endpoint of the same service in another region.

        An endpoint that is configured, such as one of a VPC, is kept.
        """
        if region == self.region:
            return self
        if not self._is_public:
            return replace(self, region=region)
        # FIPS and dual-stack endpoints stay what they are.
        endpoint = self.endpoint.replace(f".{self.region}.", f".{region}.")
        return Endpoint(_aws_endpoint(region) if endpoint == self.endpoint else endpoint, region)

    @property
    def _is_public(self) -> bool:
        return self.is_aws and not self.is_custom and _OF_A_VPC not in self.endpoint


def escape_key(key: str) -> str:
    """Return an object key, percent-encoded for a URL path."""
    return key if is_plain_key(key) else quote(key, safe="/~")


def find_endpoint() -> Endpoint:
    """Return the configured S3 endpoint.

    If no region is configured, requests go to us-east-1, which reports the region of a bucket.

    Raises:
        AWSError: the configured region is not a valid region name.
    """
    region = os.environ.get("AWS_DEFAULT_REGION")
    endpoint = next(filter(None, map(os.environ.get, _ENDPOINT_VARIABLES)), None)
    # Importing botocore takes as long as all other imports together.
    if region and not _needs_botocore():
        if endpoint:
            return Endpoint(endpoint, region, is_custom=True)
        if not _has_config_file() and not region.startswith(_OTHER_DOMAINS):
            return Endpoint(_aws_endpoint(region), region)
    from aibs_informatics_aws_lambda.common.aws import find_region, get_client

    found = get_client("s3").meta.endpoint_url
    return Endpoint(found, find_region() or _FIRST_REGION, is_custom=found == endpoint)


def are_signed() -> bool:
    """Tell whether requests are signed, with credentials."""
    return os.environ.get(NO_SIGN_REQUEST_KEY, "").lower() not in ("true", "1")


def payer_headers() -> dict[str, str]:
    """Return the headers by which the requester pays for a request, if it does."""
    payer = os.environ.get(REQUEST_PAYER_KEY)
    return {"x-amz-request-payer": payer} if payer else {}


def make_credentials() -> Any:
    """Return an awscrt provider of the credentials that boto3 would use.

    It is `None` if requests are not signed. Credentials in environment variables are used as they
    are. All others come from botocore, which refreshes them when they expire.

    Raises:
        AWSError: no credentials were found.
    """
    if not are_signed():
        return None
    from awscrt.auth import AwsCredentials, AwsCredentialsProvider

    key_id, secret = map(os.environ.get, _CREDENTIALS)
    if key_id and secret and not _needs_botocore():
        return AwsCredentialsProvider.new_static(
            key_id, secret, os.environ.get("AWS_SESSION_TOKEN")
        )

    import boto3

    credentials = boto3.session.Session().get_credentials()
    if credentials is None:
        raise AWSError(
            "no AWS credentials found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or run with an IAM role attached"
        )

    def current() -> Any:
        frozen = credentials.get_frozen_credentials()
        return AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)

    return AwsCredentialsProvider.new_delegate(current)


def _needs_botocore() -> bool:
    return any(map(os.environ.get, _BOTOCORE_SETTINGS))


def config_mentions(setting: str) -> bool:
    """Tell whether the configuration file of AWS has a setting, of whatever profile."""
    try:
        return setting in _config_file().read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _has_config_file() -> bool:
    return _config_file().exists()


def _config_file() -> Path:
    return Path(os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")).expanduser()


def _aws_endpoint(region: str) -> str:
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"https://s3.{region}.amazonaws.com{suffix}"
