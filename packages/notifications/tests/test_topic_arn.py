from __future__ import annotations

import botocore.session
import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.topic_arn import SNSTopicArn

ARN = "arn:aws:sns:us-west-2:123456789012:alerts"


@pytest.mark.parametrize(
    "text",
    [
        ARN,
        f"{ARN}.fifo",
        "arn:aws:sns::123456789012:a-b_c",
        "arn:aws-cn:sns:cn-north-1:123456789012:alerts",
        "arn:aws-us-gov:sns:us-gov-west-1:123456789012:alerts",
    ],
)
def test_topic_arns_are_accepted(text):
    assert SNSTopicArn(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "alerts", ARN + "\n", f" {ARN}", f"{ARN}.fif", f"{ARN}.fifo.fifo"),
        f"{ARN}:6b0e71bd-7e97-4d97-80ce-4a0994e55286",
        ARN.replace("123456789012", "12345678901"),
        ARN.replace("123456789012", "1234567890123"),
        ARN.replace(":aws:", ":aws-moon:"),
        ARN.replace(":sns:", ":sqs:"),
        ARN.replace("alerts", ""),
        ARN.replace("alerts", "ünï"),
    ],
)
def test_an_invalid_topic_arn_is_rejected(text):
    with pytest.raises(ValidationError, match="is not the ARN of an SNS topic"):
        SNSTopicArn(text)


def test_an_arn_has_a_region_and_may_be_fifo():
    arn = SNSTopicArn(f"{ARN}.fifo")

    assert (arn.region, arn.is_fifo) == ("us-west-2", True)
    assert not SNSTopicArn(ARN).is_fifo
    assert SNSTopicArn("arn:aws:sns::123456789012:alerts").region == ""


def test_topics_of_all_partitions_of_botocore_are_accepted():
    session = botocore.session.Session()
    partitions = session.get_available_partitions()

    assert {"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso"} <= set(partitions)
    for partition in partitions:
        assert SNSTopicArn(ARN.replace(":aws:", f":{partition}:"))
