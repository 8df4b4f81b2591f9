"""Routes of an HTTP API: path, method, request model and response model."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar

from ..exceptions import ValidationError
from ..generics import REQUEST, RESPONSE, TypedExchange
from ..model import PydanticBaseModel
from .client import (
    ApiClientInterface as ApiClientInterface,
    BoundClientRouteMethod as BoundClientRouteMethod,
    ClientRouteMethod,
    fill_rule,
)
from .headers import API_SERVICE_LOG_LEVEL_ENV_VAR, API_SERVICE_LOG_LEVEL_KEY, CLIENT_VERSION_KEY
from .http_parameters import HTTPParameters
from .version import VersionStr

if TYPE_CHECKING:
    import requests


_DYNAMIC_PART = re.compile(r"<(\w+)>", re.ASCII)
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_RELEASE_NUMBERS = re.compile(r"\d+(\.\d+){0,2}", re.ASCII)


class ApiRequestConfig(PydanticBaseModel):
    """The configuration that a client sends in headers.

    Args:
        client_version: the version of the client.
        service_log_level: the log level of the service for this request.
    """

    client_version_default: ClassVar[str | None] = None
    client_version_package_name_default: ClassVar[str] = "aibs-informatics-aws-lambda-core"

    client_version: VersionStr
    service_log_level: str | None = None

    @classmethod
    def build(
        cls,
        client_version: str | None = None,
        client_version_package_name: str | None = None,
    ) -> ApiRequestConfig:
        """Return the configuration for requests of this process.

        Args:
            client_version: the version; by default the installed version of a package.
            client_version_package_name: the package; by default the class attribute
                ``client_version_default``, then that of
                ``client_version_package_name_default``, is used.

        Raises:
            ValidationError: the package is not installed, or the version is malformed.
        """
        if client_version is None:
            client_version = cls._default_version(client_version_package_name)
        log_level = os.environ.get(API_SERVICE_LOG_LEVEL_ENV_VAR) or None
        return cls.from_dict({"client_version": client_version, "service_log_level": log_level})

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> ApiRequestConfig:
        """Read the configuration from headers, whose names are case-insensitive.

        Raises:
            ValidationError: the version is missing or malformed.
        """
        found = {name.lower(): value for name, value in headers.items()}
        if CLIENT_VERSION_KEY not in found:
            raise ValidationError(f"the header {CLIENT_VERSION_KEY} is missing")
        try:
            client_version = VersionStr(found[CLIENT_VERSION_KEY])
        except ValidationError as error:
            raise ValidationError(f"the header {CLIENT_VERSION_KEY}: {error}") from None
        return cls(
            client_version=client_version,
            service_log_level=found.get(API_SERVICE_LOG_LEVEL_KEY),
        )

    def to_headers(self) -> dict[str, str]:
        """Return the configuration as headers."""
        headers = {CLIENT_VERSION_KEY: str(self.client_version)}
        if self.service_log_level is not None:
            headers[API_SERVICE_LOG_LEVEL_KEY] = self.service_log_level
        return headers

    @classmethod
    def _default_version(cls, package_name: str | None) -> str:
        if package_name is None and cls.client_version_default is not None:
            return cls.client_version_default
        name = package_name or cls.client_version_package_name_default
        try:
            installed = version(name)
        except PackageNotFoundError:
            raise ValidationError(
                f"the client version is unknown: the package {name} is not installed"
            ) from None
        # Pre-release and local parts are not allowed in a client version.
        numbers = _RELEASE_NUMBERS.match(installed)
        return numbers[0] if numbers else installed


class ApiHeadersMixin:
    """Writes, reads and checks the headers of requests."""

    @classmethod
    def generate_headers(cls) -> dict[str, str]:
        """Return the headers of this process's requests."""
        return ApiRequestConfig.build().to_headers()

    @classmethod
    def resolve_request_config(cls, headers: Mapping[str, str]) -> ApiRequestConfig:
        """Read the configuration of a request; raise `ValidationError` if it is malformed."""
        return ApiRequestConfig.from_headers(headers)

    @classmethod
    def validate_headers(
        cls, headers: Mapping[str, str], minimum_client_version: VersionStr | str | None = None
    ) -> None:
        """Check the client version.

        Raises:
            ValidationError: the version is missing or malformed.
            ValueError: the version is older than the minimum.
        """
        client_version = cls.resolve_request_config(headers).client_version
        if minimum_client_version and client_version < VersionStr(minimum_client_version):
            raise ValueError(
                f"client version {client_version} is too old: "
                f"{minimum_client_version} or newer is required"
            )


