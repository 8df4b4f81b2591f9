from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.notifications.sns import publish, publish_to_topic

EMPTY = {"subject": "", "message_structure": None, "message_attributes": {}, "phone_number": ""}


def test_a_message_reaches_its_topic(make_topic):
    topic = make_topic()

    answer = publish_to_topic("text", topic.arn, subject="S")

    (message,) = topic.messages()
    assert (message["Message"], message["Subject"]) == ("text", "S")
    assert message["MessageId"] == answer["MessageId"]


def test_empty_options_are_left_out_of_the_request(stand_in):
    publish("text", topic_arn="arn:aws:sns:us-west-2:123456789012:alerts", **EMPTY)

    (request,) = stand_in.requests
    assert set(request) == {"Action", "Version", "TopicArn", "Message"}


def test_a_message_needs_a_place_to_go_to():
    with pytest.raises(AWSError, match="needs a topic, a target or a phone number"):
        publish("text")


def test_a_phone_number_will_do(aws):
    assert publish("text", phone_number="+15555550100")["MessageId"]


def test_a_topic_is_looked_for_in_its_own_region_unless_another_is_given(make_topic):
    topic = make_topic(region="eu-west-1")

    publish_to_topic("text", topic.arn)
    assert len(topic.messages()) == 1

    with pytest.raises(AWSError, match="NotFound"):
        publish_to_topic("text", topic.arn, region="us-east-1")


def test_a_refusal_has_the_code_and_words_of_sns_and_not_the_message(make_topic):
    topic = make_topic()

    with pytest.raises(AWSError, match="InvalidParameter") as refused:
        publish_to_topic("private text", topic.arn, subject="x" * 101)

    assert topic.arn in str(refused.value)
    assert "private" not in str(refused.value)
