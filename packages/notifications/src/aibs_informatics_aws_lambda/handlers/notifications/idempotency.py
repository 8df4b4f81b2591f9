"""Deliver each target of a request once, even if the request is retried."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.exceptions import ApplicationException
from aibs_informatics_aws_lambda.common.json_io import JSONObject, dump_json_line
from aibs_informatics_aws_lambda.common.models import DefaultLambdaContext
from aws_lambda_powertools.utilities.typing import LambdaContext

from .content import NotificationContent
from .notifiers.model import NotifierResult, NotifierTarget

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer


IDEMPOTENCY_TABLE_ENV_VAR = "IDEMPOTENCY_TABLE"

# The maximum retention of SQS: no retry is later than that.
_RETENTION_SECONDS = 14 * 24 * 60 * 60
# The maximum timeout of a Lambda function.
_MAX_TIMEOUT_MILLISECONDS = 15 * 60 * 1000
_PERMISSIONS = "dynamodb:PutItem, GetItem, UpdateItem and DeleteItem"


class DeliveryInProgressError(ApplicationException):
    """Another invocation is making this delivery, or timed out while making it; retry later."""


def delivery_ids(key: str, targets: Sequence[NotifierTarget]) -> list[str]:
    """Return one ID per target that is the same in every request with the same ``key``.

    IDs do not depend on the order of the targets or on the other targets. Equal targets are
    numbered.
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
    """Records deliveries in a DynamoDB table, as hashes and with the response of the service.

    Args:
        table: name of the table. Its partition key is the string ``id``, its time-to-live
            attribute ``expiration``.
        context: context of the invocation. If the invocation is interrupted, its delivery counts
            as in progress until its timeout would have passed.
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
        """Call ``send``, or return the recorded result if this delivery has already succeeded.

        A failed delivery is not recorded, so a retry makes it again.

        Raises:
            DeliveryInProgressError: another invocation is making this delivery.
            AWSError: the table cannot be used.
        """
        from aws_lambda_powertools.utilities.idempotency import (
            IdempotencyConfig,
            exceptions as errors,
            idempotent_function,
        )

        def deliver(*, delivery: JSONObject) -> JSONObject:  # noqa: ARG001 - read by powertools
            result = send()
            if not result.success:
                raise _NotDeliveredError(result)
            return {"response": result.response}

        config = IdempotencyConfig(
            event_key_jmespath="id",
            payload_validation_jmespath="content",
            expires_after_seconds=_RETENTION_SECONDS,
            hash_function="sha256",
            lambda_context=_with_timeout(self.context),
        )
        with named_errors(
            f"use the DynamoDB table {self.table} ({IDEMPOTENCY_TABLE_ENV_VAR})", _PERMISSIONS
        ):
            deliver_once = idempotent_function(
                deliver,
                data_keyword_argument="delivery",
                persistence_store=_store(get_client("dynamodb"), self.table),
                config=config,
                key_prefix=DefaultLambdaContext().function_name,
            )
            try:
                record = deliver_once(delivery={"id": delivery_id, "content": content.to_dict()})
            except _NotDeliveredError as failure:
                return failure.result
            except errors.IdempotencyValidationError:
                reason = (
                    "idempotency_key was already used with different content. Use a new key for "
                    "each request."
                )
                return NotifierResult(target=target, success=False, response=reason)
            except (
                errors.IdempotencyAlreadyInProgressError,
                errors.IdempotencyInconsistentStateError,
            ) as error:
                raise DeliveryInProgressError(
                    f"cannot deliver to {target.summary}: an invocation with the same "
                    "idempotency_key is delivering to it, or was interrupted. Retry after the "
                    "timeout of that invocation."
                ) from error
            except errors.IdempotencyPersistenceLayerError as error:
                raise error.__cause__ or error from None
        return NotifierResult(target=target, success=True, response=record["response"])


class _NotDeliveredError(Exception):
    """Makes powertools delete the record of a delivery."""

    def __init__(self, result: NotifierResult) -> None:
        super().__init__()
        self.result = result


class _MaxTimeoutContext(LambdaContext):
    """The context of an invocation without a timeout."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return _MAX_TIMEOUT_MILLISECONDS


def _with_timeout(context: LambdaContext) -> LambdaContext:
    # Outside of Lambda the remaining time is 0: every delivery would count as interrupted.
    return context if context.get_remaining_time_in_millis() else _MaxTimeoutContext()


@lru_cache(maxsize=4)
def _store(client: Any, table: str) -> DynamoDBPersistenceLayer:
    # Cached, because each instance registers an event hook in the client.
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    return DynamoDBPersistenceLayer(table_name=table, boto3_client=client)
