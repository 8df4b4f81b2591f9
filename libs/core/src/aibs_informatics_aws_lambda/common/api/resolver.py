"""APIs: handlers behind the routes of one Lambda function."""

from __future__ import annotations

import datetime as dt
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import (
    ApiGatewayResolver,
    BaseRouter,
    Route,
    Router,
)
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, ServiceError
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from ..json_io import JSON, JSONObject
from ..logging import LoggingMixins, with_lambda_context
from ..metrics import EnhancedMetrics, MetricsMixins
from .event import correlation_id_of, headers_of
from .headers import requested_log_level
from .problem import (
    EventRefusedError,
    MethodNotAllowedError,
    as_told,
    legacy_answer,
    problem_answer,
    status_of,
)

if TYPE_CHECKING:
    # Only the handlers bring pydantic along: a module without any starts faster.
    from .handler import ApiLambdaHandler


ApiFunction: TypeAlias = Callable[[JSON, LambdaContext], JSONObject]


@dataclass
class ApiResolverBuilder(LoggingMixins, MetricsMixins):
    """Builds the Lambda function that answers all routes of an API.

        api = ApiResolverBuilder()
        api.add_handlers(my_package.items, prefix="/v1")
        handler = api.get_lambda_handler()

    Subclasses override `validate_event` to let in whom they know.

    Args:
        app: the resolver of powertools for the front door: `APIGatewayRestResolver`,
            `APIGatewayHttpResolver`, `LambdaFunctionUrlResolver`, `ALBResolver`,
            `VPCLatticeResolver` or `VPCLatticeV2Resolver`. Handlers of exceptions that it has
            already keep theirs.
        legacy_errors: answer errors as the system that this one replaces: 418 for unknown routes
            and 400 with the exception's arguments for nearly everything else.
    """

    app: ApiGatewayResolver = field(default_factory=APIGatewayRestResolver)
    legacy_errors: bool = False

    metric_name_prefix: ClassVar[str] = "ApiResolver"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._level_before: int | None = None
        self.app.use([_middleware(self._admit)])
        taken = self.app.exception_handler_manager.get_registered_handlers()
        for error_cls, answer in ((Exception, self._answer), (NotFoundError, self._not_found)):
            if error_cls not in taken:
                self.app.exception_handler(error_cls)(answer)

    def add_handlers(
        self,
        target_module: ModuleType,
        router: BaseRouter | None = None,
        prefix: str | None = None,
    ) -> None:
        """Add the handlers that a module, or any module of a package, defines.

        The same handlers may be added several times, under different prefixes; of two equal
        routes the first one answers.

        Args:
            target_module: the module or package.
            router: a `Router` to add them to, which is then included in the app.
            prefix: what comes before the paths of their routes, such as ``/v1``.

        Raises:
            ValueError: ``router`` is another app.
            ImportError: a module of the package cannot be imported.
        """
        if isinstance(router, ApiGatewayResolver) and router is not self.app:
            raise ValueError("the router is an app of its own: give a Router, or none")
        if not isinstance(router, Router):
            if not prefix:
                self._add_to(self.app, target_module)
                return
            router = Router()  # type: ignore[no-untyped-call]
        self._add_to(router, target_module)
        self.app.include_router(router, prefix=_normalized(prefix))

    def get_lambda_handler(self) -> ApiFunction:
        """Return the function that AWS Lambda calls.

        It answers every HTTP request, with an error where that is due, and raises only where the
        event is none of the app's front door. Its metrics are printed in any case.
        """
        handler = with_lambda_context(self.logger, self._invoke)
        handler._api_builder = self  # type: ignore[attr-defined]
        return handler

    def handle(self, event: JSON, context: LambdaContext) -> JSONObject:
        """Answer one event.

        Raises:
            ValueError: the event is none of the app's front door.
        """
        app_name = type(self.app).__name__
        if not isinstance(event, dict):
            raise ValueError(f"{app_name} takes an event object, not {type(event).__name__}")
        try:
            return self.app.resolve(event, context)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"this is no event that {app_name} takes: {error!r}") from error

    def validate_event(self, event: BaseProxyEvent) -> None:
        """Refuse an event by raising an error; by default, all are let in.

        This is asked before anything else, for unknown routes too, but not for the preflight
        requests of browsers where the app has a `CORSConfig`. A `ServiceError` of powertools
        is answered with its own status and message, any other error with 401 and none.
        """

    def update_logging_level(self, event: BaseProxyEvent) -> None:
        """Set the log level that the header ``x-log-level`` asks for, for this request."""
        level = requested_log_level(headers_of(event), self.logger)
        if level is not None:
            self._level_before = self.logger.log_level
            self.logger.setLevel(level)

    def handle_exception(self, error: Exception) -> Response[Any]:
        """Return the answer for an error of a handler, or of the request."""
        if self.legacy_errors:
            return legacy_answer(error, self._request_id)
        return problem_answer(error, self._request_id)

    def handle_not_found(self, error: NotFoundError) -> Response[Any]:
        """Return the answer for a path that has no route."""
        path = self.app.current_event.path
        if self.legacy_errors:
            text = f"Could not find route {path}: Not found"
            return Response(status_code=418, content_type="text/plain", body=text)
        return problem_answer(error, self._request_id)

    def get_openapi_schema(self, **options: Any) -> JSONObject:
        """Return the OpenAPI 3.1 document of all routes.

        Args:
            options: ``title``, ``version``, ``servers`` and the like, as powertools'
                ``get_openapi_schema`` takes them; what ``app.configure_openapi`` was told need
                not be said again.
        """
        # Only a document needs the models' JSON Schema.
        from .openapi import openapi_document

        return openapi_document(self, **options)

    @property
    def _request_id(self) -> str:
        return self.app.lambda_context.aws_request_id

    def _add_to(self, router: BaseRouter, target_module: ModuleType) -> None:
        add_handlers_to_router(router, target_module, metrics=self.metrics, logger=self.logger)

    def _invoke(self, event: JSON, context: LambdaContext) -> JSONObject:
        start = dt.datetime.now(dt.UTC)
        self.context = context
        self.logger.set_correlation_id(correlation_id_of(event))
        self._reset_logging_level()
        metrics, name = self.metrics, self.metric_name_prefix
        metrics.print_cold_start(context)
        try:
            answer = self.handle(event, context)
        except Exception:
            metrics.add_failure_metric(name)
            raise
        else:
            metrics.add_success_metric(name)
            return answer
        finally:
            metrics.add_duration_metric(start, name=name)
            metrics.flush_metrics()

    def _reset_logging_level(self) -> None:
        if self._level_before is not None:
            self.logger.setLevel(self._level_before)
            self._level_before = None

    def _admit(self, event: BaseProxyEvent) -> None:
        if self._is_preflight(event):
            return
        try:
            self.validate_event(event)
        except ServiceError:
            raise
        except Exception as error:
            raise EventRefusedError from error
        self.update_logging_level(event)

    def _is_preflight(self, event: BaseProxyEvent) -> bool:
        """Tell whether powertools answers by itself: browsers ask for CORS without credentials."""
        is_options = event.http_method.upper() == "OPTIONS"
        return is_options and self.app._cors_enabled and "OPTIONS" not in self._methods_of_path()

    def _answer(self, error: Exception) -> Response[Any]:
        error = as_told(error)
        try:
            self._log(error)
            return self.handle_exception(error)
        except Exception as failure:
            self._log(failure)
            return problem_answer(failure, self._request_id)

    def _not_found(self, error: NotFoundError) -> Response[Any]:
        # Powertools makes the error of an unknown route, but never raises it; a handler does.
        if error.__traceback__ is not None:
            return self._answer(error)
        allowed = self._methods_of_path()
        if allowed and not self.legacy_errors:
            return self._answer(MethodNotAllowedError(allowed))
        event = self.app.current_event
        self.logger.warning("There is no route for %s %s", event.http_method, event.path)
        self.metrics.add_count_metric("RouteNotFound", 1)
        return self.handle_not_found(error)

    def _methods_of_path(self) -> set[str]:
        path = self.app._remove_prefix(self.app.current_event.path)
        return {route.method for route in routes_of(self.app) if route.rule.match(path)}

    def _log(self, error: Exception) -> None:
        status = status_of(error)
        if status >= 500:
            self.logger.error("The request failed", exc_info=error)
        elif isinstance(error, EventRefusedError):
            # The answer does not say why, and it may be the check itself that is broken.
            self.logger.warning("The request was refused", exc_info=error.__cause__)
        else:
            # What the caller did wrong is in the answer, and may hold what the caller sent.
            self.logger.info("The request is answered with %s", status)


