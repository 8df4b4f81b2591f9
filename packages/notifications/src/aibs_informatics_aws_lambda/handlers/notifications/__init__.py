"""Handler that sends notifications by email and to topics, ready to be called by Lambda."""

from __future__ import annotations

from aibs_informatics_aws_lambda.common.collector import paused_collector_in_lambda

with paused_collector_in_lambda():
    from .router import NotificationRouter

__all__ = ["notification_router_handler"]

notification_router_handler = NotificationRouter.get_handler()
