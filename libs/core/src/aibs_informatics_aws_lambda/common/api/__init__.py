"""Handlers behind an HTTP API, routes and clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .client import ApiClientInterface as ApiClientInterface
    from .handler import ApiLambdaHandler as ApiLambdaHandler
    from .http_parameters import HTTPParameters as HTTPParameters
    from .resolver import ApiResolverBuilder as ApiResolverBuilder
    from .route import ApiRequestConfig as ApiRequestConfig, ApiRoute as ApiRoute
    from .version import VersionStr as VersionStr

_NAMES = {
    "client": "ApiClientInterface",
    "handler": "ApiLambdaHandler",
    "http_parameters": "HTTPParameters",
    "resolver": "ApiResolverBuilder",
    "route": "ApiRequestConfig ApiRoute",
    "version": "VersionStr",
}

__all__ = [name for names in _NAMES.values() for name in names.split()]

__getattr__, __dir__ = lazy_names(
    __name__, {module: names.split() for module, names in _NAMES.items()}
)
