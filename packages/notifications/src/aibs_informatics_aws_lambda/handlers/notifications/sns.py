"""Publish messages with Amazon SNS."""

from typing import Any

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .throttling import retry_throttled


def publish(
    message: str,
    topic_arn: str | None = None,
    target_arn: str | None = None,
    phone_number: str | None = None,
    subject: str | None = None,
    message_structure: str | None = None,
    message_attributes: JSONObject | None = None,
    message_deduplication_id: str | None = None,
    message_group_id: str | None = None,
    region: str | None = None,
) -> JSONObject:
    """Call ``Publish`` and return its response.

    The region of the call is ``region``, else the one in the ARN, else that of the function. The
    other arguments are the parameters of ``Publish``; empty ones are omitted
    (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).

    Raises:
        AWSError: no topic, target or phone number is given, or SNS rejected the message.
    """
    destination = topic_arn or target_arn or phone_number
    if not destination:
        raise AWSError(
            "cannot publish: no destination. Set topic_arn, target_arn or phone_number."
        )
    request = {
        "TopicArn": topic_arn,
        "TargetArn": target_arn,
        "PhoneNumber": phone_number,
        "Subject": subject,
        "MessageStructure": message_structure,
        "MessageAttributes": message_attributes,
        "MessageDeduplicationId": message_deduplication_id,
        "MessageGroupId": message_group_id,
    }
    given = {name: value for name, value in request.items() if value}
    with named_errors(f"publish to {destination}", permission="sns:Publish"):
        client = get_client("sns", region_name=region or _region_of(topic_arn or target_arn))
        return retry_throttled(lambda: client.publish(Message=message, **given))


def publish_to_topic(message: str, topic_arn: str, **arguments: Any) -> JSONObject:
    """Publish a message to a topic; see `publish` for the arguments and errors."""
    return publish(message, topic_arn=topic_arn, **arguments)


def _region_of(arn: str | None) -> str | None:
    """Return the region of ``arn:PARTITION:SERVICE:REGION:...``, or `None` without one."""
    parts = (arn or "").split(":")
    return parts[3] or None if len(parts) > 3 else None
