"""Descriptions of handlers: for help texts, docs, templates and OpenAPI documents."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .generics import TypedExchange
from .handler_names import get_qualified_name
from .json_io import JSONObject


@dataclass(frozen=True)
class HandlerDescription:
    """The requirements of a handler class.

    Args:
        example: a valid request; by default one that is made from the request model.
        environment: the environment variables that the handler reads, with their meaning.
        iam_actions: the IAM actions that the handler needs.
        effect: whether the handler changes nothing, only adds, or may also delete or replace.
        output_fields: the request fields with which a handler that changes nothing else writes
            its response somewhere.
        limits: limits of the handler, and of the services that it uses, a sentence each.
        cost: what AWS charges for besides the time of the function.
    """

    example: JSONObject = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    iam_actions: tuple[str, ...] = ()
    effect: Literal["none", "additive", "destructive"] = "destructive"
    output_fields: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    cost: str = ""


def describe(handler_cls: type[TypedExchange[Any, Any]]) -> JSONObject:
    """Return the description of a handler class as a JSON object.

    Returns:
        ``handler`` (the qualified name), ``summary``, ``request`` and ``response`` (JSON Schema
        2020-12), ``example``, ``environment``, ``iam_actions``, ``errors`` (those that the
        docstring of ``handle`` lists, with their causes), ``limits`` and ``cost``; also ``route``
        (``rule`` and ``methods``) for a handler of an HTTP API.
    """
    description: HandlerDescription = getattr(handler_cls, "description", HandlerDescription())
    return {
        "handler": get_qualified_name(handler_cls),
        "summary": summary_of(handler_cls),
        "request": _schema_of(handler_cls.get_request_cls(), "validation"),
        "response": _schema_of(handler_cls.get_response_cls(), "serialization"),
        "example": example_request(handler_cls),
        "environment": dict(description.environment),
        "iam_actions": list(description.iam_actions),
        "errors": errors_of(handler_cls),
        "limits": list(description.limits),
        "cost": description.cost,
        **_route_of(handler_cls),
    }


def summary_of(handler_cls: type) -> str:
    """Return the first line of a handler's own docstring, or the name of the class without one."""
    return docstring_of(handler_cls).partition("\n")[0] or handler_cls.__name__


def docstring_of(handler_cls: type) -> str:
    """Return the docstring that a class itself has, or an empty string."""
    own = inspect.cleandoc(vars(handler_cls).get("__doc__") or "")
    # The one that `dataclass` makes.
    return "" if own.startswith(f"{handler_cls.__name__}(") else own


def errors_of(handler_cls: type) -> dict[str, str]:
    """Return the exceptions that the docstring of ``handle`` lists, with their causes."""
    text = inspect.cleandoc(getattr(handler_cls, "handle", None).__doc__ or "")
    _, _, section = text.partition("\nRaises:\n")
    # A section ends at the next line without indentation; deeper lines continue an entry.
    section = re.split(r"^(?=\S)", section, maxsplit=1, flags=re.MULTILINE)[0]
    entries = re.split(r"^ {4}(?=\S)", section, flags=re.MULTILINE)[1:]
    pairs = (" ".join(entry.split()).partition(": ") for entry in entries)
    return {name.rpartition(".")[2]: cause for name, _, cause in pairs}


def example_request(handler_cls: type[TypedExchange[Any, Any]]) -> JSONObject | None:
    """Return a valid request of a handler, or `None` if none is known."""
    description: HandlerDescription = getattr(handler_cls, "description", HandlerDescription())
    if description.example:
        return description.example
    # Only descriptions need the JSON Schema.
    from .examples import example_of

    return example_of(handler_cls.get_request_cls())


def _route_of(handler_cls: Any) -> JSONObject:
    # Recognised by its methods, so that the API modules are not imported for other handlers.
    if not hasattr(handler_cls, "route_methods"):
        return {}
    return {"route": {"rule": handler_cls.route_rule(), "methods": handler_cls.route_methods()}}


def _schema_of(model: Any, mode: str) -> JSONObject:
    make = getattr(model, "model_json_schema", None)
    return make(by_alias=False, mode=mode) if make else {"title": model.__name__}
