from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.model import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import SNSTopicTarget
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.sns import SNSNotifier


def notify(topic, subject="S", message="text", content_type="text/plain", **target):
    content = NotificationContent(subject=subject, message=message, content_type=content_type)
    return SNSNotifier().notify(content, SNSTopicTarget(topic=topic, **target))


@pytest.mark.parametrize("content_type", ["text/plain", "html", "json"])
def test_a_topic_receives_subject_and_message_unchanged(make_topic, content_type):
    topic = make_topic()
    message = ' {"default": "<b>wörld</b>"}\n'

    result = notify(topic.arn, "Grüße", message, content_type)

    (received,) = topic.messages()
    assert (received["Subject"], received["Message"]) == ("Grüße", message)
    assert result.success
    assert json.loads(result.response)["MessageId"] == received["MessageId"]
    assert json.loads(result.response)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_optional_parameters_are_omitted(mock_service):
    notify("arn:aws:sns:us-west-2:123456789012:alerts", subject="")

    (request,) = mock_service.requests
    assert request == {
        "Action": "Publish",
        "Version": "2010-03-31",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:alerts",
        "Message": "text",
    }


def test_a_topic_is_reached_in_its_own_region(make_topic):
    topic = make_topic(region="eu-west-1")

    assert notify(topic.arn).success
    assert len(topic.messages()) == 1


def test_a_topic_without_a_region_uses_the_region_of_the_function(make_topic):
    result = notify(make_topic().arn.replace("us-west-2", ""))

    assert "NotFound" in result.response


@pytest.mark.parametrize("region", ["moon_1", "-", "x" * 80])
def test_an_invalid_region_is_a_failed_result(make_topic, region):
    result = notify(make_topic().arn.replace("us-west-2", region))

    assert not result.success


def test_attributes_have_the_types_of_filter_policies(make_topic):
    topic = make_topic()

    result = notify(
        topic.arn, attributes={"kind": "run", "step": 12, "share": 0.5, "tags": ["a", 1, True]}
    )

    (received,) = topic.messages()
    assert result.success
    assert received["MessageAttributes"] == {
        "kind": {"Type": "String", "Value": "run"},
        "step": {"Type": "Number", "Value": "12"},
        "share": {"Type": "Number", "Value": "0.5"},
        "tags": {"Type": "String.Array", "Value": '["a", 1, true]'},
    }


def test_fifo_defaults_are_the_function_name_and_a_unique_deduplication_id(
    make_topic, monkeypatch
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "notify")
    topic = make_topic("alerts.fifo")

    assert notify(topic.arn).success
    assert notify(topic.arn).success

    received = topic.messages() + topic.messages()
    assert {message["attributes"]["MessageGroupId"] for message in received} == {"notify"}
    assert len({message["attributes"]["MessageDeduplicationId"] for message in received}) == 2


def test_group_and_deduplication_ids_can_be_set(make_topic):
    topic = make_topic("alerts.fifo")

    for _ in range(2):
        assert notify(topic.arn, message_group_id="g", message_deduplication_id="d").success

    (received,) = topic.messages()
    assert received["attributes"]["MessageGroupId"] == "g"
    assert received["attributes"]["MessageDeduplicationId"] == "d"


def test_an_unknown_topic_is_a_failed_result_with_its_arn(aws):
    arn = "arn:aws:sns:us-west-2:123456789012:absent"

    result = notify(arn, message="private text")

    assert not result.success
    assert arn in result.response
    assert "NotFound" in result.response
    assert "private" not in result.response


def test_a_subject_that_is_too_long_is_a_failed_result(make_topic):
    topic = make_topic()

    result = notify(topic.arn, subject="x" * 101)

    assert (result.success, "Subject" in result.response) == (False, True)
    assert topic.messages() == []


def test_a_throttled_publish_is_retried(mock_service, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    mock_service.responses = [(429, "Throttled", "Rate exceeded")] * 8

    assert notify("arn:aws:sns:us-west-2:123456789012:alerts").success
