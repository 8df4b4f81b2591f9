"""HTTP APIs: one Lambda function for the routes of many handlers."""

from __future__ import annotations

import datetime as dt
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from urllib.parse import quote

from aws_lambda_powertools import event_handler
from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver, BaseRouter, Router
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, ServiceError
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from .. import _powertools
from ..json_io import JSON, JSONObject
from ..lambda_function import make_lambda_function
from ..logging import LoggingMixins
from ..metrics import EnhancedMetrics, MetricsMixins
from . import problem
from .event import correlation_id_of, headers_of
from .headers import RequestLogLevel

if TYPE_CHECKING:
    # Handlers load pydantic: a module without any starts faster.
    from .handler import ApiLambdaHandler


# Those that RFC 3986 allows in a path without encoding.
_PATH_CHARACTERS = "/:@!$&'()*+,;=-._~"

API_GATEWAY_REST = "requestContext.requestId"
"""The JMESPath expression for the correlation id of a REST API, as in powertools."""

ApiFunction: TypeAlias = Callable[[JSON, LambdaContext], JSONObject]


@dataclass
class ApiResolverBuilder(LoggingMixins, MetricsMixins):
    """Builds the Lambda function for all routes of an API.

        api = ApiResolverBuilder()
        api.add_handlers(my_package.items, prefix="/v1")
        handler = api.get_lambda_handler()

    Subclasses override `validate_event` to authorize requests.

    Args:
        app: the resolver of Powertools for the integration: `APIGatewayRestResolver`,
            `APIGatewayHttpResolver`, `LambdaFunctionUrlResolver`, `ALBResolver`,
            `VPCLatticeResolver` or `VPCLatticeV2Resolver`. Its exception handlers are kept.
        legacy_errors: whether errors are legacy responses: 418 for unknown routes and 400 with
            the exception's arguments for nearly everything else.
    """

    app: ApiGatewayResolver = field(default_factory=event_handler.APIGatewayRestResolver)
    legacy_errors: bool = False

    metric_name_prefix: ClassVar[str] = "ApiResolver"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._log_level = RequestLogLevel(self.logger)
        self.app.use([_middleware(self._authorize)])
        for error_cls, respond in ((Exception, self._respond), (NotFoundError, self._not_found)):
            if not _powertools.has_exception_handler(self.app, error_cls):
                self.app.exception_handler(error_cls)(respond)

    def add_handlers(
        self,
        target_module: ModuleType,
        router: BaseRouter | None = None,
        prefix: str | None = None,
    ) -> None:
        """Add the handlers that a module, or any module of a package, defines.

        The same handlers may be added several times, with different prefixes; of two equal routes
        the first one is used.

        Args:
            target_module: the module or package.
            router: a `Router` to add them to, which is then included in the app.
            prefix: a prefix of the paths of their routes, such as ``/v1``.

        Raises:
            ValueError: ``router`` is another app, or the module defines no handler with a route.
            ImportError: a module of the package cannot be imported.
        """
        if isinstance(router, ApiGatewayResolver) and router is not self.app:
            raise ValueError("the router is another app: pass a Router, or None")
        if not isinstance(router, Router):
            if not prefix:
                self._add_to(self.app, target_module)
                return
            router = Router()  # type: ignore[no-untyped-call]
        self._add_to(router, target_module)
        self.app.include_router(router, prefix=_normalize_prefix(prefix))

    def get_lambda_handler(self) -> ApiFunction:
        """Return the function that AWS Lambda calls.

        It responds to every HTTP request, and raises only if the event is not one of the app's
        integration. Metrics are printed in either case.
        """
        function = make_lambda_function(self.logger, self._invoke, module=type(self).__module__)
        function._api_builder = self  # type: ignore[attr-defined]
        return function

    def handle(self, event: JSON, context: LambdaContext) -> JSONObject:
        """Return the response to an event.

        Raises:
            ValueError: the event is not one of the app's integration.
        """
        app_name = type(self.app).__name__
        if not isinstance(event, dict):
            raise ValueError(f"{app_name} expects an event object, got {type(event).__name__}")
        if isinstance(self.app, event_handler.APIGatewayHttpResolver):
            event = _with_encoded_path(event)
        try:
            return self.app.resolve(event, context)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"{app_name} expects an event of its integration, and this is another: {error!r}. "
                "Choose the integration by ApiResolverBuilder(app=...)"
            ) from error

    def validate_event(self, event: BaseProxyEvent) -> None:
        """Reject an event by raising an error; by default, all events are accepted.

        This runs before anything else, for unknown routes too, but not for the preflight requests
        of browsers if the app has a `CORSConfig`. A `ServiceError` of Powertools results in a
        response with its status and message, any other error in 401 without a reason.
        """

    def update_logging_level(self, event: BaseProxyEvent) -> None:
        """Set the log level that the header ``x-log-level`` asks for, for this request."""
        self._log_level.set(headers_of(event))

    def handle_exception(self, error: Exception) -> event_handler.Response[Any]:
        """Return the response for an error of a handler, or of the request."""
        if self.legacy_errors:
            return problem.legacy_response(error, self._request_id)
        return problem.problem_response(error, self._request_id)

    def handle_not_found(self, error: NotFoundError) -> event_handler.Response[Any]:
        """Return the response for a path without a route."""
        path = self.app.current_event.path
        if self.legacy_errors:
            text = f"Could not find route {path}: Not found"
            return event_handler.Response(status_code=418, content_type="text/plain", body=text)
        return problem.problem_response(error, self._request_id)

    def get_openapi_schema(self, **options: Any) -> JSONObject:
        """Return the OpenAPI 3.1 document of all routes.

        Args:
            options: ``title``, ``version``, ``servers`` and the like, as Powertools'
                ``get_openapi_schema`` takes them; the default is what was passed to
                ``app.configure_openapi``.
        """
        # Only the document needs the models' JSON Schema.
        from .openapi import DocumentedApi, openapi_document

        is_guarded = type(self).validate_event is not ApiResolverBuilder.validate_event
        api = DocumentedApi(self.app, self.service_name(), is_guarded, self.legacy_errors)
        return openapi_document(api, **options)

    @property
    def _request_id(self) -> str:
        return self.app.lambda_context.aws_request_id

    def _add_to(self, router: BaseRouter, target_module: ModuleType) -> None:
        add_handlers_to_router(router, target_module, metrics=self.metrics, logger=self.logger)

    def _invoke(self, event: JSON, context: LambdaContext) -> JSONObject:
        start = dt.datetime.now(dt.UTC)
        self.context = context
        self.logger.set_correlation_id(correlation_id_of(event))
        self._log_level.reset()
        metrics, name = self.metrics, self.metric_name_prefix
        metrics.print_cold_start(context)
        try:
            response = self.handle(event, context)
        except Exception:
            metrics.add_failure_metric(name)
            raise
        else:
            metrics.add_success_metric(name)
            return response
        finally:
            metrics.add_duration_metric(start, name=name)
            metrics.flush_metrics()

    def _authorize(self, event: BaseProxyEvent) -> None:
        if self._is_preflight(event):
            return
        try:
            self.validate_event(event)
        except ServiceError:
            raise
        except Exception as error:
            raise problem.EventRejectedError from error
        self.update_logging_level(event)

    def _is_preflight(self, event: BaseProxyEvent) -> bool:
        """Return whether Powertools responds: browsers send preflights without credentials."""
        return (
            event.http_method.upper() == "OPTIONS"
            and _powertools.answers_preflight_requests(self.app)
            and "OPTIONS" not in _powertools.methods_of_path(self.app)
        )

    def _respond(self, error: Exception) -> event_handler.Response[Any]:
        error = problem.normalize_error(error)
        try:
            self._log(error)
            return self.handle_exception(error)
        except Exception as failure:
            self._log(failure)
            return problem.problem_response(failure, self._request_id)

    def _not_found(self, error: NotFoundError) -> event_handler.Response[Any]:
        if not _powertools.is_unknown_route(error):
            return self._respond(error)
        allowed = _powertools.methods_of_path(self.app)
        if allowed and not self.legacy_errors:
            return self._respond(problem.MethodNotAllowedError(allowed))
        event = self.app.current_event
        self.logger.warning("There is no route for %s %s", event.http_method, event.path)
        self.metrics.add_count_metric("RouteNotFound", 1)
        return self.handle_not_found(error)

    def _log(self, error: Exception) -> None:
        status = problem.status_of(error)
        if status >= 500:
            self.logger.error("The request failed", exc_info=error)
        elif isinstance(error, problem.EventRejectedError):
            # The response does not contain the reason, and the check itself may have failed.
            self.logger.warning("The request was rejected", exc_info=error.__cause__)
        else:
            # The response contains the message, which may quote the request.
            self.logger.info("The response has the status %s", status)


