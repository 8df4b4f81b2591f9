from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.notifications.sns import publish, publish_to_topic

EMPTY = {"subject": "", "message_structure": None, "message_attributes": {}, "phone_number": ""}


def test_a_message_reaches_its_topic(make_topic):
    topic = make_topic()

    response = publish_to_topic("text", topic.arn, subject="S")

    (message,) = topic.messages()
    assert (message["Message"], message["Subject"]) == ("text", "S")
    assert message["MessageId"] == response["MessageId"]


def test_empty_options_are_left_out_of_the_request(mock_service):
    publish("text", topic_arn="arn:aws:sns:us-west-2:123456789012:alerts", **EMPTY)

    (request,) = mock_service.requests
    assert set(request) == {"Action", "Version", "TopicArn", "Message"}


def test_a_message_without_a_destination_is_rejected():
    with pytest.raises(AWSError, match="no destination"):
        publish("text")


def test_a_phone_number_is_a_destination(aws):
    assert publish("text", phone_number="+15555550100")["MessageId"]


def test_the_region_of_the_arn_is_the_default_region(make_topic):
    topic = make_topic(region="eu-west-1")

    publish_to_topic("text", topic.arn)
    assert len(topic.messages()) == 1

    with pytest.raises(AWSError, match="NotFound"):
        publish_to_topic("text", topic.arn, region="us-east-1")


def test_an_error_has_the_code_and_message_of_sns_but_not_the_content(make_topic):
    topic = make_topic()

    with pytest.raises(AWSError, match="InvalidParameter") as refused:
        publish_to_topic("private text", topic.arn, subject="x" * 101)

    assert topic.arn in str(refused.value)
    assert "private" not in str(refused.value)
