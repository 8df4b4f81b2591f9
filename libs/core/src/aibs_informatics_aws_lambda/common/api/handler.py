"""The base of Lambda handlers behind an HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from ..generics import REQUEST, RESPONSE

# Names that the contracts of this module promise, and that live elsewhere.
from ..handler import (
    LambdaEvent as LambdaEvent,
    LambdaHandler,
    LambdaHandlerType as LambdaHandlerType,
)
from .headers import CLIENT_VERSION_KEY
from .route import ApiRoute

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import Response
    from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
    from aws_lambda_powertools.logging import Logger
    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
    from aws_lambda_powertools.utilities.data_classes.api_gateway_proxy_event import (
        APIGatewayEventRequestContext,
    )
    from aws_lambda_powertools.utilities.data_classes.common import (
        APIGatewayEventIdentity,
        BaseProxyEvent,
    )

    from ..metrics import EnhancedMetrics
    from .version import VersionStr


class ApiLambdaHandler(
    LambdaHandler[REQUEST, RESPONSE], ApiRoute[REQUEST, RESPONSE], Generic[REQUEST, RESPONSE]
):
    """Base of handlers that answer a route of an HTTP API.

    A subclass is a `LambdaHandler` with a route, its own or that of an `ApiRoute` beside it:

        class GetItem(ApiLambdaHandler[GetItemRequest, Item], GetItemRoute):
            def handle(self, request):
                return Item(item_id=request.item_id)
    """

    minimum_client_version: ClassVar[str | None] = None
    """The oldest client version that is served; without one, clients need not tell theirs."""

    error_answers: ClassVar[Mapping[int, str]] = {}
    """What it means when ``handle`` raises a `ServiceError` of a status, for the document."""

    _current_event: BaseProxyEvent | None = None

    @property
    def current_event(self) -> BaseProxyEvent:
        """The event of the current request.

        Raises:
            ValueError: this object does not answer an HTTP request.
        """
        if self._current_event is None:
            raise ValueError(f"this {type(self).__name__} has no HTTP event: it was not routed to")
        return self._current_event

    @current_event.setter
    def current_event(self, value: BaseProxyEvent) -> None:
        self._current_event = value

    @property
    def api_gateway_proxy_event(self) -> APIGatewayProxyEvent:
        """The event of the current request, where it comes from an API Gateway REST API.

        Raises:
            ValueError: there is no event, or it comes from another front door.
        """
        # Powertools' event classes are a third of the import budget.
        from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

        event = self.current_event
        if not isinstance(event, APIGatewayProxyEvent):
            raise ValueError(f"the event is no REST API event, but {type(event).__name__}")
        return event

    @property
    def api_gateway_proxy_request_context(self) -> APIGatewayEventRequestContext:
        """What the REST API says about the current request."""
        return self.api_gateway_proxy_event.request_context

    @property
    def api_gateway_event_identity(self) -> APIGatewayEventIdentity:
        """What the REST API knows about who sent the current request."""
        return self.api_gateway_proxy_request_context.identity

    @property
    def api_gateway_caller(self) -> str:
        """Who signed the current request, or ``Unknown``."""
        from .event import caller_of

        return caller_of(self.current_event) or "Unknown"

    @classmethod
    def validate_headers(
        cls, headers: Mapping[str, str], minimum_client_version: VersionStr | str | None = None
    ) -> None:
        """Check the version of the client, where it is told or a minimum is set.

        Raises:
            ValidationError: it is malformed, or missing though there is a minimum.
            ValueError: it is older than the minimum.
        """
        minimum = minimum_client_version or cls.minimum_client_version
        if minimum or any(name.lower() == CLIENT_VERSION_KEY for name in headers):
            super().validate_headers(headers, minimum)

    @classmethod
    def add_to_router(
        cls,
        router: BaseRouter,
        *args: Any,
        logger: Logger | None = None,
        metrics: EnhancedMetrics | None = None,
        **kwargs: Any,
    ) -> Callable[..., Response[str]]:
        """Let this class answer its route of an app; each request gets an instance of its own.

        Args:
            router: a resolver of powertools, or a `Router`.
            args: arguments of the constructor.
            logger: the logger of the instances, which whoever gives it sets to the level that a
                request asks for; by default one of this class.
            metrics: where metrics are collected, for whoever gives it to print; by default they
                are printed at the end of each request.
            kwargs: keyword arguments of the constructor.

        Returns:
            The function that is registered; it takes the parts of the path by name.
        """
        # The event handler is a third of the import budget, and only an API needs it.
        from .dispatch import route_function

        answer = route_function(cls, lambda: cls(*args, **kwargs), router, logger, metrics)
        register = router.route(
            cls.route_rule(),
            method=cls.route_methods(),
            operation_id=cls.get_client_method_name(),
            # The models do both, for the document and for the request.
            include_in_schema=False,
            enable_validation=False,
        )
        return register(answer)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(route={self.route_rule()}, method={self.route_method()})"
