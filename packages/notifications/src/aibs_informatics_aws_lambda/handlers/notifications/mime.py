"""Composing emails as their recipients' programs read them (RFC 5322, RFC 2045)."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.policy import SMTP
from typing import Any, Final

# SES may change an email on its way, and keeps 7-bit content only
# (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html).
_POLICY: Final = SMTP.clone(cte_type="7bit")

_ANY_TYPE: Final = "application/octet-stream"
# What stores call an object whose type nobody told them.
_UNTOLD_TYPES: Final = {"", "binary/octet-stream", _ANY_TYPE}
# RFC 2045, 6.4: these cannot be encoded in base64, as files are here.
_COMPOSITE_TYPES: Final = {"message", "multipart"}


@dataclass(frozen=True)
class AttachedFile:
    """A file of an email.

    Args:
        name: the name that the recipient sees.
        data: its content.
        content_type: its media type; by default what the name tells.
    """

    name: str
    data: bytes
    content_type: str = ""


def compose(
    source: str,
    recipients: Sequence[str],
    subject: str,
    text: str | MIMEText,
    html: str | None = None,
) -> EmailMessage:
    """Return an email.

    Args:
        source: the sender's address.
        recipients: the recipients' addresses.
        subject: the subject.
        text: plain text, or a text part of any kind.
        html: the same as HTML, which readers prefer where they can show it.

    Raises:
        ValueError: subject or addresses hold what no header can, such as a line break.
    """
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = subject
    message["From"] = source
    message["To"] = ", ".join(recipients)
    if isinstance(text, MIMEText):
        part = message_from_bytes(text.as_bytes(), policy=_POLICY)
        message.set_content(part.get_content(), subtype=part.get_content_subtype())
    else:
        message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def attach(message: EmailMessage, file: AttachedFile) -> None:
    """Add a file to an email."""
    content_type = _content_type(file)
    message.add_attachment(
        file.data,
        maintype=content_type.maintype,
        subtype=content_type.subtype,
        params=dict(content_type.params),
        filename=file.name,
    )


def _content_type(file: AttachedFile) -> Any:
    told = file.content_type
    if told in _UNTOLD_TYPES:
        guessed, encoding = mimetypes.guess_type(file.name)
        told = _ANY_TYPE if encoding or not guessed else guessed
    header = _parse(told)
    unusable = header.defects or header.maintype in _COMPOSITE_TYPES
    return _parse(_ANY_TYPE) if unusable else header


def _parse(content_type: str) -> Any:
    # Its class is made on the spot: it has `maintype`, `subtype`, `params` and `defects`.
    return _POLICY.header_factory("Content-Type", content_type)
