"""What happens between a route of an app and the handler that answers it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

from ..json_io import JSON
from ..metrics import EnhancedMetrics
from .event import headers_of
from .handler import ApiLambdaHandler
from .headers import requested_log_level
from .request import read_request

AnyApiHandler = ApiLambdaHandler[Any, Any]


def route_function(
    handler_cls: type[AnyApiHandler],
    make_handler: Callable[[], AnyApiHandler],
    router: BaseRouter,
    logger: Logger | None,
    metrics: EnhancedMetrics | None,
) -> Callable[..., Response[str]]:
    """Return the function for a route that `ApiLambdaHandler.add_to_router` describes."""
    own_logger = logger or handler_cls.get_logger(handler_cls.service_name())
    configured_level = own_logger.log_level
    rule, name = handler_cls.route_rule(), handler_cls.__name__

    def respond(route_parameters: dict[str, str], collected: EnhancedMetrics) -> str:
        event = router.current_event
        _check_headers(handler_cls, event)
        request = read_request(handler_cls.get_request_cls(), event, route_parameters)
        handler = make_handler()
        handler.log = own_logger
        handler.metrics = collected
        handler.context = router.lambda_context
        handler.current_event = event
        response = handler.handle(request=request)
        document = None if response is None else handler_cls.serialize_response(response)
        return _json_text(document)

    def answer(**route_parameters: str) -> Response[str]:
        start = dt.datetime.now(dt.UTC)
        if logger is None:
            level = requested_log_level(headers_of(router.current_event), own_logger)
            own_logger.setLevel(level or configured_level)
        collected = metrics
        if collected is None:
            collected = handler_cls.get_metrics(handler_name=handler_cls.handler_name())
        collected.add_dimension("route", rule)
        collected.add_dimension("handler", name)
        try:
            body = respond(route_parameters, collected)
        except Exception:
            collected.add_failure_metric()
            raise
        else:
            collected.add_success_metric()
        finally:
            collected.add_duration_metric(start)
            if metrics is None:
                collected.flush_metrics()
        return Response(status_code=200, content_type="application/json", body=body)

    answer.__name__ = handler_cls.get_client_method_name()
    answer._handler_class = handler_cls  # type: ignore[attr-defined]
    return answer


def handler_class_of_route(function: Callable[..., Any]) -> type[AnyApiHandler] | None:
    """Return the handler class behind a route's function, or `None` for any other function."""
    return getattr(function, "_handler_class", None)


def _check_headers(handler_cls: type[AnyApiHandler], event: BaseProxyEvent) -> None:
    try:
        handler_cls.validate_headers(headers_of(event))
    except ValueError as error:
        raise BadRequestError(f"The request is refused: {error}.") from error


def _json_text(document: JSON) -> str:
    try:
        return json.dumps(document, separators=(",", ":"), allow_nan=False)
    except ValueError:
        # JSON has no number that is infinite or none; as pydantic does, null stands for them.
        text = json.dumps(document, separators=(",", ":"))
        return json.dumps(json.loads(text, parse_constant=lambda _: None), separators=(",", ":"))
