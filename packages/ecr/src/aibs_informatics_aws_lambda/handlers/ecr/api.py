"""The Amazon ECR API: its boto3 client and its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError


def get_ecr_client(region: str | None = None, **arguments: Any) -> Any:
    """Return the cached boto3 ECR client of a region; see `common.aws.get_client`."""
    from aibs_informatics_aws_lambda.common.aws import get_client

    return get_client("ecr", region, **arguments)


def make_client(service: str, region: str | None, profile: str | None) -> Any:
    """Return the boto3 client of a service with the credentials of a profile.

    Args:
        service: the name of the service in boto3.
        region: the region; default: the region of the profile.
        profile: the profile of the AWS configuration; default: the credentials in use.

    Raises:
        AWSError: the profile does not exist, or the configuration cannot be read.
    """
    from aibs_informatics_aws_lambda.common.aws import client_config, get_client

    if profile is None:
        return get_client(service, region)
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.session.Session(profile_name=profile, region_name=region)
        return session.client(service, config=client_config())
    except BotoCoreError as error:
        raise AWSError(f"cannot use the AWS profile {profile}: {error}") from error


@contextmanager
def ecr_errors(action: str, operation: str) -> Iterator[None]:
    """Convert boto3 errors in the block into errors that name the resource, cause and fix.

    Args:
        action: a verb phrase for the block, to follow "cannot" in an error message.
        operation: the ECR API operation that the block calls.

    Raises:
        ResourceNotFoundError: the image does not exist.
        AWSError: ECR denied the request or failed.
        botocore.exceptions.ClientError: ``RepositoryNotFoundException``, unchanged, since
            callers catch it to create the repository.
    """
    from aibs_informatics_aws_lambda.common.aws import named_errors

    try:
        with named_errors(action, permission=f"ecr:{operation}"):
            yield
    except AWSError as error:
        if error_code(error) == "RepositoryNotFoundException" and error.__cause__:
            raise error.__cause__ from None
        if error_code(error) == "ImageNotFoundException":
            raise ResourceNotFoundError(str(error)) from error.__cause__
        raise


def error_code(error: AWSError) -> str:
    """Return the ECR error code behind an error of `ecr_errors`; empty if there is none."""
    response = getattr(error.__cause__, "response", None) or {}
    code: str = response.get("Error", {}).get("Code", "")
    return code
