"""How S3 is reached: endpoint, region and credentials, as boto3 would find them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from aibs_informatics_aws_lambda.common.exceptions import AWSError

# Buckets that can be part of a host name that the certificate of S3 covers.
_HOST_LABEL = re.compile(r"[a-z0-9-]+")

_PLAIN_KEY = re.compile(r"[\w./~-]*", re.ASCII)

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_FIRST_REGION = "us-east-1"
# Partitions whose endpoints have domains of their own.
_OTHER_DOMAINS = ("us-iso", "eu-iso", "eusc-")
# Settings that only botocore knows the meaning of.
_BOTOCORE_SETTINGS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)


@dataclass(frozen=True)
class Endpoint:
    """Where requests go.

    Args:
        endpoint: the URL of S3, without a bucket.
        region: what requests are signed for.
    """

    endpoint: str
    region: str

    @property
    def encrypted(self) -> bool:
        """Tell whether TLS is used."""
        return urlsplit(self.endpoint).scheme != "http"

    def address(self, bucket: str) -> tuple[str, str]:
        """Return the host of a bucket, and what stands before the keys in paths of its objects."""
        parts = urlsplit(self.endpoint)
        if self._is_aws(parts.hostname) and _HOST_LABEL.fullmatch(bucket):
            return f"{bucket}.{parts.netloc}", "/"
        return parts.netloc, f"{parts.path.rstrip('/')}/{bucket}/"

    def in_region(self, region: str) -> Endpoint:
        """Return the connection to the same service in another region."""
        if region == self.region:
            return self
        is_aws = self._is_aws(urlsplit(self.endpoint).hostname)
        return Endpoint(_aws_endpoint(region) if is_aws else self.endpoint, region)

    @staticmethod
    def _is_aws(host: str | None) -> bool:
        return bool(host) and ".amazonaws." in f"{host}."


def escape_key(key: str) -> str:
    """Return a key as it stands in the path of a URL."""
    return key if _PLAIN_KEY.fullmatch(key) else quote(key, safe="/~")


def find_endpoint() -> Endpoint:
    """Return where S3 is.

    Without a region, requests go where S3 began: it tells the region of a bucket.

    Raises:
        AWSError: the region that is configured has not the form of one.
    """
    region = os.environ.get("AWS_DEFAULT_REGION")
    endpoint = next(filter(None, map(os.environ.get, _ENDPOINT_VARIABLES)), None)
    # Asking botocore costs as much as all other imports together.
    if region and not _needs_botocore():
        if endpoint:
            return Endpoint(endpoint, region)
        if not _has_config_file() and not region.startswith(_OTHER_DOMAINS):
            return Endpoint(_aws_endpoint(region), region)
    from aibs_informatics_aws_lambda.common.aws import find_region, get_client

    return Endpoint(get_client("s3").meta.endpoint_url, find_region() or _FIRST_REGION)


def make_credentials() -> Any:
    """Return awscrt's provider of the credentials that boto3 would use.

    Those in environment variables are used as they are. Any others come from botocore, which
    renews them when they expire.

    Raises:
        AWSError: there are none.
    """
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
            "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or run where a role is attached"
        )

    def current() -> Any:
        frozen = credentials.get_frozen_credentials()
        return AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)

    return AwsCredentialsProvider.new_delegate(current)


def _needs_botocore() -> bool:
    return any(map(os.environ.get, _BOTOCORE_SETTINGS))


def _has_config_file() -> bool:
    return Path(os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")).expanduser().exists()


def _aws_endpoint(region: str) -> str:
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"https://s3.{region}.amazonaws.com{suffix}"
