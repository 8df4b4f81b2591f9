"""What a word is: decisions over plain data, without any AWS."""

from __future__ import annotations


def count_words(text: str, min_length: int = 1) -> int:
    """Return how many words a text has.

    Args:
        text: words, with white space of any kind between them.
        min_length: how many characters a word has at least.
    """
    return sum(len(word) >= min_length for word in text.split())