def add_handlers_to_router(
    router: BaseRouter,
    target_module: ModuleType,
    metrics: EnhancedMetrics | None = None,
    logger: Logger | None = None,
) -> None:
    """Add the handlers that a module, or any module of a package, defines to a router.

    Raises:
        ValueError: the module defines no handler with a route.
    """
    if not isinstance(target_module, ModuleType):
        name = getattr(target_module, "__name__", target_module)
        raise ValueError(
            f"{name} is not a module: pass the module that defines it, "
            f"or call {name}.add_to_router(api.app)"
        )
    handler_classes = get_target_handler_classes(target_module)
    if not handler_classes:
        raise ValueError(
            f"{target_module.__name__} defines no handler: expected a subclass of "
            "ApiLambdaHandler with route_rule, route_method and handle"
        )
    for handler_cls in handler_classes:
        handler_cls.add_to_router(router, logger=logger, metrics=metrics)


def get_target_handler_classes(
    target_module: ModuleType,
) -> list[type[ApiLambdaHandler[Any, Any]]]:
    """Return the handlers with a route that a module, or any module of a package, defines.

    Direct subclasses of `ApiLambdaHandler` come first, then theirs, each once. Classes without a
    route or without ``handle``, such as base classes, are skipped.
    """
    from .handler import ApiLambdaHandler

    _import_modules_of(target_module)
    found: dict[type[ApiLambdaHandler[Any, Any]], None] = {}
    layer: list[type[ApiLambdaHandler[Any, Any]]] = ApiLambdaHandler.__subclasses__()
    while layer:
        found |= dict.fromkeys(layer)
        layer = [deeper for handler_cls in layer for deeper in handler_cls.__subclasses__()]
    return [
        handler_cls
        for handler_cls in found
        if f"{handler_cls.__module__}.".startswith(f"{target_module.__name__}.")
        and _can_handle(handler_cls)
    ]


