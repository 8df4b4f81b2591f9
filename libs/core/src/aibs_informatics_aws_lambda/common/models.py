"""The context of runs outside of Lambda, requests of the router, and the names of handlers."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType, SimpleNamespace
from typing import Annotated, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from aws_lambda_powertools.utilities.typing.lambda_client_context import LambdaClientContext
from aws_lambda_powertools.utilities.typing.lambda_cognito_identity import LambdaCognitoIdentity
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from .constants import (
    AWS_LAMBDA_FUNCTION_ARN_KEY,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE_KEY,
    AWS_LAMBDA_FUNCTION_NAME_KEY,
    AWS_LAMBDA_FUNCTION_REQUEST_ID_KEY,
    AWS_LAMBDA_FUNCTION_VERSION_KEY,
    AWS_LAMBDA_LOG_GROUP_NAME_KEY,
    AWS_LAMBDA_LOG_STREAM_NAME_KEY,
    DEFAULT_AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    DEFAULT_AWS_LAMBDA_FUNCTION_NAME,
    DEFAULT_AWS_LAMBDA_FUNCTION_VERSION,
    HANDLER_ALLOWED_MODULES_KEY,
)
from .handler import LambdaEvent, LambdaHandler, LambdaHandlerType
from .handler_names import get_qualified_name, load_qualified_name
from .model import PydanticBaseModel


@dataclass
class DefaultLambdaContext(LambdaContext):
    """The context of a run that Lambda did not start, as environment variables describe it.

    A variable that is empty counts as unset.
    """

    _identity: LambdaCognitoIdentity = field(default_factory=LambdaCognitoIdentity, init=False)
    _client_context: LambdaClientContext = field(default_factory=LambdaClientContext, init=False)

    @property
    def function_name(self) -> str:
        """``AWS_LAMBDA_FUNCTION_NAME``, or ``unknown``."""
        return os.environ.get(AWS_LAMBDA_FUNCTION_NAME_KEY) or DEFAULT_AWS_LAMBDA_FUNCTION_NAME

    @property
    def function_version(self) -> str:
        """``AWS_LAMBDA_FUNCTION_VERSION``, or ``1.0``."""
        return (
            os.environ.get(AWS_LAMBDA_FUNCTION_VERSION_KEY) or DEFAULT_AWS_LAMBDA_FUNCTION_VERSION
        )

    @property
    def invoked_function_arn(self) -> str:
        """``AWS_LAMBDA_FUNCTION_ARN``, or an ARN of the caller's region and account.

        A part that cannot be found (no region, no credentials, no network) stays empty.
        """
        return os.environ.get(AWS_LAMBDA_FUNCTION_ARN_KEY) or _default_arn(self.function_name)

    @property
    def memory_limit_in_mb(self) -> int:
        """``AWS_LAMBDA_FUNCTION_MEMORY_SIZE``, or 1024; `ValueError` if it is no number."""
        size = os.environ.get(AWS_LAMBDA_FUNCTION_MEMORY_SIZE_KEY)
        try:
            return int(size) if size else DEFAULT_AWS_LAMBDA_FUNCTION_MEMORY_SIZE
        except ValueError:
            raise ValueError(
                f"{AWS_LAMBDA_FUNCTION_MEMORY_SIZE_KEY} is {size!r}, expected a number of MB"
            ) from None

    @property
    def aws_request_id(self) -> str:
        """``AWS_LAMBDA_FUNCTION_REQUEST_ID``, or nothing."""
        return os.environ.get(AWS_LAMBDA_FUNCTION_REQUEST_ID_KEY) or ""

    @property
    def log_group_name(self) -> str:
        """``AWS_LAMBDA_LOG_GROUP_NAME``, or a name made of the function's."""
        return (
            os.environ.get(AWS_LAMBDA_LOG_GROUP_NAME_KEY)
            or f"/aws/lambda/{self.function_name}_docker"
        )

    @property
    def log_stream_name(self) -> str:
        """``AWS_LAMBDA_LOG_STREAM_NAME``, or the request id."""
        return os.environ.get(AWS_LAMBDA_LOG_STREAM_NAME_KEY) or self.aws_request_id

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return 0: outside of Lambda no time is set."""
        return 0

    @property
    def without_look_ups(self) -> SimpleNamespace:
        """What a logger shows of this context; making it causes no request to AWS."""
        return SimpleNamespace(
            function_name=self.function_name,
            memory_limit_in_mb=self.memory_limit_in_mb,
            invoked_function_arn=os.environ.get(AWS_LAMBDA_FUNCTION_ARN_KEY) or "",
            aws_request_id=self.aws_request_id,
        )


def deserialize_handler(handler: str | LambdaHandlerType) -> LambdaHandlerType:
    """Return the handler that a qualified name stands for; a callable is returned as it is.

    A name may lead to a function that takes event and context, or to a `LambdaHandler` class.
    Anything else is refused, functions of Python's standard library included, since whoever
    sends the name would run code of their choice. Where ``HANDLER_ALLOWED_MODULES`` is set, the
    name must lie in one of the modules or packages that it lists.

    Raises:
        ValueError: the name is not that of a handler.
        ImportError: its module cannot be imported.
    """
    if not isinstance(handler, str):
        if callable(handler):
            return handler
        raise ValueError(
            f"expected a callable or the qualified name of one, got {type(handler).__name__}"
        )
    _check_allowed(handler)
    target = load_qualified_name(handler)
    if isinstance(target, type) and issubclass(target, LambdaHandler):
        return target.get_handler()
    if isinstance(target, FunctionType) and _takes_event_and_context(target):
        if not hasattr(target, "_handler_class"):
            # A module may have imported a function that was never meant as a handler.
            _check_allowed(f"{target.__module__}.{target.__name__}")
        return target
    raise ValueError(
        f"{handler} is not a handler: expected a LambdaHandler class, "
        f"or a function of event and context"
    )


def serialize_handler(handler: LambdaHandlerType) -> str:
    """Return a qualified name from which `deserialize_handler` gets the same handler.

    Raises:
        ValueError: the handler is defined in the script that runs, which other processes
            cannot import.
    """
    name = _name_of(handler)
    if name.startswith("__main__."):
        raise ValueError(
            f"{name} has no name that another process could import: define it in a module"
        )
    return name


class LambdaHandlerRequest(PydanticBaseModel):
    """A request of the router: which handler, and its event."""

    handler: Annotated[
        Callable[..., Any],
        BeforeValidator(deserialize_handler),
        PlainSerializer(serialize_handler, return_type=str),
        WithJsonSchema({"type": "string", "examples": ["package.module.Handler"]}),
    ]
    event: LambdaEvent


def _default_arn(function_name: str) -> str:
    from .aws import find_account, find_partition, find_region
    from .exceptions import AWSError

    try:
        region = find_region()
    except AWSError:
        region = None
    partition = find_partition(region) if region else "aws"
    account = find_account() if region else None
    return f"arn:{partition}:lambda:{region or ''}:{account or ''}:function:{function_name}"


def _check_allowed(name: str) -> None:
    if name.partition(".")[0] in sys.stdlib_module_names:
        raise ValueError(f"{name} belongs to Python's standard library: it is no handler")
    listed = os.environ.get(HANDLER_ALLOWED_MODULES_KEY, "")
    allowed = [prefix.strip() for prefix in listed.split(",") if prefix.strip()]
    if allowed and not any(name.startswith(f"{prefix}.") for prefix in allowed):
        raise ValueError(
            f"{name} is not in a module that {HANDLER_ALLOWED_MODULES_KEY} allows: {listed}"
        )


def _takes_event_and_context(function: FunctionType) -> bool:
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    others = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    return len(positional) == 2 and not others


def _name_of(handler: LambdaHandlerType) -> str:
    if "<locals>" not in getattr(handler, "__qualname__", "<locals>"):
        return get_qualified_name(handler)
    handler_cls = getattr(handler, "_handler_class", None)
    variable = _find_variable(handler, getattr(handler_cls, "__module__", None))
    if variable:
        return variable
    return get_qualified_name(handler_cls or handler)


def _find_variable(value: object, first_module: str | None) -> str | None:
    """Return ``module.variable`` of a loaded module that holds ``value``.

    The module that defines the handler's class and its parents come first, then the shortest
    name; ``__main__`` is no module that others can import.
    """
    found = [
        f"{module_name}.{variable}"
        for module_name, module in list(sys.modules.items())
        if module_name != "__main__"
        for variable, held in list(getattr(module, "__dict__", {}).items())
        if held is value
    ]

    def order(name: str) -> tuple[bool, int, str]:
        module_name = name.rpartition(".")[0]
        related = f"{first_module}.".startswith(f"{module_name}.")
        return not related, len(name), name

    return min(found, key=order, default=None)
