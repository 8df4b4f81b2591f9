"""Amazon ECR's API: its clients, and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError


def get_ecr_client(region: str | None = None, **arguments: Any) -> Any:
    """Return the boto3 client of ECR, as `common.aws.get_client` does."""
    from aibs_informatics_aws_lambda.common.aws import get_client

    return get_client("ecr", region, **arguments)


@contextmanager
def ecr_errors(action: str, operation: str) -> Iterator[None]:
    """Turn errors of boto3 in the block into errors that say what failed and how to mend it.

    Args:
        action: what the block does, to follow "cannot" in a message.
        operation: the operation of ECR that it calls.

    Raises:
        ResourceNotFoundError: there is no such image.
        AWSError: ECR refused or failed.
        botocore.exceptions.ClientError: there is no such repository; left as it is, since
            callers tell by ``RepositoryNotFoundException`` that they have to make it.
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
    """Return the code of ECR's answer that an error of `ecr_errors` is about, if there is one."""
    response = getattr(error.__cause__, "response", None) or {}
    code: str = response.get("Error", {}).get("Code", "")
    return code
