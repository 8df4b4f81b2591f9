"""The context outside Lambda, requests of the router, and the names of handlers."""

from .context import DefaultLambdaContext as DefaultLambdaContext
from .handler_names import (
    deserialize_handler as deserialize_handler,
    serialize_handler as serialize_handler,
)
from .router import LambdaHandlerRequest as LambdaHandlerRequest
