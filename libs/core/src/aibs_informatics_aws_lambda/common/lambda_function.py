"""The functions that AWS Lambda calls, made from handler classes."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from .constants import AWS_LAMBDA_RUNTIME_API_KEY
from .json_check import MAX_PAYLOAD_BYTES, check_response
from .logging import format_library_records, invocation_keys

FUNCTION = TypeVar("FUNCTION", bound=Callable[..., Any])
RESPONSE = TypeVar("RESPONSE")


def make_lambda_function(
    logger: Logger, work: Callable[[Any, LambdaContext], RESPONSE], *, module: str
) -> Callable[[Any, LambdaContext], RESPONSE]:
    """Return a Lambda function that calls ``work`` with the context in all its log lines.

    Keys that ``work`` appends to the logger are removed at the end of the invocation. An exit of
    the process becomes a `RuntimeError`.

    Args:
        logger: the logger of the handler.
        work: takes an event and a context, and returns the response.
        module: the module that the function counts as defined in.
    """

    @logger.inject_lambda_context
    def invoke(event: Any, _: object, context: LambdaContext) -> RESPONSE:
        return work(event, context)

    def handler(event: Any, context: LambdaContext) -> RESPONSE:
        loggable = _loggable(context)
        format_library_records(logger)
        with invocation_keys(logger):
            try:
                return invoke(event, loggable, context)
            except SystemExit as error:
                # The runtime would end with it. On Lambda Managed Instances, where it is one of
                # several workers, no other takes its place.
                raise exited(error) from error

    handler.__module__ = module
    return handler


def exited(error: SystemExit) -> RuntimeError:
    """Return the error that a handler raises instead of an exit of the process."""
    code = "" if error.code is None else f" {error.code}"
    return RuntimeError(
        f"the handler tried to exit the process (SystemExit{code}): raise an error instead"
    )


def with_handler_class(function: FUNCTION, handler_class: type) -> FUNCTION:
    """Record the class that a function was made from, for `handler_class_of`, and return it."""
    function._handler_class = handler_class  # type: ignore[attr-defined]
    return function


def handler_class_of(function: Callable[..., Any]) -> type[Any] | None:
    """Return the class that a function was made from, or `None` for any other function."""
    return getattr(function, "_handler_class", None)


def parse_event(handler_class: Any, event: Any) -> Any:
    """Return the request in an event; mark an error of it for `rejected_by`.

    Raises:
        ValueError: the event is not a valid request.
    """
    try:
        return handler_class.deserialize_request(event)
    except ValueError as error:
        error._rejected_by = handler_class  # type: ignore[attr-defined]
        raise


def check_lambda_response(response: Any) -> None:
    """Check that a response can be sent as JSON, and in Lambda that it is not too large.

    Raises:
        ValidationError: the response cannot be sent; the message has the path of the field.
    """
    in_lambda = AWS_LAMBDA_RUNTIME_API_KEY in os.environ
    check_response(response, MAX_PAYLOAD_BYTES if in_lambda else None)


def rejected_by(error: ValueError) -> type[Any] | None:
    """Return the handler class that rejected an event with an error, if one did."""
    return getattr(error, "_rejected_by", None)


def _loggable(context: LambdaContext) -> object:
    """Return the part of a context that a logger reads, without requests to AWS."""
    return getattr(context, "without_look_ups", context)
