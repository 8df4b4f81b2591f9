from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.base import Notifier
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import (
    SESEmailTarget,
    SNSTopicTarget,
)
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.ses import SESNotifier
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.sns import SNSNotifier

ARN = "arn:aws:sns:us-west-2:123456789012:alerts"


def test_notifiers_have_a_target_class():
    assert SESNotifier.notifier_target_class() is SESEmailTarget
    assert SNSNotifier.notifier_target_class() is SNSTopicTarget


def test_a_target_of_the_right_class_is_returned_unchanged():
    target = SNSTopicTarget(topic=ARN)

    assert SNSNotifier.parse_target(target) is target


def test_a_dict_is_converted_to_a_target():
    assert SNSNotifier.parse_target({"topic": ARN}) == SNSTopicTarget(topic=ARN)
    assert SESNotifier.parse_target({"address": "a@x.org"}).recipients == ["a@x.org"]


@pytest.mark.parametrize("target", [{}, {"topic": ARN}, {"recipients": None}])
def test_a_dict_of_another_target_is_rejected(target):
    with pytest.raises(ValidationError, match="recipients"):
        SESNotifier.parse_target(target)


@pytest.mark.parametrize("target", [None, "a@x.org", 1, ["a@x.org"], SNSTopicTarget(topic=ARN)])
def test_other_types_are_rejected_by_name(target):
    with pytest.raises(ValueError, match=f"cannot deliver to {type(target).__name__}"):
        SESNotifier.parse_target(target)


def test_a_notifier_without_notify_cannot_be_created():
    class Unfinished(Notifier[SESEmailTarget]):
        pass

    with pytest.raises(TypeError, match="notify"):
        Unfinished()
