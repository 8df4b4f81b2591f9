from __future__ import annotations

import copy

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.model import (
    NotificationRequest,
    NotificationResponse,
)

CONTENT = {"subject": "S", "message": "m"}
ARN = "arn:aws:sns:us-west-2:123456789012:alerts"


def request(*targets, **fields):
    return NotificationRequest.from_dict({"content": CONTENT, "targets": list(targets), **fields})


@pytest.mark.parametrize("content", [None, "text", [], 1])
def test_content_that_is_not_an_object_is_rejected(content):
    with pytest.raises(ValidationError, match="content"):
        request(content=content)


@pytest.mark.parametrize("targets", [None, {}, {"topic": ARN}, "a@x.org"])
def test_targets_that_are_not_a_list_are_rejected(targets):
    with pytest.raises(ValidationError, match="targets"):
        request(targets=targets)


def test_content_and_targets_are_required():
    for missing in ("content", "targets"):
        whole = {"content": CONTENT, "targets": []}
        del whole[missing]
        with pytest.raises(ValidationError, match=missing):
            NotificationRequest.from_dict(whole)


def test_one_invalid_target_makes_the_request_invalid_and_is_named():
    with pytest.raises(ValidationError, match=r"targets\.1\..*recipients\.0"):
        request({"topic": ARN}, {"recipients": ["nobody"]})


def test_errors_do_not_show_values():
    with pytest.raises(ValidationError) as refused:
        request({"recipients": ["Ann <ann@x.org>"]}, content={"subject": 31415, "message": "x"})

    assert "<ann@x.org>" not in str(refused.value)
    assert "31415" not in str(refused.value)


def test_the_input_is_not_modified():
    given = {"content": {**CONTENT}, "targets": [{"address": "b@x.org", "recipient": "a@x.org"}]}
    before = copy.deepcopy(given)

    NotificationRequest.from_dict(given)

    assert given == before


def test_an_empty_idempotency_key_is_rejected():
    with pytest.raises(ValidationError, match="idempotency_key"):
        request(idempotency_key="")


def test_results_are_always_present():
    assert NotificationResponse(results=[]).to_dict() == {"results": []}
