"""Encode email headers: text in any script, mailboxes, and names of attached files."""

import re
from collections.abc import Iterator, Sequence

from aibs_informatics_aws_lambda.common.exceptions import ValidationError

# RFC 2047, 2: a line with encoded words has at most 76 characters.
_MAX_LINE = 76
_WORD = "=?utf-8?b?{}?="
# Base64 turns 3 bytes into 4 characters.
_WORD_OVERHEAD = len(_WORD.format(""))
# Text that every parser returns unchanged: printable ASCII that starts and ends without a space,
# has no two spaces in a row, and nothing that looks like an encoded word.
_PLAIN = re.compile(r"(?!.*=\?)[!-~]+(?: [!-~]+)*")
# A file name that is sent as a quoted string.
_FILE_NAME = re.compile(r"[A-Za-z0-9_.-](?:[A-Za-z0-9_. -]{0,48}[A-Za-z0-9_.-])?")
# Percent-encoded characters in a line, besides the name of the parameter.
_MAX_SECTION = 48
_NAME_CHARACTERS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


def encode_text(header: str, text: str) -> str:
    """Return the folded value of a header with text.

    Args:
        header: name of the header, which takes room in the first line.
        text: any text.

    Raises:
        ValidationError: the text contains a line break, which would start another header.
    """
    _reject_line_breaks(header, text)
    prefix = len(f"{header}: ")
    if not text or (_PLAIN.fullmatch(text) and prefix + len(text) <= _MAX_LINE):
        return text
    return "\r\n ".join(_encoded_words(text, prefix))


def encode_mailbox(name: str, address: str) -> str:
    """Return a mailbox, such as ``Ann <ann@example.org>``, in ASCII and on one line.

    Args:
        name: display name in any script; may be empty.
        address: address in ASCII.

    Raises:
        ValidationError: the name contains a line break.
    """
    _reject_line_breaks("display name", name)
    if not name:
        return address
    if _PLAIN.fullmatch(name) and _NAME_CHARACTERS.fullmatch(name):
        return f"{name} <{address}>"
    return f"{' '.join(_encoded_words(name, 0))} <{address}>"


def encode_disposition(file_name: str) -> str:
    """Return the folded value of ``Content-Disposition`` for an attachment.

    Names with anything but letters, digits and a few other characters are percent-encoded
    (RFC 2231), because some parsers do not unescape quoted strings.

    Args:
        file_name: name of the file in any script.
    """
    if _FILE_NAME.fullmatch(file_name):
        return f'attachment; filename="{file_name}"'
    sections = list(_percent_encoded_sections(file_name))
    if len(sections) == 1:
        return f"attachment;\r\n filename*=utf-8''{sections[0]}"
    sections[0] = f"utf-8''{sections[0]}"
    parameters = [f"filename*{number}*={section}" for number, section in enumerate(sections)]
    return fold(["attachment", *parameters], ";")


def fold(parts: Sequence[str], separator: str = ",") -> str:
    """Join the parts of a header, one per line."""
    return f"{separator}\r\n ".join(parts)


def _reject_line_breaks(subject: str, text: str) -> None:
    if "\r" in text or "\n" in text:
        raise ValidationError(f"the {subject.lower()} contains a line break")


def _percent_encoded_sections(text: str) -> Iterator[str]:
    """Yield sections of a percent-encoded text, none of which splits a character."""
    from urllib.parse import quote

    section = ""
    for character in text:
        encoded = quote(character, safe="")
        if len(section) + len(encoded) > _MAX_SECTION:
            yield section
            section = ""
        section += encoded
    yield section


def _encoded_words(text: str, prefix: int) -> Iterator[str]:
    """Yield encoded words, none of which splits a character.

    Args:
        text: any text.
        prefix: length of what stands before the first word in its line.
    """
    from base64 import b64encode

    room = _room(prefix)
    word = b""
    for character in text:
        encoded = character.encode()
        if len(word) + len(encoded) > room:
            yield _WORD.format(b64encode(word).decode())
            word, room = b"", _room(1)
        word += encoded
    yield _WORD.format(b64encode(word).decode())


def _room(prefix: int) -> int:
    """Return how many bytes fit into an encoded word after a prefix in the same line."""
    return (_MAX_LINE - prefix - _WORD_OVERHEAD) // 4 * 3
