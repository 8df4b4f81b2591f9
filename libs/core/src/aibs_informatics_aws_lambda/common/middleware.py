"""Middleware: code that runs around every call of a handler, wherever the call comes from."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

from .constants import HANDLER_MIDDLEWARES_KEY
from .handler_names import load_qualified_name
from .logging import logger


@dataclass(frozen=True)
class HandlerCall:
    """A call of ``handle``.

    Args:
        handler: the instance, with its ``log``, ``metrics`` and ``context``.
        request: the request, valid and of the handler's request model.
        event: the event or record that contained the request, as Lambda or Powertools has it;
            `None` for `run_executor`.
    """

    handler: Any
    request: Any
    event: Any = None


Proceed: TypeAlias = Callable[[HandlerCall], Any]
"""Calls the next middleware, or ``handle`` itself, and returns the response or `None`."""


class Middleware:
    """Base class of middleware.

    A subclass overrides `before`, `after` and `on_error`, or `around`, which calls them. Handlers
    list instances in their ``middlewares``, the outermost first; those of the environment variable
    ``HANDLER_MIDDLEWARES`` are outside of them. An instance serves all calls of a process.
    """

    def before(self, call: HandlerCall) -> None:
        """Run before the call; an error that is raised here prevents it."""

    def after(self, call: HandlerCall, response: Any) -> Any:  # noqa: ARG002
        """Run after a call that succeeded, and return the response, or another one."""
        return response

    def on_error(self, call: HandlerCall, error: Exception) -> None:
        """Run after a call that failed. The error is raised, unless this raises another one."""

    def around(self, call: HandlerCall, proceed: Proceed) -> Any:
        """Make a call and return its response.

        Args:
            call: the call.
            proceed: makes the call, or one with another request; may be called again, or not at
                all.
        """
        self.before(call)
        try:
            response = proceed(call)
        except Exception as error:
            self.on_error(call, error)
            raise
        return self.after(call, response)

    def flush(self) -> None:
        """Send what was collected: the invocation, with all records of its batch, is over."""


def call_handler(handler: Any, request: Any, event: Any = None) -> Any:
    """Call ``handle`` within the middleware of a handler, and return the response or `None`."""
    call = HandlerCall(handler, request, event)
    proceed: Proceed = _handle
    for middleware in reversed(middlewares_of(type(handler))):
        proceed = partial(middleware.around, proceed=proceed)
    return proceed(call)


def flush_middlewares(handler_cls: Any) -> None:
    """Flush the middleware of a handler at the end of an invocation; log a failure."""
    for middleware in middlewares_of(handler_cls):
        try:
            middleware.flush()
        except Exception:
            logger.exception("%s cannot send what it collected", type(middleware).__name__)


def middlewares_of(handler_cls: Any) -> tuple[Middleware, ...]:
    """Return the middleware of a handler, the outermost first.

    Raises:
        ValueError: ``HANDLER_MIDDLEWARES`` names something else.
        ImportError: a module that it names cannot be imported.
    """
    return (*_installed(os.environ.get(HANDLER_MIDDLEWARES_KEY, "")), *handler_cls.middlewares)


def _handle(call: HandlerCall) -> Any:
    return call.handler.handle(request=call.request)


@cache
def _installed(names: str) -> tuple[Middleware, ...]:
    return tuple(_load(name.strip()) for name in names.split(",") if name.strip())


def _load(name: str) -> Middleware:
    found = load_qualified_name(name)
    if isinstance(found, type) and issubclass(found, Middleware):
        return found()
    if isinstance(found, Middleware):
        return found
    raise ValueError(
        f"{HANDLER_MIDDLEWARES_KEY} names {name}, which is not a subclass or an instance of "
        f"{Middleware.__name__}"
    )
