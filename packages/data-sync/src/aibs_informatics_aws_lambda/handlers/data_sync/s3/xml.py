"""The XML of S3, read and written.

Responses of S3 are documents of one flat form, which expressions read several times as fast as a
parser does.
"""

import re
from functools import lru_cache

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

# White space too, as a parser of XML would read a carriage return as a line feed.
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)

# What https://www.w3.org/TR/xml/#charsets leaves out. The complement, as it is written there,
# takes fifteen times as long to compile; this is compiled when it is used.
_NOT_IN_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"

_REFERENCE = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|\w+);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}

_FIELD = re.compile(r"<(\w+)>([^<]*)</\1>")


def unescape(text: str) -> str:
    """Return the text that stands in a document, control characters included.

    XML 1.0 has no form for most of these, but services refer to them by number.
    """
    # ETags have two of these, and nothing else.
    text = text.replace("&quot;", '"')
    return _REFERENCE.sub(_referenced, text) if "&" in text else text


def _referenced(reference: re.Match[str]) -> str:
    name = reference[1]
    if name[0] != "#":
        return _ENTITIES.get(name, reference[0])
    number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    return chr(number) if number < 0x110000 else reference[0]


def find_text(document: str, name: str) -> str | None:
    """Return the text of the first element of a name, or `None` if there is none."""
    found = _element(name).search(document)
    return None if found is None else unescape(found[1])


def find_blocks(document: str, name: str) -> list[str]:
    """Return the content of all elements of a name, which hold further elements."""
    return re.findall(f"<{name}>(.*?)</{name}>", document, re.DOTALL)


def find_fields(block: str) -> dict[str, str]:
    """Return the texts of the elements in a block, by name."""
    return {name: unescape(text) for name, text in _FIELD.findall(block)}


def escape(text: str) -> str:
    """Return text as it stands in a document."""
    return text.translate(_ESCAPES)


def fits_xml(text: str) -> bool:
    """Return whether a document can hold a text."""
    return not re.search(_NOT_IN_XML, text)


@lru_cache
def _element(name: str) -> re.Pattern[str]:
    return re.compile(f"<{name}>([^<]*)</{name}>")
