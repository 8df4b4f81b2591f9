"""The endpoint, region and credentials for S3, resolved as boto3 does."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from aibs_informatics_aws_lambda.common.aws import REGION_NAME, SET_CREDENTIALS
from aibs_informatics_aws_lambda.common.constants import AWS_REGION_KEY, REGION_KEY
from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..settings import CHECKSUM_KEY, NO_SIGN_REQUEST_KEY, REQUEST_PAYER_KEY, ROLE_ARN_KEY
from . import sessions
from .retries import find_header_of

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

logger = logging.getLogger(__name__)

# Bucket names that the wildcard certificate of S3 covers in a virtual-hosted-style URL.
_HOST_LABEL = re.compile(r"[a-z0-9-]+")

is_plain_key = re.compile(r"[\w./~-]*", re.ASCII).fullmatch
"""Return a match for a key that needs no encoding in a URL path, as most keys, else `None`."""

_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# The variables with the paths of the files of AWS, and the paths by default.
_CONFIG_FILE = ("AWS_CONFIG_FILE", "~/.aws/config")
_CREDENTIALS_FILE = ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
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
_REGION_HEADER = "x-amz-bucket-region"
_HOST_OF_S3 = re.compile(r"^s3(-fips)?\.")
_GLOBAL = "s3.amazonaws."
_OF_A_VPC = ".vpce."
# Settings that are left to botocore, and the role that it assumes.
_BOTOCORE_SETTINGS = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    ROLE_ARN_KEY,
)


class Endpoint(NamedTuple):
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
        if bucket.startswith("arn:"):
            return self._access_point(bucket, parts.netloc), f"{parts.path.rstrip('/')}/"
        if self._is_public and _HOST_LABEL.fullmatch(bucket):
            return f"{bucket}.{parts.netloc}", "/"
        return parts.netloc, f"{parts.path.rstrip('/')}/{bucket}/"

    def _access_point(self, arn: str, host: str) -> str:
        """Return the host name of an access point, as botocore does.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-access-points.html
        """
        *_, region, account, _, name = arn.split(":")
        if self._is_public:
            host = _HOST_OF_S3.sub(
                r"s3-accesspoint\1.", host.replace(_GLOBAL, f"s3.{region}.amazonaws.")
            )
        return f"{name}-{account}.{host}"

    def in_region(self, region: str) -> Endpoint:
        """Return the endpoint of the same service in another region.

        An endpoint that is configured, such as one of a VPC, is kept.
        """
        if region == self.region:
            return self
        if not self._is_public:
            return self._replace(region=region)
        # FIPS and dual-stack endpoints stay what they are.
        endpoint = self.endpoint.replace(f".{self.region}.", f".{region}.")
        return Endpoint(_aws_endpoint(region) if endpoint == self.endpoint else endpoint, region)

    @property
    def _is_public(self) -> bool:
        return self.is_aws and not self.is_custom and _OF_A_VPC not in self.endpoint


class Address(NamedTuple):
    """Where the objects of a bucket are.

    Args:
        region: the region of the bucket.
        host: the host of its endpoint.
        path: the start of the paths of its objects.
    """

    region: str
    host: str
    path: str


class Addresses(dict[str, Address]):
    """The addresses of buckets, each of which is found when it is first asked for.

    Args:
        endpoint: the endpoint of the region in which buckets are looked for first.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._regions: dict[str, str] = {}

    def __missing__(self, bucket: str) -> Address:
        region = self._regions.get(bucket, self._endpoint.region)
        if bucket.startswith("arn:"):
            # An access point names its region.
            region = bucket.split(":")[3]
        host, path = self._endpoint.in_region(region).address(bucket)
        self[bucket] = address = Address(region, host, path)
        return address

    def note_region(self, bucket: str, used: str, error: Exception) -> bool:
        """Note the region that an error names, and return whether it is another one.

        Args:
            bucket: the bucket.
            used: the region that the request was sent to.
            error: the error of the client library.
        """
        named = find_header_of(error, _REGION_HEADER)
        if named is None or named == used:
            return False
        self._regions[bucket] = named
        self.pop(bucket, None)
        return True


def escape_key(key: str) -> str:
    """Return an object key, percent-encoded for a URL path."""
    return key if is_plain_key(key) else quote(key, safe="/~")


def find_endpoint(connection: S3Connection | None = None) -> Endpoint:
    """Return the configured S3 endpoint.

    If no region is configured, requests go to us-east-1, which reports the region of a bucket.

    Args:
        connection: the endpoint, region and profile; each is by default that of the environment.

    Raises:
        AWSError: the configured region or endpoint is invalid, or there is no such profile.
    """
    if connection is not None:
        return _find_of_connection(connection)
    region = _region_of_environment()
    endpoint = _endpoint_of_environment()
    # Importing botocore takes as long as all other imports together.
    if region and not _needs_botocore():
        if endpoint:
            return Endpoint(endpoint, region, is_custom=True)
        if not _has_config_file() and not region.startswith(_OTHER_DOMAINS):
            return Endpoint(_aws_endpoint(region), region)
    from aibs_informatics_aws_lambda.common.aws import find_region, get_client

    found = get_client("s3").meta.endpoint_url
    return Endpoint(found, find_region() or sessions.FIRST_REGION, is_custom=found == endpoint)


