"""File names that are not UTF-8, quoted as valid Unicode text.

Python holds an invalid byte of a file name as a lone surrogate (PEP 383), which UTF-8 cannot
encode. The quoted form is that of rclone: the character U+201B and two hexadecimal digits.
https://rclone.org/overview/#invalid-utf-8-bytes
"""

import re

_QUOTE = "\u201b"
_TO_QUOTE = re.compile(f"{_QUOTE}|[\udc80-\udcff]")
_QUOTED = f"{_QUOTE}({_QUOTE}|[89A-F][0-9A-F])"


def quote_name(text: str) -> str:
    """Return a path as valid Unicode text."""
    return _TO_QUOTE.sub(_quote, text)


def unquote_name(text: str) -> str:
    """Return the path for a text of `quote_name`. Other text is returned unchanged."""
    return re.sub(_QUOTED, _unquote, text) if _QUOTE in text else text


def _quote(match: re.Match[str]) -> str:
    character = match[0]
    return _QUOTE * 2 if character == _QUOTE else f"{_QUOTE}{ord(character) - 0xDC00:02X}"


def _unquote(match: re.Match[str]) -> str:
    quoted = match[1]
    return _QUOTE if quoted == _QUOTE else chr(0xDC00 + int(quoted, 16))
