from __future__ import annotations

import copy

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications import model
from aibs_informatics_aws_lambda.handlers.notifications.content import (
    NotificationContent,
    NotificationContentType,
)
from aibs_informatics_aws_lambda.handlers.notifications.notifiers import model as notifiers_model


def content(**fields):
    return NotificationContent.from_dict({"subject": "S", **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"message": "m", "content": "c", "body": "b"}, "m"),
        ({"body": "b", "content": "c"}, "c"),
        ({"body": "b"}, "b"),
        ({"message": "", "body": "b"}, ""),
    ],
)
def test_message_takes_precedence_over_content_over_body(fields, message):
    assert content(**fields).message == message


def test_a_null_message_is_rejected_even_with_an_alias():
    with pytest.raises(ValidationError, match="message"):
        content(message=None, body="b")


@pytest.mark.parametrize("value", [None, 1, True, ["m"], {"m": 1}])
def test_a_message_that_is_not_a_string_is_rejected(value):
    with pytest.raises(ValidationError, match="message"):
        content(message=value, content_type="json")


@pytest.mark.parametrize("value", [None, 1, ["s"]])
def test_a_subject_that_is_not_a_string_is_rejected(value):
    with pytest.raises(ValidationError, match="subject"):
        content(subject=value, message="m")


def test_subject_and_message_may_be_empty():
    assert content(subject="", message="").to_dict() == {
        "subject": "",
        "message": "",
        "content_type": "text/plain",
    }


@pytest.mark.parametrize("value", [None, "text/html", "PLAIN_TEXT", "HTML", "", 1])
@pytest.mark.parametrize("key", ["content_type", "contentType"])
def test_unknown_content_types_are_rejected(key, value):
    with pytest.raises(ValidationError, match="content_type"):
        content(message="m", **{key: value})


def test_the_camel_case_key_takes_precedence():
    both = content(message="m", content_type="json", contentType="html")

    assert both.content_type is NotificationContentType.HTML


def test_unknown_keys_are_ignored_and_the_input_is_not_modified():
    given = {"subject": "S", "body": "b", "priority": 1}
    before = copy.deepcopy(given)

    NotificationContent.from_dict(given)

    assert given == before


def test_both_import_paths_are_the_same_model():
    assert notifiers_model.NotificationContent is model.NotificationContent
    assert notifiers_model.NotificationContentType is model.NotificationContentType


def test_an_attachment_can_be_a_uri():
    short = content(message="m", attachments=["s3://bucket/report.pdf"])

    assert short == content(message="m", attachments=[{"path": "s3://bucket/report.pdf"}])


@pytest.mark.parametrize("path", ["s3://bucket", "s3://bucket/", "s3://bucket/folder/", "report"])
def test_an_attachment_that_is_not_an_object_uri_is_rejected(path):
    with pytest.raises(ValidationError, match=r"attachments\.0\.path"):
        content(message="m", attachments=[path])


@pytest.mark.parametrize("content_type", ["pdf", "text/plain\nBcc: x@y", ""])
def test_an_invalid_media_type_is_rejected(content_type):
    attachment = {"path": "s3://bucket/report.pdf", "content_type": content_type}

    with pytest.raises(ValidationError, match=r"attachments\.0\.content_type"):
        content(message="m", attachments=[attachment])
