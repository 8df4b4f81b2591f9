"""Count words: pure functions, without AWS."""

from __future__ import annotations


def count_words(text: str, min_length: int = 1) -> int:
    """Return the number of words in a text.

    Args:
        text: words, separated by whitespace.
        min_length: minimum length of a word in characters; shorter words are not counted.
    """
    return sum(len(word) >= min_length for word in text.split())
