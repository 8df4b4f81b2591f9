"""What every mixin of handlers stands on: the context of the invocation and the names."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext


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
            ValueError: this object never got one.
        """
        if self._context is None:
            raise ValueError(f"this {type(self).__name__} has no Lambda context: set it first")
        return self._context

    @context.setter
    def context(self, value: LambdaContext) -> None:
        self._context = value

    @classmethod
    def service_name(cls) -> str:
        """Return the name by which logs and metrics speak of this class."""
        return cls.__name__

    @classmethod
    def handler_name(cls) -> str:
        """Return the value of the dimension ``handler_name`` of this class's metrics."""
        return cls.__name__
