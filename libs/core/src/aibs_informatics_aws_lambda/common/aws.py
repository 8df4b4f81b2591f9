"""AWS clients, made in one place, and errors of AWS that name what they are about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from .constants import AWS_REGION_KEY, REGION_KEY
from .exceptions import AWSError, ResourceNotFoundError

# us-west-2, ap-southeast-1, us-gov-east-1, us-isob-east-1, eusc-de-east-1, ...
REGION_NAME = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+", re.ASCII)
"""The form of the names of regions, in every partition."""

_ATTEMPTS = 6
_TIMEOUT_SECONDS = 120
_LOOK_UP_TIMEOUT_SECONDS = 2

_NOT_FOUND = {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"}


def get_client(service: str, region_name: str | None = None, **arguments: Any) -> Any:
    """Return the boto3 client of a service: the same one for the same arguments in one process.

    Endpoints (``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_S3``, ...), profiles and credentials are
    boto3's. Requests are tried 6 times in botocore's standard retry mode; connecting and reading
    may take 120 seconds each.

    Args:
        service: boto3's name of the service, such as ``s3``.
        region_name: the region; by default what `find_region` finds.
        arguments: further arguments of boto3's ``client``, such as ``endpoint_url``.

    Raises:
        AWSError: the region that is configured has not the form of one.
    """
    region = region_name or find_region()
    return _make_client(os.getpid(), service, region, tuple(sorted(arguments.items())))


def forget_clients() -> None:
    """Make clients, and look for the account, anew from now on: credentials have changed."""
    _make_client.cache_clear()
    find_account.cache_clear()


def find_region() -> str | None:
    """Return the AWS region that is configured, or `None` where there is none.

    boto3's own configuration comes first (``AWS_DEFAULT_REGION``, the profile), then
    ``AWS_REGION``, then ``REGION``.

    Raises:
        AWSError: what is configured has not the form of a region, or the configuration cannot be
            read.
    """
    region = _boto3_region() or os.environ.get(AWS_REGION_KEY) or os.environ.get(REGION_KEY)
    if region and not REGION_NAME.fullmatch(region):
        raise AWSError(
            f"{region!r} is not the name of an AWS region such as us-west-2: "
            f"check AWS_DEFAULT_REGION, {AWS_REGION_KEY}, {REGION_KEY} and the AWS profile"
        )
    return region or None


def get_region() -> str:
    """Return the AWS region that is configured, as `find_region` does.

    Raises:
        AWSError: no region is configured, or what is configured has not the form of one.
    """
    region = find_region()
    if region is None:
        raise AWSError(
            f"no AWS region is configured: set {AWS_REGION_KEY}, or region in the AWS profile"
        )
    return region


def find_partition(region: str) -> str:
    """Return the partition (``aws``, ``aws-cn``, ``aws-us-gov``, ...) that a region lies in.

    A region that this version of botocore does not know counts as one of ``aws``.
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
    """Return the account id of the caller, or `None` where it cannot be had within seconds.

    STS is asked at most once in a process, whatever comes of it.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patience = Config(
        connect_timeout=_LOOK_UP_TIMEOUT_SECONDS,
        read_timeout=_LOOK_UP_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    )
    try:
        sts = boto3.session.Session(region_name=find_region()).client("sts", config=patience)
        account: str = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError, AWSError):
        return None
    return account


@contextmanager
def named_errors(action: str, permission: str) -> Iterator[None]:
    """Turn errors of boto3 in the block into errors that say what failed and how to mend it.

    Args:
        action: what the block does, with the resource: ``read s3://bucket/key``.
        permission: the IAM action that the block needs.

    Raises:
        ResourceNotFoundError: the resource does not exist.
        AWSError: any other failure of the service, the credentials or the connection.
    """
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        PartialCredentialsError,
    )

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _NOT_FOUND:
            raise ResourceNotFoundError(f"cannot {action}: {error}") from error
        advice = (
            f"; allow {permission} on it to the role or user in use" if code in _DENIED else ""
        )
        raise AWSError(f"cannot {action}: {error}{advice}") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise AWSError(
            f"cannot {action}: {error}; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or run where a role is attached"
        ) from error
    except NoRegionError as error:
        raise AWSError(f"cannot {action}: {error} Set {AWS_REGION_KEY}.") from error
    except (BotoCoreError, Boto3Error) as error:
        raise AWSError(f"cannot {action}: {error}") from error


def _boto3_region() -> str | None:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        region: str | None = boto3.session.Session().region_name
    except BotoCoreError as error:
        raise AWSError(f"cannot read the AWS configuration: {error}; check AWS_PROFILE") from error
    return region


@lru_cache(maxsize=64)
def _make_client(
    process: int,  # noqa: ARG001 - a forked process must not share its parent's connections
    service: str,
    region: str | None,
    arguments: tuple[tuple[str, Any], ...],
) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    # A session of its own: boto3's default session is not safe to make clients from in threads.
    session = boto3.session.Session(region_name=region)
    return session.client(service, **{"config": config, **dict(arguments)})
