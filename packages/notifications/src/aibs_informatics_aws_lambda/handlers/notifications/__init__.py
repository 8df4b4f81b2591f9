"""Send notifications by email (Amazon SES), to topics (Amazon SNS), and by webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.lazy import lazy_names

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.common.handler import LambdaHandlerType

    from .content import (
        Attachment as Attachment,
        NotificationContent as NotificationContent,
        NotificationContentType as NotificationContentType,
    )
    from .email_address import EmailAddress as EmailAddress
    from .model import *
    from .notifiers.base import Notifier as Notifier
    from .notifiers.model import (
        NotifierResult as NotifierResult,
        NotifierTarget as NotifierTarget,
        SESEmailTarget as SESEmailTarget,
        SNSTopicTarget as SNSTopicTarget,
    )
    from .notifiers.ses import SESNotifier as SESNotifier
    from .notifiers.slack import SlackNotifier as SlackNotifier
    from .notifiers.sns import SNSNotifier as SNSNotifier
    from .notifiers.teams import TeamsNotifier as TeamsNotifier
    from .notifiers.webhook import WebhookNotifier as WebhookNotifier
    from .notifiers.webhook_targets import (
        SlackTarget as SlackTarget,
        TeamsTarget as TeamsTarget,
        WebhookTarget as WebhookTarget,
    )
    from .router import NotificationRouter as NotificationRouter
    from .topic_arn import SNSTopicArn as SNSTopicArn

    notification_router_handler: LambdaHandlerType

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "content": ("Attachment", "NotificationContent", "NotificationContentType"),
        "direct_handler": ("handler as notification_router_handler",),
        "email_address": ("EmailAddress",),
        "model": ("NotificationRequest", "NotificationResponse"),
        "notifiers.base": ("Notifier",),
        "notifiers.model": (
            "NotifierResult",
            "NotifierTarget",
            "SESEmailTarget",
            "SNSTopicTarget",
        ),
        "notifiers.ses": ("SESNotifier",),
        "notifiers.slack": ("SlackNotifier",),
        "notifiers.sns": ("SNSNotifier",),
        "notifiers.teams": ("TeamsNotifier",),
        "notifiers.webhook": ("WebhookNotifier",),
        "notifiers.webhook_targets": ("SlackTarget", "TeamsTarget", "WebhookTarget"),
        "router": ("NotificationRouter",),
        "topic_arn": ("SNSTopicArn",),
    },
)
