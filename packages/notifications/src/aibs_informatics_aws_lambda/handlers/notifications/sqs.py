"""The same handler for batches of an SQS queue, each message of which is a request."""

from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.notifications.router import NotificationRouter

__all__ = ["handler"]

# A module of its own: the other way to be called does not pay for powertools' batch processing.
handler = NotificationRouter.get_sqs_batch_handler()