def add_handlers_to_router(
    router: BaseRouter,
    target_module: ModuleType,
    metrics: EnhancedMetrics | None = None,
    logger: Logger | None = None,
) -> None:
    """Add the handlers that a module, or any module of a package, defines to a router."""
    for handler_cls in get_target_handler_classes(target_module):
        handler_cls.add_to_router(router, logger=logger, metrics=metrics)


def get_target_handler_classes(
    target_module: ModuleType,
) -> list[type[ApiLambdaHandler[Any, Any]]]:
    """Return the handlers with a route that a module, or any module of a package, defines.

    Direct subclasses of `ApiLambdaHandler` come first, then theirs, each once. Classes that
    cannot answer, such as a base without a route or without ``handle``, are passed over.
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
        and _can_answer(handler_cls)
    ]


def routes_of(app: ApiGatewayResolver) -> list[Route]:
    """Return the routes of an app in the order in which they are looked up.

    Powertools has no public name for them.
    """
    return [*app._static_routes, *app._dynamic_routes]


def _middleware(admit: Callable[[BaseProxyEvent], None]) -> Callable[..., Any]:
    # A function: powertools looks into a bound method again at every request.
    def admit_event(app: ApiGatewayResolver, next_middleware: Callable[..., Any]) -> Any:
        admit(app.current_event)
        return next_middleware(app)

    return admit_event


def _normalized(prefix: str | None) -> str | None:
    parts = (prefix or "").strip("/")
    return f"/{parts}" if parts else None


def _import_modules_of(package: ModuleType) -> None:
    for found in pkgutil.iter_modules(getattr(package, "__path__", []), f"{package.__name__}."):
        # A program is not there to be imported.
        if found.name.rpartition(".")[2] != "__main__":
            _import_modules_of(import_module(found.name))


def _can_answer(handler_cls: type[ApiLambdaHandler[Any, Any]]) -> bool:
    from ..executor import BaseExecutor

    try:
        handler_cls.route_rule()
        handler_cls.route_method()
    except NotImplementedError:
        return False
    return handler_cls.handle is not BaseExecutor.handle
