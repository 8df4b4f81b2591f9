from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.new_family.words import count_words
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), (" \n\t", 0), ("one", 1), ("two\n words ", 2)]
)
def test_words_are_separated_by_whitespace(text, count):
    assert count_words(text) == count


def test_shorter_words_are_not_counted():
    assert count_words("The quick brown fox sleeps", min_length=4) == 3


@given(st.lists(st.text(alphabet="abc", min_size=1)))
def test_every_word_is_counted(words):
    assert count_words(" ".join(words)) == len(words)
