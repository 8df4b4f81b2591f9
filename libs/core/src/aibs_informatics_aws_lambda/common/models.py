"""The context outside Lambda, requests of the router, and the names of handlers."""

from .constants import (
    AWS_LAMBDA_FUNCTION_ARN_KEY as AWS_LAMBDA_FUNCTION_ARN_KEY,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE_KEY as AWS_LAMBDA_FUNCTION_MEMORY_SIZE_KEY,
    AWS_LAMBDA_FUNCTION_NAME_KEY as AWS_LAMBDA_FUNCTION_NAME_KEY,
    AWS_LAMBDA_FUNCTION_REQUEST_ID_KEY as AWS_LAMBDA_FUNCTION_REQUEST_ID_KEY,
    AWS_LAMBDA_FUNCTION_VERSION_KEY as AWS_LAMBDA_FUNCTION_VERSION_KEY,
    AWS_LAMBDA_LOG_GROUP_NAME_KEY as AWS_LAMBDA_LOG_GROUP_NAME_KEY,
    AWS_LAMBDA_LOG_STREAM_NAME_KEY as AWS_LAMBDA_LOG_STREAM_NAME_KEY,
    DEFAULT_AWS_LAMBDA_FUNCTION_NAME as DEFAULT_AWS_LAMBDA_FUNCTION_NAME,
)
from .context import DefaultLambdaContext as DefaultLambdaContext
from .handler_names import (
    deserialize_handler as deserialize_handler,
    serialize_handler as serialize_handler,
)
from .router import LambdaHandlerRequest as LambdaHandlerRequest

AWS_LAMBDA_FUNCTION_NAME = DEFAULT_AWS_LAMBDA_FUNCTION_NAME