class ApiRoute(ApiHeadersMixin, TypedExchange[REQUEST, RESPONSE]):
    """A path and a method of an API, with a request model and a response model.

    A subclass names the models and defines path and method:

        class GetItemRoute(ApiRoute[GetItemRequest, Item]):
            @classmethod
            def route_rule(cls):
                return "/items/<item_id>"

            @classmethod
            def route_method(cls):
                return "GET"
    """

    @classmethod
    def route_rule(cls) -> str:
        """Return the path; ``<name>`` in it is the value of a field of the request."""
        return str(cls._of_next_class("route_rule"))

    @classmethod
    def route_method(cls) -> str | list[str]:
        """Return the HTTP method, or the methods, in upper case."""
        method: str | list[str] = cls._of_next_class("route_method")
        return method

    @classmethod
    def _of_next_class(cls, name: str) -> Any:
        # A handler may have a route of another class after this one among its bases: projects that
        # were written for version 1.1.0 have routes of the library that it used.
        method = getattr(super(), name, None)
        if method is None:
            raise NotImplementedError(f"{cls.__name__} does not define {name}(cls)")
        return method()

    @classmethod
    def route_methods(cls) -> list[str]:
        """Return all methods of the route."""
        method = cls.route_method()
        return [method] if isinstance(method, str) else list(method)

    @classmethod
    def primary_route_method(cls) -> str:
        """Return the method that clients use: the first."""
        return cls.route_methods()[0]

    @classmethod
    def route_rule_param_keys(cls) -> list[str]:
        """Return the names of the path parameters, in order."""
        return _DYNAMIC_PART.findall(cls.route_rule())

    @classmethod
    def service_name(cls) -> str:
        """Return the service name in logs and metrics."""
        return cls.__name__

    @classmethod
    def get_client_method_name(cls) -> str:
        """Return the name of the route's method in clients: ``get_item`` for ``GetItemRoute``."""
        return _WORD_START.sub("_", cls.__name__).lower().removesuffix("_route")

    @classmethod
    def get_http_parameters_from_request(cls, request: REQUEST) -> HTTPParameters:
        """Return the parameters of a request: path, and query (``GET``) or body.

        Raises:
            ValidationError: a path parameter has no value.
        """
        rest = request.to_dict()
        missing = [key for key in cls.route_rule_param_keys() if key not in rest]
        if missing:
            raise ValidationError(
                f"path parameters without a value in {cls.route_rule()}: {', '.join(missing)}"
            )
        route_params = {key: rest.pop(key) for key in cls.route_rule_param_keys()}
        if cls.primary_route_method() == "GET":
            return HTTPParameters(route_params, query_params=rest)
        return HTTPParameters(route_params, request_body=rest)

    @classmethod
    def get_request_from_http_parameters(cls, parameters: HTTPParameters) -> REQUEST:
        """Return the request for parameters; raise `ValidationError` if they do not fit."""
        return cls.get_request_cls().from_dict(parameters.merged_params)

    @classmethod
    def get_http_request(
        cls, request: REQUEST, base_url: str, **request_kwargs: Any
    ) -> requests.Request:
        """Return the HTTP request that sends ``request`` to a server.

        Args:
            request: the request.
            base_url: the URL of the API, such as ``https://api.example.com/prod``.
            request_kwargs: arguments of `requests.Request` that replace the generated ones.

        Raises:
            ValidationError: a path parameter has no value, or an invalid one.
        """
        # Only clients need requests: it is an optional dependency.
        import requests

        parameters = cls.get_http_parameters_from_request(request)
        path = fill_rule(cls.route_rule(), parameters.stringified_route_params)
        arguments: dict[str, Any] = {
            "method": cls.primary_route_method(),
            "url": base_url.rstrip("/") + path,
            "params": parameters.stringified_query_params,
            "json": parameters.stringified_request_body,
            **request_kwargs,
        }
        if "headers" not in arguments:
            arguments["headers"] = cls.generate_headers()
        return requests.Request(**arguments)

    @classmethod
    def create_route_method(cls) -> ClientRouteMethod[REQUEST, RESPONSE]:
        """Return an attribute for client classes: the method that calls this route."""
        return ClientRouteMethod(cls)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rule={self.route_rule()}, method={self.route_method()})"
