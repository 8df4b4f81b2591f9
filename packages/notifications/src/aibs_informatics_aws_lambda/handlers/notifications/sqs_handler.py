"""The same handler for batches of an SQS queue, each message of which is a request."""

from __future__ import annotations

from .router import NotificationRouter

# A module of its own: the other way to be called does not pay for powertools' batch processing.
handler = NotificationRouter.get_sqs_batch_handler()
