"""Clients of an API: routes as methods of a client class, and the paths of their requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable
from urllib.parse import quote

from ..exceptions import ValidationError
from ..generics import TypedExchange

REQUEST = TypeVar("REQUEST")
RESPONSE = TypeVar("RESPONSE")


@runtime_checkable
class ApiClientInterface(Protocol):
    """A client that sends requests: any class with attributes made by `create_route_method`."""

    def call(self, route: Any, request: Any) -> Any:
        """Send a request to a route and return the response."""


@dataclass(frozen=True)
class BoundClientRouteMethod(Generic[REQUEST, RESPONSE]):
    """A route as a method of one client."""

    route: type[TypedExchange[Any, Any]]
    client: ApiClientInterface

    def __call__(self, request: REQUEST) -> RESPONSE:
        """Send the request by the client, and return the response."""
        response: RESPONSE = self.client.call(self.route, request)
        return response


@dataclass(frozen=True)
class ClientRouteMethod(Generic[REQUEST, RESPONSE]):
    """A route as an attribute of a client class, whose instances have it as a method."""

    route: type[TypedExchange[Any, Any]]

    def __get__(
        self, client: ApiClientInterface | None, owner: type | None = None
    ) -> BoundClientRouteMethod[REQUEST, RESPONSE] | ClientRouteMethod[REQUEST, RESPONSE]:
        return self if client is None else BoundClientRouteMethod(self.route, client)


def fill_rule(rule: str, values: Mapping[str, str]) -> str:
    """Return the path for a route rule, with each value quoted as one segment (RFC 3986).

    Raises:
        ValidationError: a value is not a valid segment: it is empty, or ``.`` or ``..``, which
            clients and servers resolve.
    """
    for name, value in values.items():
        if value in ("", ".", ".."):
            raise ValidationError(f"{value!r} is not a valid value for <{name}> in {rule}")
        rule = rule.replace(f"<{name}>", quote(value, safe=""))
    return rule
