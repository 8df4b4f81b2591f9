"""Lambda function for direct invocations: the event is one notification request."""

from aibs_informatics_aws_lambda.common.collector import paused_collector_in_lambda

with paused_collector_in_lambda():
    from .router import NotificationRouter

handler = NotificationRouter.get_handler()
