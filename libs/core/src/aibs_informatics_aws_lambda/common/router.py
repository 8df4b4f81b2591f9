"""Requests of the router ``main.handle``."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from .base import LambdaEvent
from .handler_names import deserialize_handler, serialize_handler
from .model import PydanticBaseModel


class LambdaHandlerRequest(PydanticBaseModel):
    """A handler by its qualified name, and the event to pass to it."""

    handler: Annotated[
        Callable[..., Any],
        BeforeValidator(deserialize_handler),
        PlainSerializer(serialize_handler, return_type=str),
        WithJsonSchema({"type": "string", "examples": ["package.module.Handler"]}),
    ]
    event: LambdaEvent
