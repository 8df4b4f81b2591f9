"""Deliver notifications to Amazon SNS topics."""

import json
import uuid
from typing import Any

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.models import DefaultLambdaContext

from ..content import NotificationContent
from ..sns import publish_to_topic
from .base import Notifier, attempt
from .model import NotifierResult, SNSTopicTarget


class SNSNotifier(Notifier[SNSTopicTarget]):
    """Publishes to topics, each in the region of its ARN."""

    def notify(self, content: NotificationContent, target: SNSTopicTarget) -> NotifierResult:
        """Publish the message unchanged."""
        return attempt(
            target,
            lambda: publish_to_topic(
                content.message,
                target.topic,
                subject=content.subject,
                message_attributes=_attributes(target),
                **_order(target),
            ),
        )


def _order(target: SNSTopicTarget) -> dict[str, str | None]:
    """Return the message group ID and deduplication ID, which FIFO topics require."""
    group, deduplication = target.message_group_id, target.message_deduplication_id
    if target.topic.is_fifo:
        group = group or DefaultLambdaContext().function_name
        deduplication = deduplication or str(uuid.uuid4())
    return {"message_group_id": group, "message_deduplication_id": deduplication}


def _attributes(target: SNSTopicTarget) -> JSONObject:
    return {name: _attribute(value) for name, value in (target.attributes or {}).items()}


def _attribute(value: Any) -> JSONObject:
    """Return the ``MessageAttributeValue`` of a value.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
    """
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    data_type = "String.Array" if isinstance(value, list) else "Number"
    return {"DataType": data_type, "StringValue": json.dumps(value)}
