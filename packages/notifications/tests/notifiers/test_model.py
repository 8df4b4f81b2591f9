from __future__ import annotations

import copy
import logging

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.model import NotificationRequest
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.model import (
    NotifierResult,
    NotifierTarget,
    SESEmailTarget,
    SNSTopicTarget,
)
from hypothesis import given, strategies as st

ARN = "arn:aws:sns:us-west-2:123456789012:alerts"
KEYS = ("recipients", "recipient", "addresses", "address")


class PagerTarget(NotifierTarget):
    pager_number: int


def parse(target):
    content = {"subject": "S", "message": "m"}
    return NotificationRequest.from_dict({"content": content, "targets": [target]}).targets[0]


addresses = st.from_regex(r"[a-cé]@[x-z]", fullmatch=True)
recipient_values = st.none() | addresses | st.lists(addresses)


@given(st.dictionaries(st.sampled_from(KEYS), recipient_values, min_size=1))
def test_recipients_of_all_keys_are_merged_made_unique_and_sorted(target):
    before = copy.deepcopy(target)
    given_lists = [[value] if isinstance(value, str) else value for value in target.values()]
    if all(found is None for found in given_lists):
        with pytest.raises(ValidationError, match="targets"):
            parse(target)
    else:
        expected = sorted({address for found in given_lists for address in found or []})
        assert parse(target).to_dict() == {"recipients": expected}
    assert target == before


def test_case_of_addresses_matters():
    assert parse({"recipients": ["a@x.org", "A@x.org"]}).recipients == ["A@x.org", "a@x.org"]


def test_an_empty_list_of_recipients_is_an_email():
    assert parse({"recipients": []}) == SESEmailTarget(recipients=[])


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [1, True, {}, ["a@x.org", 1], [{}], [["a@x.org"]], [None]])
def test_recipients_that_are_not_strings_are_rejected(key, value):
    with pytest.raises(ValidationError, match=r"targets\.0\.email"):
        parse({key: value})


def test_recipients_take_precedence_over_a_topic_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="aibs"):
        target = parse({"recipient": "a@x.org", "topic": ARN})

    assert target == SESEmailTarget(recipients=["a@x.org"])
    assert "the topic is ignored" in caplog.text


def test_null_recipients_are_ignored():
    assert parse({"recipients": None, "topic": ARN}) == SNSTopicTarget(topic=ARN)


@pytest.mark.parametrize(
    "target",
    [
        *({}, None, "a@x.org", ["a@x.org"], 1),
        *({"Recipients": ["a@x.org"]}, {"topicArn": ARN}, {"recipients": None}, {"channel": "#a"}),
    ],
)
def test_an_unknown_target_is_rejected(target):
    with pytest.raises(
        ValidationError,
        match=r"targets\.0\n.*recipients .*with topic, .*or webhook",
    ):
        parse(target)


@pytest.mark.parametrize("topic", ["alerts", None, 1, "", f"{ARN}:subscription"])
def test_a_malformed_topic_is_rejected(topic):
    with pytest.raises(ValidationError, match=r"targets\.0\.topic"):
        parse({"topic": topic})


@pytest.mark.parametrize("attributes", [{"a": None}, {"a": True}, {"a": {}}, [], "a"])
def test_invalid_attributes_are_rejected(attributes):
    with pytest.raises(ValidationError, match=r"targets\.0\.topic\.attributes"):
        parse({"topic": ARN, "attributes": attributes})


def test_a_custom_target_class_is_accepted():
    assert parse({"pagerNumber": 7}) == PagerTarget(pager_number=7)


@pytest.mark.parametrize(
    ("given_target", "target"),
    [
        ({"topic": ARN}, SNSTopicTarget(topic=ARN)),
        ({"recipients": ["a@x.org"]}, SESEmailTarget(recipients=["a@x.org"])),
        ({"recipients": ["a@x.org"], "topic": ARN}, SESEmailTarget(recipients=["a@x.org"])),
        ({"pager_number": 7}, PagerTarget(pager_number=7)),
        (PagerTarget(pager_number=7), PagerTarget(pager_number=7)),
        ({"topic": "alerts"}, {"topic": "alerts"}),
        ({"recipients": ["nobody"]}, {"recipients": ["nobody"]}),
        ({"channel": "#a"}, {"channel": "#a"}),
        ({}, {}),
    ],
)
def test_a_result_converts_a_dict_to_a_target_where_possible(given_target, target):
    result = NotifierResult(target=given_target, success=False, response="why")

    assert result.target == target
    assert type(result.target) is type(target)


def test_every_field_of_a_result_is_present():
    result = NotifierResult(target={"channel": None}, success=False, response=None)

    assert result.to_dict() == {"target": {"channel": None}, "success": False, "response": None}


def test_summaries_do_not_contain_addresses():
    email = SESEmailTarget(recipients=["a@x.org", "b@x.org", "c@y.org"])

    assert email.summary == "2 at x.org, 1 at y.org"
    assert SESEmailTarget(recipients=[]).summary == "no recipients"
    assert SNSTopicTarget(topic=ARN).summary == ARN
    assert PagerTarget(pager_number=7).summary == "PagerTarget"
