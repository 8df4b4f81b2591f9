"""Compose MIME messages (RFC 5322, RFC 2045)."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.policy import SMTP
from typing import Any, Final

# SES modifies messages in transit and preserves only 7-bit content
# (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html).
_POLICY: Final = SMTP.clone(cte_type="7bit")

_ANY_TYPE: Final = "application/octet-stream"
# Object stores report these for an object that was uploaded without a type.
_UNSPECIFIED_TYPES: Final = {"", "binary/octet-stream", _ANY_TYPE}
# Attachments are base64-encoded, which RFC 2045, 6.4, forbids for these.
_COMPOSITE_TYPES: Final = {"message", "multipart"}


@dataclass(frozen=True)
class AttachedFile:
    """A file attached to an email.

    Args:
        name: file name shown to the recipient.
        data: content of the file.
        content_type: media type; if empty, guessed from the name.
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
    """Return a MIME message without attachments.

    Args:
        source: address of the sender.
        recipients: addresses of the recipients.
        subject: subject of the email.
        text: plain-text body, or a text part of any subtype.
        html: HTML alternative of the body, preferred by email clients that show HTML.

    Raises:
        ValueError: the subject or an address contains a line break.
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
    """Attach a file to a message."""
    content_type = _content_type(file)
    message.add_attachment(
        file.data,
        maintype=content_type.maintype,
        subtype=content_type.subtype,
        params=dict(content_type.params),
        filename=file.name,
    )


def _content_type(file: AttachedFile) -> Any:
    content_type = file.content_type
    if content_type in _UNSPECIFIED_TYPES:
        guessed, encoding = mimetypes.guess_type(file.name)
        content_type = _ANY_TYPE if encoding or not guessed else guessed
    header = _parse(content_type)
    unusable = header.defects or header.maintype in _COMPOSITE_TYPES
    return _parse(_ANY_TYPE) if unusable else header


def _parse(content_type: str) -> Any:
    # The class of the header is generated; it has `maintype`, `subtype`, `params` and `defects`.
    return _POLICY.header_factory("Content-Type", content_type)
