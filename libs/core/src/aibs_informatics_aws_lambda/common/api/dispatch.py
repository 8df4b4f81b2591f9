"""The function behind a route: reads the request, calls the handler, writes the response."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from aws_lambda_powertools.event_handler.exceptions import BadRequestError
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

from ..handler import LambdaHandler
from ..json_io import JSON
from ..lambda_function import check_lambda_response, with_handler_class
from ..metrics import EnhancedMetrics
from ..middleware import call_handler, flush_middlewares
from .event import headers_of
from .headers import RequestLogLevel
from .request import read_request
from .route import ApiRoute

AnyHandler: TypeAlias = LambdaHandler[Any, Any]


def route_function(
    handler_cls: type[AnyHandler],
    route: type[ApiRoute[Any, Any]],
    make_handler: Callable[[BaseProxyEvent], AnyHandler],
    router: BaseRouter,
    logger: Logger | None,
    metrics: EnhancedMetrics | None,
) -> Callable[..., Response[str]]:
    """Return the function for a route, as `ApiLambdaHandler.add_to_router` describes it.

    Args:
        handler_cls: the handler class.
        route: the route of the handler class.
        make_handler: makes the instance that handles an event.
        router: the router that the function is registered with.
        logger: the logger of the API; by default each handler class has its own.
        metrics: the metrics of the API; by default each request has its own.
    """
    own_logger = logger or handler_cls.get_logger(handler_cls.service_name())
    log_level = RequestLogLevel(own_logger)
    rule, name = route.route_rule(), handler_cls.__name__

    def respond(path_parameters: Mapping[str, str], collected: EnhancedMetrics) -> str:
        event = router.current_event
        _check_headers(route, event)
        request = read_request(handler_cls.get_request_cls(), event, path_parameters)
        handler = make_handler(event)
        handler.log = own_logger
        handler.metrics = collected
        handler.context = router.lambda_context
        response = call_handler(handler, request, event)
        document = None if response is None else handler_cls.serialize_response(response)
        return _json_text(document)

    def handle_route(**path_parameters: str) -> Response[str]:
        start = dt.datetime.now(dt.UTC)
        if logger is None:
            log_level.reset()
            log_level.set(headers_of(router.current_event))
        collected = metrics
        if collected is None:
            collected = handler_cls.get_metrics(handler_name=handler_cls.handler_name())
        collected.add_dimension("route", rule)
        collected.add_dimension("handler", name)
        try:
            body = respond(path_parameters, collected)
        except Exception:
            collected.add_failure_metric()
            raise
        else:
            collected.add_success_metric()
        finally:
            collected.add_duration_metric(start)
            if metrics is None:
                collected.flush_metrics()
            flush_middlewares(handler_cls)
        return Response(status_code=200, content_type="application/json", body=body)

    handle_route.__name__ = route.get_client_method_name()
    return with_handler_class(handle_route, handler_cls)


def _check_headers(route: type[ApiRoute[Any, Any]], event: BaseProxyEvent) -> None:
    try:
        route.validate_headers(headers_of(event))
    except ValueError as error:
        raise BadRequestError(f"The request is invalid: {error}.") from error


def _json_text(document: JSON) -> str:
    check_lambda_response(document)
    return json.dumps(document, separators=(",", ":"))
