"""The types of Lambda functions, and the base of handler mixins: context and names."""

from collections.abc import Callable
from typing import TypeAlias

from aws_lambda_powertools.utilities.typing import LambdaContext

from .json_io import JSON

LambdaEvent: TypeAlias = JSON
LambdaHandlerType: TypeAlias = Callable[[LambdaEvent, LambdaContext], JSON | None]

CONTEXT_ATTR = "_context"
"""The attribute in which a handler keeps its context."""


class HandlerMixins:
    """Gives a handler the context of its invocation, and its names."""

    _context: LambdaContext | None = None

    def __post_init__(self) -> None:
        self._context = LambdaContext()
        following = getattr(super(), "__post_init__", None)
        if following:
            following()

    @property
    def context(self) -> LambdaContext:
        """The context of the current invocation.

        Raises:
            ValueError: no context has been set.
        """
        if self._context is None:
            raise ValueError(f"this {type(self).__name__} has no Lambda context: set it first")
        return self._context

    @context.setter
    def context(self, value: LambdaContext) -> None:
        self._context = value

    @classmethod
    def service_name(cls) -> str:
        """Return the service name in logs."""
        return cls.__name__

    @classmethod
    def handler_name(cls) -> str:
        """Return the value of the metric dimension ``handler_name``."""
        return cls.__name__