def api_of_function(function: object) -> ApiResolverBuilder | None:
    """Return the API whose `get_lambda_handler` returned a function, if there is one."""
    api = getattr(function, "_api_builder", None)
    return api if isinstance(api, ApiResolverBuilder) else None


def _with_encoded_path(event: JSONObject) -> JSONObject:
    """Return an event of an HTTP API with a percent-encoded path, as other integrations send it.

    HTTP APIs decode the path. Decoding it again would change a value with a percent sign, and
    Powertools matches no route with characters such as a quote.
    """
    path = event.get("rawPath")
    return {**event, "rawPath": quote(path, safe=_PATH_CHARACTERS)} if path else event


def _middleware(check: Callable[[BaseProxyEvent], None]) -> Callable[..., Any]:
    # A function: Powertools inspects a bound method anew at every request.
    def check_event(app: ApiGatewayResolver, next_middleware: Callable[..., Any]) -> Any:
        check(app.current_event)
        return next_middleware(app)

    return check_event


def _normalize_prefix(prefix: str | None) -> str | None:
    parts = (prefix or "").strip("/")
    return f"/{parts}" if parts else None


def _import_modules_of(package: ModuleType) -> None:
    for found in pkgutil.iter_modules(getattr(package, "__path__", []), f"{package.__name__}."):
        # Importing a program runs it.
        if found.name.rpartition(".")[2] != "__main__":
            _import_modules_of(import_module(found.name))


def _can_handle(handler_cls: type[ApiLambdaHandler[Any, Any]]) -> bool:
    from ..executor import BaseExecutor

    try:
        handler_cls.route_rule()
        handler_cls.route_method()
    except NotImplementedError:
        return False
    return handler_cls.handle is not BaseExecutor.handle
