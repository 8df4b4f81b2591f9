"""AWS clients, the region and account in use, and errors of AWS with the name of the resource."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from .constants import AWS_REGION_KEY, REGION_KEY
from .exceptions import AWSError, ResourceNotFoundError

SET_CREDENTIALS = (
    "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or attach an IAM role"
)
"""What to do if there are no credentials."""

# us-west-2, ap-southeast-1, us-gov-east-1, us-isob-east-1, eusc-de-east-1, ...
REGION_NAME = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)
"""The format of region names, in every partition."""

_ATTEMPTS = 6
_TIMEOUT_SECONDS = 120
_LOOK_UP_TIMEOUT_SECONDS = 2

_NOT_FOUND = {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}


def get_client(service: str, region_name: str | None = None, **arguments: Any) -> Any:
    """Return the boto3 client of a service, cached by its arguments.

    Endpoints (``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_S3``, ...), profiles and credentials are
    configured as for boto3. The retry mode is ``standard`` with 6 attempts; the connect timeout
    and the read timeout are 120 seconds.

    Args:
        service: the name of the service in boto3, such as ``s3``.
        region_name: the region; by default that of `find_region`.
        arguments: further arguments of boto3's ``client``, such as ``endpoint_url``.

    Raises:
        AWSError: the configured region is not a valid region name.
    """
    region = region_name or find_region()
    return _make_client(os.getpid(), service, region, tuple(sorted(arguments.items())))


def client_config() -> Any:
    """Return the retries and timeouts of clients, as a ``Config`` of botocore."""
    from botocore.config import Config

    return Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )


def forget_clients() -> None:
    """Clear the caches of clients and of the account, after a change of credentials."""
    _make_client.cache_clear()
    find_account.cache_clear()


def find_region() -> str | None:
    """Return the configured AWS region, or `None` if there is none.

    The order is boto3's configuration (``AWS_DEFAULT_REGION``, the profile), ``AWS_REGION``,
    ``REGION``.

    Raises:
        AWSError: the configured region is not a valid region name, or the configuration cannot be
            read.
    """
    region = _boto3_region() or os.environ.get(AWS_REGION_KEY) or os.environ.get(REGION_KEY)
    if region and not REGION_NAME.fullmatch(region):
        raise AWSError(
            f"{region!r} is not an AWS region name such as us-west-2: "
            f"check AWS_DEFAULT_REGION, {AWS_REGION_KEY}, {REGION_KEY} and the AWS profile"
        )
    return region or None


def get_region() -> str:
    """Return the configured AWS region, as `find_region` does.

    Raises:
        AWSError: no region is configured, or it is not a valid region name.
    """
    region = find_region()
    if region is None:
        raise AWSError(
            f"no AWS region is configured: set {AWS_REGION_KEY}, or the region of the AWS profile"
        )
    return region


def find_partition(region: str) -> str:
    """Return the partition (``aws``, ``aws-cn``, ``aws-us-gov``, ...) of a region.

    The partition of a region that botocore does not know is ``aws``.
    """
    import botocore.session
    from botocore.exceptions import UnknownRegionError

    try:
        partition: str = botocore.session.Session().get_partition_for_region(region)
    except UnknownRegionError:
        return "aws"
    return partition


@lru_cache(maxsize=1)
def find_account() -> str | None:
    """Return the account id of the caller, or `None` if STS does not return it within seconds.

    STS is called at most once per process, even if the call fails.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(
        connect_timeout=_LOOK_UP_TIMEOUT_SECONDS,
        read_timeout=_LOOK_UP_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    )
    try:
        sts = boto3.session.Session(region_name=find_region()).client("sts", config=config)
        account: str = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError, AWSError):
        return None
    return account


@contextmanager
def named_errors(action: str, permission: str) -> Iterator[None]:
    """Raise errors of boto3 in the block as errors that name the action and the fix.

    Args:
        action: what the block does, with the resource: ``read s3://bucket/key``.
        permission: the IAM action that the block needs.

    Raises:
        ResourceNotFoundError: the resource does not exist.
        AWSError: any other failure of the service, the credentials or the connection.
    """
    from boto3.exceptions import Boto3Error
    from botocore import exceptions as errors

    try:
        yield
    except errors.ClientError as error:
        reason = error.response.get("Error", {})
        code, message = reason.get("Code", ""), reason.get("Message", "")
        # Cold start: only for errors.
        from .remedies import find_remedy

        # The action names what the operation of the service is about.
        parts = (code, message.rstrip(".") if message != code else "")
        cause = ": ".join(filter(None, parts)) or str(error)
        remedy = find_remedy(code, message, permission)
        text = f"cannot {action}: {cause}{f'. {remedy}' if remedy else ''}"
        raise (ResourceNotFoundError if code in _NOT_FOUND else AWSError)(text) from error
    except (errors.NoCredentialsError, errors.PartialCredentialsError) as error:
        raise AWSError(f"cannot {action}: {error}. {SET_CREDENTIALS}") from error
    except errors.NoRegionError as error:
        raise AWSError(f"cannot {action}: {error} Set {AWS_REGION_KEY}.") from error
    except errors.ProxyConnectionError as error:
        raise AWSError(
            f"cannot {action}: {error}. Check HTTPS_PROXY, NO_PROXY and the network"
        ) from error
    except errors.EndpointConnectionError as error:
        raise AWSError(
            f"cannot {action}: {str(error).rstrip('.')}. Check the network, the region and "
            "AWS_ENDPOINT_URL"
        ) from error
    except (errors.BotoCoreError, Boto3Error) as error:
        raise AWSError(f"cannot {action}: {error}") from error


def _boto3_region() -> str | None:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        region: str | None = boto3.session.Session().region_name
    except BotoCoreError as error:
        raise AWSError(
            f"cannot read the AWS configuration: {error}. Check AWS_PROFILE."
        ) from error
    return region


@lru_cache(maxsize=64)
def _make_client(
    process: int,  # noqa: ARG001 - a forked process must not use its parent's connections
    service: str,
    region: str | None,
    arguments: tuple[tuple[str, Any], ...],
) -> Any:
    import boto3

    # boto3's default session is not thread-safe when clients are created.
    session = boto3.session.Session(region_name=region)
    return session.client(service, **{"config": client_config(), **dict(arguments)})
