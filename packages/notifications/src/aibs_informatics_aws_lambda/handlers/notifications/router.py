"""The handler that delivers notifications."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.common.logging import logger

from . import idempotency
from .content import NotificationContent
from .model import NotificationRequest, NotificationResponse
from .notifiers.base import Notifier
from .notifiers.installed import default_notifiers, installed_notifiers, webhook_notifier
from .notifiers.model import NotifierResult, NotifierTarget
from .notifiers.ses import SOURCE_EMAIL_ADDRESS_ENV_VAR, SOURCE_EMAIL_NAME_ENV_VAR
from .notifiers.webhook_targets import WEBHOOK_PRIVATE_HOSTS_ENV_VAR
from .templates import render

Deliver: TypeAlias = Callable[[int, NotifierTarget], NotifierResult]


@dataclass(repr=False)
class NotificationRouter(LambdaHandler[NotificationRequest, NotificationResponse]):
    """Send one message to email recipients, topics, Slack, Teams and webhooks.

    Args:
        notifiers: notifiers in order of precedence: the first one whose target class matches a
            target delivers to it. Default: the installed ones, `SESNotifier` and `SNSNotifier`,
            and those of webhooks.
    """

    notifiers: list[Notifier[Any]] = field(default_factory=list)

    description = HandlerDescription(
        example={
            "content": {"subject": "Pipeline finished", "message": "All 12 steps are done."},
            "targets": [
                {"recipients": ["ann@example.org"]},
                {"topic": "arn:aws:sns:us-west-2:123456789012:alerts"},
            ],
        },
        environment={
            SOURCE_EMAIL_ADDRESS_ENV_VAR: "sender address of emails, verified in SES",
            SOURCE_EMAIL_NAME_ENV_VAR: "display name of the sender of emails",
            WEBHOOK_PRIVATE_HOSTS_ENV_VAR: "comma-separated hosts of webhooks that may have "
            "private addresses",
            idempotency.IDEMPOTENCY_TABLE_ENV_VAR: "DynamoDB table that records the deliveries of "
            "requests with an idempotency_key; without it, a retry sends again",
        },
        iam_actions=(
            "ses:SendEmail",
            "ses:SendRawEmail",
            "sns:Publish",
            "s3:GetObject",
            "secretsmanager:GetSecretValue",
            "ssm:GetParameter",
            "dynamodb:PutItem",
            "dynamodb:GetItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
        ),
        limits=(
            "SES: 50 recipients and 10 MB per email, encoding included; in the SES sandbox, only "
            "verified recipients.",
            "SNS: 256 KB per message, and subjects of up to 100 characters without line breaks.",
            "Teams: 28 KB per message. Slack: 40,000 characters.",
            "A failed delivery is a result, not an error: check `results`.",
        ),
        cost="SES: each recipient, and the data of attachments. SNS: each publication and "
        "delivery. With an idempotency key, two DynamoDB writes per target.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._has_defaults = not self.notifiers
        self.notifiers = self.notifiers or default_notifiers()

    @classmethod
    def deserialize_request(cls, request: Any) -> NotificationRequest:
        """Parse a request; see `LambdaHandler.deserialize_request`."""
        # Importing the installed notifiers defines their target classes.
        installed_notifiers()
        return super().deserialize_request(request)

    @classmethod
    def partly_failed(cls, response: JSON) -> bool:
        """Return whether a response reports failed deliveries."""
        return super().partly_failed(response) or not all(
            result["success"] for result in response.get("results", [])
        )

    def handle(self, request: NotificationRequest) -> NotificationResponse:
        """Deliver to each target in turn. A failed delivery is a result, not an exception.

        Raises:
            ValidationError: a template cannot be rendered; nothing was sent.
            ApplicationException: Jinja is not installed; nothing was sent.
            DeliveryInProgressError: another invocation with the same idempotency key is making a
                delivery, or was interrupted. The other targets have been delivered to.
            AWSError: the idempotency table cannot be used.
        """
        content = render(request.content)
        deliver = self._deliverer(request, content)
        results, in_progress = [], []
        for number, target in enumerate(request.targets):
            try:
                results.append(deliver(number, target))
            except idempotency.DeliveryInProgressError as error:
                in_progress.append(f"targets.{number}: {error}")
            else:
                self._report(number, results[-1], target, content)
        if in_progress:
            raise idempotency.DeliveryInProgressError("; ".join(in_progress))
        return NotificationResponse(results=results)

    def _deliverer(self, request: NotificationRequest, content: NotificationContent) -> Deliver:
        """Return a function that delivers to a target, once if the request has a key."""
        if request.idempotency_key is None:
            return lambda _, target: self._send(content, target)
        ids = idempotency.delivery_ids(request.idempotency_key, request.targets)
        log = self._open_log()

        def deliver_once(number: int, target: NotifierTarget) -> NotifierResult:
            identified = target.identified_by(ids[number])
            send = partial(self._send, content, identified)
            return log.once(ids[number], content, identified, send) if log else send()

        return deliver_once

    def _open_log(self) -> idempotency.DeliveryLog | None:
        table = os.environ.get(idempotency.IDEMPOTENCY_TABLE_ENV_VAR)
        if table:
            return idempotency.DeliveryLog(table, self.context)
        self.log.warning(
            "The request has an idempotency_key, but %s is not set: a retry would send again",
            idempotency.IDEMPOTENCY_TABLE_ENV_VAR,
        )
        return None

    def _send(self, content: NotificationContent, target: NotifierTarget) -> NotifierResult:
        for notifier in self.notifiers:
            if isinstance(target, notifier.notifier_target_class()):
                return _guarded(notifier, content, target)
        fallback = webhook_notifier(target) if self._has_defaults else None
        if fallback:
            return _guarded(fallback, content, target)
        return NotifierResult(
            target=target, success=False, response="No notifier could handle target"
        )

    def _report(
        self,
        number: int,
        result: NotifierResult,
        target: NotifierTarget,
        content: NotificationContent,
    ) -> None:
        if not result.success:
            self.log.error(
                "Delivery to targets.%d (%s) failed: %s", number, target.summary, result.response
            )
            return
        self.log.info(
            "Delivered to targets.%d (%s): message of %d characters, subject of %d",
            number,
            target.summary,
            len(content.message),
            len(content.subject),
        )


def _guarded(
    notifier: Notifier[Any], content: NotificationContent, target: NotifierTarget
) -> NotifierResult:
    """Deliver, and turn an exception, which notifiers must not raise, into a failed result."""
    try:
        return notifier.notify(content, target)
    except Exception as error:
        logger.exception(
            "%s.notify raised an exception instead of returning a failed result",
            type(notifier).__name__,
        )
        reason = f"{type(notifier).__name__}: {type(error).__name__}: {error}"
        return NotifierResult(target=target, success=False, response=reason)
