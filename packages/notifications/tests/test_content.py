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
def test_message_comes_before_content_before_body(fields, message):
    assert content(**fields).message == message


def test_a_null_message_is_refused_even_beside_an_alias():
    with pytest.raises(ValidationError, match="message"):
        content(message=None, body="b")


@pytest.mark.parametrize("value", [None, 1, True, ["m"], {"m": 1}])
def test_a_message_is_text_whatever_its_type_says(value):
    with pytest.raises(ValidationError, match="message"):
        content(message=value, content_type="json")


@pytest.mark.parametrize("value", [None, 1, ["s"]])
def test_a_subject_is_text(value):
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
def test_content_types_are_exact(key, value):
    with pytest.raises(ValidationError, match="content_type"):
        content(message="m", **{key: value})


def test_the_camel_case_name_counts_where_both_are_given():
    both = content(message="m", content_type="json", contentType="html")

    assert both.content_type is NotificationContentType.HTML


def test_unknown_keys_are_ignored_and_the_input_stays_as_it_was():
    given = {"subject": "S", "body": "b", "priority": 1}
    before = copy.deepcopy(given)

    NotificationContent.from_dict(given)

    assert given == before


def test_both_import_paths_lead_to_one_model():
    assert notifiers_model.NotificationContent is model.NotificationContent
    assert notifiers_model.NotificationContentType is model.NotificationContentType


def test_an_attachment_may_be_given_by_its_uri_alone():
    short = content(message="m", attachments=["s3://bucket/report.pdf"])

    assert short == content(message="m", attachments=[{"path": "s3://bucket/report.pdf"}])


@pytest.mark.parametrize("path", ["s3://bucket", "s3://bucket/", "s3://bucket/folder/", "report"])
def test_an_attachment_is_an_object(path):
    with pytest.raises(ValidationError, match=r"attachments\.0\.path"):
        content(message="m", attachments=[path])


@pytest.mark.parametrize("content_type", ["pdf", "text/plain\nBcc: x@y", ""])
def test_the_media_type_of_an_attachment_has_the_form_of_one(content_type):
    attachment = {"path": "s3://bucket/report.pdf", "content_type": content_type}

    with pytest.raises(ValidationError, match=r"attachments\.0\.content_type"):
        content(message="m", attachments=[attachment])
