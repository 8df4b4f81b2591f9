"""The Lambda context of runs outside AWS Lambda."""

import os
from dataclasses import dataclass, field
from types import SimpleNamespace

from aws_lambda_powertools.utilities.typing import LambdaContext
from aws_lambda_powertools.utilities.typing.lambda_client_context import LambdaClientContext
from aws_lambda_powertools.utilities.typing.lambda_cognito_identity import LambdaCognitoIdentity

from . import constants
from .exceptions import AWSError


@dataclass
class DefaultLambdaContext(LambdaContext):
    """A Lambda context whose values come from environment variables.

    An empty variable counts as unset.
    """

    _identity: LambdaCognitoIdentity = field(default_factory=LambdaCognitoIdentity, init=False)
    _client_context: LambdaClientContext = field(default_factory=LambdaClientContext, init=False)

    @property
    def function_name(self) -> str:
        """``AWS_LAMBDA_FUNCTION_NAME``; ``unknown`` by default."""
        default = constants.DEFAULT_AWS_LAMBDA_FUNCTION_NAME
        return os.environ.get(constants.AWS_LAMBDA_FUNCTION_NAME_KEY) or default

    @property
    def function_version(self) -> str:
        """``AWS_LAMBDA_FUNCTION_VERSION``; ``1.0`` by default."""
        default = constants.DEFAULT_AWS_LAMBDA_FUNCTION_VERSION
        return os.environ.get(constants.AWS_LAMBDA_FUNCTION_VERSION_KEY) or default

    @property
    def invoked_function_arn(self) -> str:
        """``AWS_LAMBDA_FUNCTION_ARN``; by default an ARN in the region and account in use.

        A region or account that cannot be determined (no region configured, no credentials, no
        network) is left empty.
        """
        arn = os.environ.get(constants.AWS_LAMBDA_FUNCTION_ARN_KEY)
        return arn or _default_arn(self.function_name)

    @property
    def memory_limit_in_mb(self) -> int:
        """``AWS_LAMBDA_FUNCTION_MEMORY_SIZE`` in MB; 1024 by default.

        Raises:
            ValueError: the variable is not a number.
        """
        name = constants.AWS_LAMBDA_FUNCTION_MEMORY_SIZE_KEY
        size = os.environ.get(name)
        try:
            return int(size) if size else constants.DEFAULT_AWS_LAMBDA_FUNCTION_MEMORY_SIZE
        except ValueError:
            raise ValueError(f"{name} is {size!r}, expected a number of MB") from None

    @property
    def aws_request_id(self) -> str:
        """``AWS_LAMBDA_FUNCTION_REQUEST_ID``; empty by default."""
        return os.environ.get(constants.AWS_LAMBDA_FUNCTION_REQUEST_ID_KEY) or ""

    @property
    def log_group_name(self) -> str:
        """``AWS_LAMBDA_LOG_GROUP_NAME``; by default a name derived from the function name."""
        name = os.environ.get(constants.AWS_LAMBDA_LOG_GROUP_NAME_KEY)
        return name or f"/aws/lambda/{self.function_name}_docker"

    @property
    def log_stream_name(self) -> str:
        """``AWS_LAMBDA_LOG_STREAM_NAME``; the request id by default."""
        return os.environ.get(constants.AWS_LAMBDA_LOG_STREAM_NAME_KEY) or self.aws_request_id

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return 0: there is no timeout outside Lambda."""
        return 0

    @property
    def without_look_ups(self) -> SimpleNamespace:
        """The values that a logger shows, determined without requests to AWS."""
        return SimpleNamespace(
            function_name=self.function_name,
            memory_limit_in_mb=self.memory_limit_in_mb,
            invoked_function_arn=os.environ.get(constants.AWS_LAMBDA_FUNCTION_ARN_KEY) or "",
            aws_request_id=self.aws_request_id,
        )


def _default_arn(function_name: str) -> str:
    # boto3 is loaded only where no variable has the ARN.
    from .aws import find_account, find_partition, find_region

    try:
        region = find_region()
    except AWSError:
        region = None
    partition = find_partition(region) if region else "aws"
    account = find_account() if region else None
    return f"arn:{partition}:lambda:{region or ''}:{account or ''}:function:{function_name}"
