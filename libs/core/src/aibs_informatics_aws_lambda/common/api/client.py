"""The side of the caller: routes as methods of a client, and the HTTP requests they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable
from urllib.parse import quote

from ..exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .route import ApiRoute


REQUEST = TypeVar("REQUEST")
RESPONSE = TypeVar("RESPONSE")


@runtime_checkable
class ApiClientInterface(Protocol):
    """What sends requests: any class whose attributes are made by `create_route_method`."""

    def call(self, route: Any, request: Any) -> Any:
        """Send a request to a route and return the response."""


@dataclass(frozen=True)
class BoundClientRouteMethod(Generic[REQUEST, RESPONSE]):
    """A route of one client, to be called with a request."""

    route: type[ApiRoute[Any, Any]]
    client: ApiClientInterface

    def __call__(self, request: REQUEST) -> RESPONSE:
        """Let the client send the request."""
        response: RESPONSE = self.client.call(self.route, request)
        return response


@dataclass(frozen=True)
class ClientRouteMethod(Generic[REQUEST, RESPONSE]):
    """A route as an attribute of a client class: its instances have it as a method."""

    route: type[ApiRoute[Any, Any]]

    def __get__(
        self, client: ApiClientInterface | None, owner: type | None = None
    ) -> BoundClientRouteMethod[REQUEST, RESPONSE] | ClientRouteMethod[REQUEST, RESPONSE]:
        return self if client is None else BoundClientRouteMethod(self.route, client)


def fill_rule(rule: str, values: Mapping[str, str]) -> str:
    """Return the path that a rule makes of values, each quoted as one segment (RFC 3986).

    Raises:
        ValidationError: a value cannot be a segment: it is empty, or ``.`` or ``..``, which
            clients and servers resolve.
    """
    for name, value in values.items():
        if value in ("", ".", ".."):
            raise ValidationError(f"{value!r} cannot be the part <{name}> of the path {rule}")
        rule = rule.replace(f"<{name}>", quote(value, safe=""))
    return rule
