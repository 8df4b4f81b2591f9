"""The context outside Lambda, requests of the router, and the names of handlers."""

from .constants import *
from .constants import DEFAULT_AWS_LAMBDA_FUNCTION_NAME
from .context import DefaultLambdaContext as DefaultLambdaContext
from .handler_names import *
from .router import LambdaHandlerRequest as LambdaHandlerRequest

AWS_LAMBDA_FUNCTION_NAME = DEFAULT_AWS_LAMBDA_FUNCTION_NAME
