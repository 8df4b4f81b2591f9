"""A typed base for AWS Lambda handlers: models, executors, handlers, input and output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:
    from .aws import get_client as get_client
    from .base import LambdaEvent as LambdaEvent, LambdaHandlerType as LambdaHandlerType
    from .context import DefaultLambdaContext as DefaultLambdaContext
    from .description import HandlerDescription as HandlerDescription, describe as describe
    from .env import EnvBase as EnvBase, EnvType as EnvType
    from .envelopes import S3ObjectEvent as S3ObjectEvent
    from .exceptions import (
        ApplicationException as ApplicationException,
        AWSError as AWSError,
        ResourceNotFoundError as ResourceNotFoundError,
        ValidationError as ValidationError,
    )
    from .executor import BaseExecutor as BaseExecutor
    from .handler import LambdaHandler as LambdaHandler
    from .idempotency import Idempotent as Idempotent
    from .json_io import JSON as JSON, JSONArray as JSONArray, JSONObject as JSONObject
    from .logging import get_service_logger as get_service_logger
    from .metrics import EnhancedMetrics as EnhancedMetrics
    from .middleware import HandlerCall as HandlerCall, Middleware as Middleware
    from .model import (
        AwareIsoDateTime as AwareIsoDateTime,
        IsoDate as IsoDate,
        IsoDateTime as IsoDateTime,
        PydanticBaseModel as PydanticBaseModel,
    )
    from .s3 import (
        S3Path as S3Path,
        download_to_json as download_to_json,
        download_to_json_object as download_to_json_object,
        upload_json as upload_json,
    )
    from .tracing import (
        OpenTelemetryTracing as OpenTelemetryTracing,
        XRayTracing as XRayTracing,
    )
    from .workflows import Workflows as Workflows

_NAMES = {
    "aws": "get_client",
    "base": "LambdaEvent LambdaHandlerType",
    "context": "DefaultLambdaContext",
    "description": "HandlerDescription describe",
    "env": "EnvBase EnvType",
    "envelopes": "S3ObjectEvent",
    "exceptions": "AWSError ApplicationException ResourceNotFoundError ValidationError",
    "executor": "BaseExecutor",
    "handler": "LambdaHandler",
    "idempotency": "Idempotent",
    "json_io": "JSON JSONArray JSONObject",
    "logging": "get_service_logger",
    "metrics": "EnhancedMetrics",
    "middleware": "HandlerCall Middleware",
    "model": "AwareIsoDateTime IsoDate IsoDateTime PydanticBaseModel",
    "s3": "S3Path download_to_json download_to_json_object upload_json",
    "tracing": "OpenTelemetryTracing XRayTracing",
    "workflows": "Workflows",
}

__all__ = [name for names in _NAMES.values() for name in names.split()]

__getattr__, __dir__ = lazy_names(
    __name__, {module: names.split() for module, names in _NAMES.items()}
)
