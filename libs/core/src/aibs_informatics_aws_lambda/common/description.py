"""What a handler says about itself, beyond its models."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .json_io import JSONObject

if TYPE_CHECKING:
    from .handler import LambdaHandler


@dataclass(frozen=True)
class HandlerDescription:
    """The one place where a handler class states what it takes to run it.

    Args:
        example: a request that the handler accepts.
        environment: the environment variables that it reads, with their meaning.
        iam_actions: the IAM actions that it needs.
    """

    example: JSONObject = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    iam_actions: tuple[str, ...] = ()


def describe(handler_cls: type[LambdaHandler[Any, Any]]) -> JSONObject:
    """Return everything that a caller needs to know of a handler, as a JSON object.

    Returns:
        ``handler`` (its qualified name), ``summary``, ``request`` and ``response`` (JSON Schema
        2020-12), ``example``, ``environment`` and ``iam_actions``; ``route`` (``rule`` and
        ``methods``) as well if it answers one of an HTTP API.
    """
    from .handler_names import get_qualified_name

    own = handler_cls.description
    return {
        "handler": get_qualified_name(handler_cls),
        "summary": summary_of(handler_cls),
        "request": _schema_of(handler_cls.get_request_cls(), "validation"),
        "response": _schema_of(handler_cls.get_response_cls(), "serialization"),
        "example": own.example,
        "environment": dict(own.environment),
        "iam_actions": list(own.iam_actions),
        **_route_of(handler_cls),
    }


def summary_of(handler_cls: type[LambdaHandler[Any, Any]]) -> str:
    """Return the first line of a handler's docstring."""
    return (inspect.getdoc(handler_cls) or "").partition("\n")[0]


def _route_of(handler_cls: Any) -> JSONObject:
    # Told by its methods: the base of API handlers need not be imported for the others.
    if not hasattr(handler_cls, "route_methods"):
        return {}
    return {"route": {"rule": handler_cls.route_rule(), "methods": handler_cls.route_methods()}}


def _schema_of(model: Any, mode: str) -> JSONObject:
    make = getattr(model, "model_json_schema", None)
    return make(by_alias=False, mode=mode) if make else {"title": model.__name__}
