"""Middleware that handles each request once, with the idempotency utility of Powertools."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from .constants import HANDLER_IDEMPOTENCY_TABLE_KEY
from .exceptions import ApplicationException
from .handler_names import get_qualified_name
from .middleware import HandlerCall, Middleware, Proceed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig
    from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer


class Idempotent(Middleware):
    """Handles each request once, and returns the first response for the same request.

    A request that failed is handled again. Two calls at the same time are one call, and an
    ``IdempotencyAlreadyInProgressError`` of Powertools: a record of a batch is delivered again, an
    HTTP API responds with 409. Responses are kept in a table of DynamoDB with the partition key
    ``id`` and the time-to-live attribute ``expiration``; the function needs ``dynamodb:GetItem``,
    ``PutItem``, ``UpdateItem`` and ``DeleteItem`` on it.

    Args:
        table_name: the table; by default ``HANDLER_IDEMPOTENCY_TABLE``.
        config: what identifies a request, and how long its response is kept; by default the whole
            request, and an hour.
        store: another persistence layer of Powertools, instead of a table.
    """

    def __init__(
        self,
        table_name: str | None = None,
        *,
        config: IdempotencyConfig | None = None,
        store: BasePersistenceLayer | None = None,
    ) -> None:
        self._table_name = table_name
        self._config = config
        self._store = store

    def around(self, call: HandlerCall, proceed: Proceed) -> Any:
        """Return the response that is kept for a request, or make the call and keep its response.

        Raises:
            ApplicationException: there is neither a table nor another store.
            IdempotencyAlreadyInProgressError: the same request is being handled.
            IdempotencyPersistenceLayerError: the store failed.
        """
        # Powertools' utility imports boto3.
        from aws_lambda_powertools.utilities.idempotency import idempotent_function

        handler_cls = type(call.handler)
        responses = []

        def handle_once(*, request: Any) -> Any:  # noqa: ARG001 - it is what identifies the call
            response = proceed(call)
            responses.append(response)
            return None if response is None else handler_cls.serialize_response(response)

        name = get_qualified_name(handler_cls)
        document = idempotent_function(
            handle_once,
            data_keyword_argument="request",
            persistence_store=self._store or _table_store(self._find_table(), name),
            config=self._config_for(call),
            key_prefix=name,
        )(request=call.request.to_dict())
        if responses:
            return responses[0]
        return None if document is None else handler_cls.get_response_cls().from_dict(document)

    def _find_table(self) -> str:
        table_name = self._table_name or os.environ.get(HANDLER_IDEMPOTENCY_TABLE_KEY)
        if not table_name:
            raise ApplicationException(
                "no table for idempotency: pass table_name to Idempotent, or set "
                f"{HANDLER_IDEMPOTENCY_TABLE_KEY}"
            )
        return table_name

    def _config_for(self, call: HandlerCall) -> IdempotencyConfig:
        from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig

        config = copy.copy(self._config) if self._config else IdempotencyConfig()
        # A call that was killed is made again when its time is over: that of the invocation, or
        # of the record where nothing limits it.
        remaining = _remaining_milliseconds(getattr(call.handler, "context", None))
        context = _TimeLeft(remaining or config.expires_after_seconds * 1000)
        config.register_lambda_context(context)  # type: ignore[arg-type]
        return config


@dataclass(frozen=True)
class _TimeLeft:
    """What the utility reads of a Lambda context."""

    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@cache
def _table_store(table_name: str, handler_name: str) -> BasePersistenceLayer:  # noqa: ARG001
    """Return the store of a handler: a store keeps the name of the last handler that used it."""
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    from .aws import get_client

    return DynamoDBPersistenceLayer(table_name, boto3_client=get_client("dynamodb"))


def _remaining_milliseconds(context: Any) -> int:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    try:
        return int(remaining()) if remaining else 0
    except (AttributeError, TypeError):
        return 0
