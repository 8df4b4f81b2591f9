from __future__ import annotations

import os

import pytest
from aibs_informatics_aws_lambda.storage.quoted_names import quote_name, unquote_name
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        (b"plain", "plain"),
        ("é".encode(), "é"),
        (b"\xffbad", "\u201bFFbad"),
        (b"\x80", "\u201b80"),
        ("\u201bFF".encode(), "\u201b\u201bFF"),
    ],
)
def test_only_invalid_bytes_and_the_quote_are_quoted(name, quoted):
    assert quote_name(os.fsdecode(name)) == quoted
    assert os.fsencode(unquote_name(quoted)) == name


@pytest.mark.parametrize("text", ["\u201b", "\u201b7F", "\u201bff", "\u201bG0"])
def test_other_text_is_unchanged(text):
    assert unquote_name(text) == text


@given(st.binary(max_size=8) | st.sampled_from(["\u201b", "\u201bFE"]).map(str.encode))
def test_quoted_names_are_distinct_and_valid_unicode(name):
    quoted = quote_name(os.fsdecode(name))

    assert quoted.encode().decode() == quoted
    assert os.fsencode(unquote_name(quoted)) == name
