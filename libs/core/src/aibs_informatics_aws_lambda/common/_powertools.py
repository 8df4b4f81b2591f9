"""Everything private, or undocumented, of AWS Lambda Powertools that this package depends on.

``tests/test_powertools.py`` is the contract: it passes with every version of Powertools that
``pyproject.toml`` allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The event handler takes a third of the import budget, and only APIs need it.
    from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver, Route
    from aws_lambda_powertools.event_handler.exceptions import NotFoundError
    from aws_lambda_powertools.metrics import Metrics
    from aws_lambda_powertools.utilities.batch import BasePartialBatchProcessor
    from aws_lambda_powertools.utilities.typing import LambdaContext


# APIs


def routes_of(app: ApiGatewayResolver) -> list[Route]:
    """Return the routes of an app, in the order in which they are matched."""
    return [*app._static_routes, *app._dynamic_routes]


def methods_of_path(app: ApiGatewayResolver) -> set[str]:
    """Return the methods for which the path of the app's current event has a route."""
    path = app._remove_prefix(app.current_event.path)
    return {route.method for route in routes_of(app) if route.rule.match(path)}


def answers_preflight_requests(app: ApiGatewayResolver) -> bool:
    """Return whether an app has a CORS configuration, and so answers preflight requests."""
    return app._cors_enabled


def has_exception_handler(app: ApiGatewayResolver, error_cls: type[Exception]) -> bool:
    """Return whether an app has an exception handler of its own for a class of errors."""
    return error_cls in app.exception_handler_manager.get_registered_handlers()


def is_unknown_route(error: NotFoundError) -> bool:
    """Return whether Powertools made an error for a path without a route.

    It passes such an error to the exception handler without raising it; a handler raises it.
    """
    return error.__traceback__ is None


def operation_id_of(route: Route) -> str:
    """Return the operation id that Powertools generates for a route."""
    return route._generate_operation_id()


def has_default_title(app: ApiGatewayResolver) -> bool:
    """Return whether no title was configured for the OpenAPI document of an app."""
    from aws_lambda_powertools.event_handler.openapi.constants import DEFAULT_OPENAPI_TITLE

    return bool(app.openapi_config.title == DEFAULT_OPENAPI_TITLE)


# Metrics


def separate_collections(metrics: Metrics) -> None:
    """Give metrics collections of their own, before Powertools' constructor runs.

    By default all instances of `Metrics` share those of the class.
    """
    collections: dict[str, dict[str, Any]] = {
        name: {} for name in ("_metrics", "_dimensions", "_metadata", "_default_dimensions")
    }
    vars(metrics).update(collections)


def described_alike(metrics: Metrics, other: Metrics) -> bool:
    """Return whether the values of ``other`` can be printed with those of ``metrics``.

    They cannot if the dimensions differ, or if ``other`` has metadata or a timestamp.
    """
    return other.dimension_set == metrics.dimension_set and not (
        other.metadata_set or other.provider.dimension_sets or other.provider.timestamp
    )


def add_cold_start_metric(metrics: Metrics, context: LambdaContext) -> None:
    """Print the metric ``ColdStart`` at the first invocation of a process; do nothing later."""
    from aws_lambda_powertools.metrics.provider import cold_start

    if cold_start.is_cold_start:
        metrics.provider.add_cold_start_metric(context)
        cold_start.is_cold_start = False


def metrics_are_disabled() -> bool:
    """Return whether ``POWERTOOLS_METRICS_DISABLED`` or ``POWERTOOLS_DEV`` disables metrics."""
    from aws_lambda_powertools.metrics.functions import is_metrics_disabled

    return is_metrics_disabled()


# Batches


def failures_of(processor: BasePartialBatchProcessor) -> list[tuple[Any, BaseException | None]]:
    """Return the records of a batch that failed, each with its error."""
    return [
        (record, error)
        for record, (_, error, _) in zip(
            processor.fail_messages, processor.exceptions, strict=True
        )
    ]
