"""The base class of Lambda handlers behind an HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ..generics import REQUEST, RESPONSE
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

API_REQUEST = TypeVar("API_REQUEST")
API_RESPONSE = TypeVar("API_RESPONSE")


class ApiLambdaHandler(
    LambdaHandler[REQUEST, RESPONSE], ApiRoute[REQUEST, RESPONSE], Generic[REQUEST, RESPONSE]
):
    """Base class of handlers for a route of an HTTP API.

    A subclass is a `LambdaHandler` with a route, which it defines or inherits from an `ApiRoute`:

        class GetItem(ApiLambdaHandler[GetItemRequest, Item], GetItemRoute):
            def handle(self, request):
                return Item(item_id=request.item_id)
    """

    minimum_client_version: ClassVar[str | None] = None
    """The oldest client version that is accepted; if set, clients must send their version."""

    error_responses: ClassVar[Mapping[int, str]] = {}
    """Descriptions, by status, of the `ServiceError`s that ``handle`` raises, for OpenAPI."""

    _current_event: BaseProxyEvent | None = None

    @property
    def current_event(self) -> BaseProxyEvent:
        """The event of the current request.

        Raises:
            ValueError: this instance does not handle an HTTP request.
        """
        if self._current_event is None:
            raise ValueError(f"this {type(self).__name__} does not handle an HTTP request")
        return self._current_event

    @current_event.setter
    def current_event(self, value: BaseProxyEvent) -> None:
        self._current_event = value

    @property
    def api_gateway_proxy_event(self) -> APIGatewayProxyEvent:
        """The event of the current request of an API Gateway REST API.

        Raises:
            ValueError: there is no event, or it comes from another integration.
        """
        # Powertools' event classes take a third of the import budget.
        from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

        event = self.current_event
        if not isinstance(event, APIGatewayProxyEvent):
            raise ValueError(f"expected a REST API event, got {type(event).__name__}")
        return event

    @property
    def api_gateway_proxy_request_context(self) -> APIGatewayEventRequestContext:
        """The REST API's context of the current request."""
        return self.api_gateway_proxy_event.request_context

    @property
    def api_gateway_event_identity(self) -> APIGatewayEventIdentity:
        """The REST API's identity of the caller of the current request."""
        return self.api_gateway_proxy_request_context.identity

    @property
    def api_gateway_caller(self) -> str:
        """The IAM identity that signed the current request, or ``Unknown``."""
        from .event import caller_of

        return caller_of(self.current_event) or "Unknown"

    @classmethod
    def validate_headers(
        cls, headers: Mapping[str, str], minimum_client_version: VersionStr | str | None = None
    ) -> None:
        """Check the client version, if the client sends it or a minimum is set.

        Raises:
            ValidationError: the version is malformed, or required and missing.
            ValueError: the version is older than the minimum.
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
        """Register this class for its route; each request is handled by a new instance.

        Args:
            router: a resolver of Powertools, or a `Router`.
            args: arguments of the constructor.
            logger: the logger of the instances, whose level the caller sets; by default a logger
                of this class, at the level that a request asks for.
            metrics: the metrics of the instances, which the caller prints; by default each
                request has its own, printed at its end.
            kwargs: keyword arguments of the constructor.

        Returns:
            The registered function, which takes the path parameters by name.
        """
        # The event handler takes a third of the import budget, and only an API needs it.
        from .dispatch import route_function

        def make_handler(event: BaseProxyEvent) -> ApiLambdaHandler[REQUEST, RESPONSE]:
            handler = cls(*args, **kwargs)
            handler.current_event = event
            return handler

        function = route_function(cls, cls, make_handler, router, logger, metrics)
        register = router.route(
            cls.route_rule(),
            method=cls.route_methods(),
            operation_id=cls.get_client_method_name(),
            # This package does both, by the models.
            include_in_schema=False,
            enable_validation=False,
        )
        return register(function)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(route={self.route_rule()}, method={self.route_method()})"
