"""Lambda function for an SQS queue: each message of a batch is one notification request."""

from .router import NotificationRouter

# A separate module: direct invocations do not import the batch processing of powertools.
handler = NotificationRouter.get_sqs_batch_handler()
