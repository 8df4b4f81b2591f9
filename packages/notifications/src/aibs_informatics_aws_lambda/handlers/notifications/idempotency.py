"""Deliveries that a retry of their request does not repeat."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.exceptions import ApplicationException
from aibs_informatics_aws_lambda.common.json_io import JSONObject, dump_json_line
from aibs_informatics_aws_lambda.common.models import DefaultLambdaContext
from aws_lambda_powertools.utilities.typing import LambdaContext

from .content import NotificationContent
from .notifiers.model import NotifierResult, NotifierTarget

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer


IDEMPOTENCY_TABLE_ENV_VAR: Final = "IDEMPOTENCY_TABLE"

# The longest that SQS keeps a message: no retry comes later.
_REMEMBERED_SECONDS: Final = 14 * 24 * 60 * 60
# The longest that a function runs.
_LONGEST_RUN_MILLISECONDS: Final = 15 * 60 * 1000
_PERMISSIONS: Final = "dynamodb:PutItem, GetItem, UpdateItem and DeleteItem"


class DeliveryInProgressError(ApplicationException):
    """Another run makes this delivery, or was cut off while it did: try again later."""


def delivery_ids(key: str, targets: Sequence[NotifierTarget]) -> list[str]:
    """Return what the delivery to each target is known by in all runs with the same ``key``.

    It does not change with the order of the targets, nor with what else is among them. Equal
    targets are told apart by their number.
    """
    texts = [dump_json_line([type(target).__name__, target.to_dict()]) for target in targets]
    seen: Counter[str] = Counter()
    ids = []
    for text in texts:
        name = dump_json_line([key, text, seen[text]])
        ids.append(hashlib.sha256(name.encode()).hexdigest())
        seen[text] += 1
    return ids


@dataclass(frozen=True)
class DeliveryLog:
    """Remembers deliveries in a DynamoDB table, as hashes and with the answer of the service.

    Args:
        table: the name of the table. Its partition key is the text ``id``; items may be removed
            at the time in ``expiration``.
        context: the context of the invocation. One that is cut off counts as under way for the
            time that it had left.
    """

    table: str
    context: LambdaContext

    def once(
        self,
        delivery_id: str,
        content: NotificationContent,
        target: NotifierTarget,
        send: Callable[[], NotifierResult],
    ) -> NotifierResult:
        """Call ``send`` unless this delivery has succeeded before; then return what it answered.

        A delivery that fails is not remembered, so that a retry makes it.

        Raises:
            DeliveryInProgressError: another run is at it.
            AWSError: the table cannot be used.
        """
        from aws_lambda_powertools.utilities.idempotency import (
            IdempotencyConfig,
            idempotent_function,
        )
        from aws_lambda_powertools.utilities.idempotency.exceptions import (
            IdempotencyAlreadyInProgressError,
            IdempotencyInconsistentStateError,
            IdempotencyPersistenceLayerError,
            IdempotencyValidationError,
        )

        def respond(*, delivery: JSONObject) -> JSONObject:  # noqa: ARG001 - what it is known by
            result = send()
            if not result.success:
                raise _NotDeliveredError(result)
            return {"response": result.response}

        config = IdempotencyConfig(
            event_key_jmespath="id",
            payload_validation_jmespath="content",
            expires_after_seconds=_REMEMBERED_SECONDS,
            hash_function="sha256",
            lambda_context=_with_deadline(self.context),
        )
        with named_errors(
            f"use the DynamoDB table {self.table} ({IDEMPOTENCY_TABLE_ENV_VAR})", _PERMISSIONS
        ):
            respond_once = idempotent_function(
                respond,
                data_keyword_argument="delivery",
                persistence_store=_store(get_client("dynamodb"), self.table),
                config=config,
                key_prefix=DefaultLambdaContext().function_name,
            )
            try:
                answer = respond_once(delivery={"id": delivery_id, "content": content.to_dict()})
            except _NotDeliveredError as failure:
                return failure.result
            except IdempotencyValidationError:
                reason = "its idempotency_key was used before, for other content: take a new one"
                return NotifierResult(target=target, success=False, response=reason)
            except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as error:
                raise DeliveryInProgressError(
                    f"a run with the same idempotency_key delivers to {target.summary} just now, "
                    "or was cut off while it did: try again after that run's time limit"
                ) from error
            except IdempotencyPersistenceLayerError as error:
                raise error.__cause__ or error from None
        return NotifierResult(target=target, success=True, response=answer["response"])


class _NotDeliveredError(Exception):
    """Tells powertools to forget a delivery."""

    def __init__(self, result: NotifierResult) -> None:
        super().__init__()
        self.result = result


class _LongestRun(LambdaContext):
    """The context of a run whose time is not set."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return _LONGEST_RUN_MILLISECONDS


def _with_deadline(context: LambdaContext) -> LambdaContext:
    # Outside of Lambda no time is left: every delivery would count as cut off at once.
    return context if context.get_remaining_time_in_millis() else _LongestRun()


@lru_cache(maxsize=4)
def _store(client: Any, table: str) -> DynamoDBPersistenceLayer:
    # Cached: each one that is made leaves a hook of its own in the client.
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    return DynamoDBPersistenceLayer(table_name=table, boto3_client=client)
