from __future__ import annotations

from email import message_from_string
from email.header import decode_header, make_header
from email.policy import default

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.headers import (
    encode_disposition,
    encode_mailbox,
    encode_text,
)
from hypothesis import given, strategies as st

# Any script, and spaces anywhere; line separators are not part of a header.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)


def parsed_by_two_parsers(header, value):
    """Return a header as read by the old and the new parser of Python."""
    text = f"{header}: {value}\r\n\r\n"
    old = str(make_header(decode_header(message_from_string(text)[header])))
    return old, message_from_string(text, policy=default)[header]


@given(texts)
def test_text_in_any_script_survives(text):
    value = encode_text("Subject", text)

    assert value.isascii()
    assert all(len(line) <= 76 for line in f"Subject: {value}".split("\r\n"))
    assert parsed_by_two_parsers("Subject", value) == (text, text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("Pipeline finished", "Pipeline finished"),
        ("Grüße", "=?utf-8?b?R3LDvMOfZQ==?="),
        (" leading", "=?utf-8?b?IGxlYWRpbmc=?="),
        ("two  spaces", "=?utf-8?b?dHdvICBzcGFjZXM=?="),
        ("=?utf-8?q?no?=", "=?utf-8?b?PT91dGYtOD9xP25vPz0=?="),
    ],
)
def test_text_is_encoded_only_if_necessary(text, value):
    assert encode_text("Subject", text) == value


def test_no_encoded_word_splits_a_character():
    value = encode_text("Subject", "日本語" * 100)

    for word in value.split("\r\n "):
        assert str(make_header(decode_header(word))).strip("日本語") == ""


@given(texts.map(str.strip).filter(bool))
def test_display_names_in_any_script_survive(name):
    value = encode_mailbox(name, "ann@example.org")

    encoded, _, address = value.rpartition(" ")
    assert value.isascii()
    assert str(make_header(decode_header(encoded))) == name
    assert address == "<ann@example.org>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "ann@example.org"),
        ("Ann Example", "Ann Example <ann@example.org>"),
        ("Ann, Bob", "=?utf-8?b?QW5uLCBCb2I=?= <ann@example.org>"),
        ("Änn", "=?utf-8?b?w4Rubg==?= <ann@example.org>"),
    ],
)
def test_a_mailbox_has_name_and_address(name, value):
    assert encode_mailbox(name, "ann@example.org") == value


@pytest.mark.parametrize("text", ["a\nb", "a\r\nBcc: c@x.org", "a\rb"])
def test_a_line_break_is_rejected(text):
    with pytest.raises(ValidationError, match="the subject contains a line break"):
        encode_text("Subject", text)
    with pytest.raises(ValidationError, match="the display name contains a line break"):
        encode_mailbox(text, "ann@example.org")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run 7.pdf", 'attachment; filename="run 7.pdf"'),
        ("a;b.pdf", "attachment;\r\n filename*=utf-8''a%3Bb.pdf"),
        ('"a".pdf', "attachment;\r\n filename*=utf-8''%22a%22.pdf"),
        ("ü.pdf", "attachment;\r\n filename*=utf-8''%C3%BC.pdf"),
        (
            "日" * 6,
            "attachment;\r\n filename*0*=utf-8''%E6%97%A5%E6%97%A5%E6%97%A5%E6%97%A5%E6%97%A5;"
            "\r\n filename*1*=%E6%97%A5",
        ),
    ],
)
def test_unusual_file_names_are_percent_encoded(name, value):
    assert encode_disposition(name) == value
