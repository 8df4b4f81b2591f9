from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.content import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import SNSTopicTarget
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.sns import SNSNotifier

ARN = "arn:aws:sns:us-west-2:123456789012:alerts"


def content(**fields):
    return NotificationContent.from_dict({"subject": "S", "message": " m\n", **fields})


def publish(topic, notification=None, **fields):
    target = SNSTopicTarget(topic=topic, **fields)
    return SNSNotifier().notify(notification or content(), target)


def test_message_arrives_as_it_is_with_its_subject(make_topic):
    topic = make_topic()

    result = publish(topic.arn)

    (message,) = topic.messages()
    assert result.success
    assert json.loads(result.response)["MessageId"] == message["MessageId"]
    assert (message["Subject"], message["Message"]) == ("S", " m\n")


@pytest.mark.parametrize("content_type", ["text/plain", "html", "json"])
def test_no_type_of_content_changes_the_request(stand_in, content_type):
    publish(ARN, content(message='{"default": "m"}', content_type=content_type))

    (request,) = stand_in.requests
    assert request["Message"] == '{"default": "m"}'
    assert {"Action", "Version", "TopicArn", "Message", "Subject"} == set(request)


def test_empty_subject_is_left_out(stand_in):
    publish(ARN, content(subject=""))

    assert "Subject" not in stand_in.requests[0]


def test_topic_is_reached_in_its_own_region(make_topic):
    topic = make_topic(region="eu-central-1")

    assert publish(topic.arn).success
    assert len(topic.messages()) == 1


def test_fifo_topic_gets_a_group_and_never_drops_a_second_message(make_topic, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "notify")
    topic = make_topic("alerts.fifo")

    assert publish(topic.arn).success
    assert publish(topic.arn).success

    messages = topic.messages()
    assert len(messages) == 2
    assert {one["attributes"]["MessageGroupId"] for one in messages} == {"notify"}


def test_fifo_ids_of_the_request_are_used(make_topic):
    topic = make_topic("alerts.fifo")
    ids = {"message_group_id": "g", "message_deduplication_id": "d"}

    publish(topic.arn, **ids)
    publish(topic.arn, **ids)

    (message,) = topic.messages()
    assert message["attributes"]["MessageGroupId"] == "g"
    assert message["attributes"]["MessageDeduplicationId"] == "d"


def test_attributes_arrive_with_their_types(make_topic):
    topic = make_topic()

    publish(topic.arn, attributes={"stage": "prod", "count": 2, "tags": ["a", 1, None]})

    (message,) = topic.messages()
    found = {name: (one["Type"], one["Value"]) for name, one in message["MessageAttributes"].items()}
    assert found == {
        "stage": ("String", "prod"),
        "count": ("Number", "2"),
        "tags": ("String.Array", '["a", 1, null]'),
    }


def test_unknown_topic_is_a_failed_result_that_names_it_and_shows_no_message(aws):
    result = publish(ARN, content(message="secret words"))

    assert not result.success
    assert ARN in result.response
    assert "secret" not in result.response


def test_subject_that_sns_refuses_is_not_cut(make_topic):
    topic = make_topic()

    assert not publish(topic.arn, content(subject="x" * 101)).success
    assert topic.messages() == []
