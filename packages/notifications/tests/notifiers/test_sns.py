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
def test_a_topic_gets_subject_and_message_as_they_are(make_topic, content_type):
    topic = make_topic()
    message = ' {"default": "<b>wörld</b>"}\n'

    result = notify(topic.arn, "Grüße", message, content_type)

    (received,) = topic.messages()
    assert (received["Subject"], received["Message"]) == ("Grüße", message)
    assert result.success
    assert json.loads(result.response)["MessageId"] == received["MessageId"]
    assert json.loads(result.response)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_only_what_is_needed_is_sent(stand_in):
    notify("arn:aws:sns:us-west-2:123456789012:alerts", subject="")

    (request,) = stand_in.requests
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


def test_a_topic_without_a_region_is_looked_for_in_the_functions(make_topic):
    result = notify(make_topic().arn.replace("us-west-2", ""))

    assert "NotFound" in result.response


@pytest.mark.parametrize("region", ["moon_1", "-", "x" * 80])
def test_a_region_that_cannot_be_one_is_a_failed_result(make_topic, region):
    result = notify(make_topic().arn.replace("us-west-2", region))

    assert not result.success


def test_attributes_have_the_types_that_subscriptions_filter_by(make_topic):
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


def test_a_fifo_topic_gets_the_functions_name_as_group_and_no_repeat_dropped(
    make_topic, monkeypatch
):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "notify")
    topic = make_topic("alerts.fifo")

    assert notify(topic.arn).success
    assert notify(topic.arn).success

    received = topic.messages() + topic.messages()
    assert {message["attributes"]["MessageGroupId"] for message in received} == {"notify"}
    assert len({message["attributes"]["MessageDeduplicationId"] for message in received}) == 2


def test_group_and_deduplication_id_can_be_given(make_topic):
    topic = make_topic("alerts.fifo")

    for _ in range(2):
        assert notify(topic.arn, message_group_id="g", message_deduplication_id="d").success

    (received,) = topic.messages()
    assert received["attributes"]["MessageGroupId"] == "g"
    assert received["attributes"]["MessageDeduplicationId"] == "d"


def test_an_unknown_topic_is_a_failed_result_that_names_it(aws):
    arn = "arn:aws:sns:us-west-2:123456789012:absent"

    result = notify(arn, message="private text")

    assert not result.success
    assert arn in result.response
    assert "NotFound" in result.response
    assert "private" not in result.response


def test_a_subject_that_sns_refuses_is_not_cut(make_topic):
    topic = make_topic()

    result = notify(topic.arn, subject="x" * 101)

    assert (result.success, "Subject" in result.response) == (False, True)
    assert topic.messages() == []


def test_a_rate_of_sns_is_waited_for(stand_in, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    stand_in.answers = [(429, "Throttled", "Rate exceeded")] * 8

    assert notify("arn:aws:sns:us-west-2:123456789012:alerts").success