def _region_of_environment() -> str | None:
    """Return the region that variables configure; `None` if it is for botocore to find."""
    region = os.environ.get("AWS_DEFAULT_REGION")
    # The files take precedence over the other variables.
    if region or _has_config_file() or _path_of(_CREDENTIALS_FILE).exists():
        return region
    region = os.environ.get(AWS_REGION_KEY) or os.environ.get(REGION_KEY)
    return region if region and REGION_NAME.fullmatch(region) else None


def _endpoint_of_environment() -> str | None:
    for variable in _ENDPOINT_VARIABLES:
        endpoint = os.environ.get(variable)
        if not endpoint:
            continue
        if not endpoint.startswith(("http://", "https://")):
            raise AWSError(
                f"{variable} is {endpoint!r}, not a URL that starts with http:// or https://"
            )
        return endpoint
    return None


def _find_of_connection(connection: S3Connection) -> Endpoint:
    profile, url = connection.profile, connection.endpoint_url
    if profile is None:
        found = find_endpoint()
        if url:
            return Endpoint(url, connection.region or found.region, is_custom=True)
        return found.in_region(connection.region or found.region)
    session = sessions.make_base_session(connection)
    region = sessions.find_session_region(session, profile)
    url = url or sessions.find_profile_endpoint(session, profile) or _endpoint_of_environment()
    if url:
        return Endpoint(url, region, is_custom=True)
    return Endpoint(session.create_client("s3", region_name=region).meta.endpoint_url, region)


def is_one_service(one: Endpoint, other: Endpoint) -> bool:
    """Return whether two endpoints are those of one service, whose buckets have unique names."""
    names = [urlsplit(endpoint.endpoint) for endpoint in (one, other)]
    if one.is_aws and other.is_aws:
        first, second = (_domain_of(name.hostname or "") for name in names)
        return first == second
    return names[0].netloc == names[1].netloc and names[0].path == names[1].path


def _domain_of(host: str) -> str:
    return next(domain for domain in _AWS_DOMAINS if host.endswith(domain))


def identity_of(connection: S3Connection | None) -> tuple[Any, ...]:
    """Return what the credentials of a connection depend on."""
    if not are_signed(connection):
        return ()
    return (connection.profile if connection else None, sessions.find_role(connection))


def are_signed(connection: S3Connection | None = None) -> bool:
    """Return whether requests are signed, with credentials."""
    if connection is not None and connection.no_sign_request is not None:
        return not connection.no_sign_request
    if connection is not None and (connection.profile or connection.role_arn):
        return True
    return os.environ.get(NO_SIGN_REQUEST_KEY, "").lower() not in ("true", "1")


def payer_headers() -> dict[str, str]:
    """Return the headers by which the requester pays for a request, if it does."""
    payer = os.environ.get(REQUEST_PAYER_KEY)
    return {"x-amz-request-payer": payer} if payer else {}


def sends_checksums() -> bool:
    """Return whether files are uploaded with a checksum, which S3 verifies."""
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html
    return os.environ.get(CHECKSUM_KEY, "").lower() != "when_required"


def make_credentials(connection: S3Connection | None = None) -> Any:
    """Return an awscrt provider of the credentials that boto3 would use.

    It is `None` if requests are not signed. Credentials in environment variables are used as they
    are. All others come from botocore, which refreshes them before they expire.

    Args:
        connection: the profile and the role; each is by default that of the environment.

    Raises:
        AWSError: no credentials were found, or the role cannot be assumed.
    """
    if not are_signed(connection):
        return None
    from awscrt.auth import AwsCredentials, AwsCredentialsProvider

    key_id, secret = map(os.environ.get, _CREDENTIALS)
    is_chosen = bool(connection and (connection.profile or connection.role_arn))
    if key_id and secret and not (is_chosen or _needs_botocore()):
        return AwsCredentialsProvider.new_static(
            key_id, secret, os.environ.get("AWS_SESSION_TOKEN")
        )

    credentials = sessions.make_session(connection).get_credentials()
    if credentials is None:
        raise AWSError(f"no AWS credentials found. {SET_CREDENTIALS}")

    def current() -> Any:
        try:
            frozen = credentials.get_frozen_credentials()
        except Exception as error:
            # The library only says that there are none.
            logger.error("%s", error)
            raise
        return AwsCredentials(frozen.access_key, frozen.secret_key, frozen.token)

    return AwsCredentialsProvider.new_delegate(current)


def _needs_botocore() -> bool:
    return any(map(os.environ.get, _BOTOCORE_SETTINGS))


def config_mentions(setting: str) -> bool:
    """Return whether the configuration file of AWS has a setting, of whatever profile."""
    try:
        return setting in _config_file().read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _has_config_file() -> bool:
    return _config_file().exists()


def _config_file() -> Path:
    return _path_of(_CONFIG_FILE)


def _path_of(file: tuple[str, str]) -> Path:
    return Path(os.environ.get(*file)).expanduser()


def _aws_endpoint(region: str) -> str:
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"https://s3.{region}.amazonaws.com{suffix}"
