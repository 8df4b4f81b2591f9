"""Compose MIME messages (RFC 5322, RFC 2045)."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.policy import SMTP, EmailPolicy
from typing import Any, Final

from .headers import encode_disposition, encode_text, fold


# SES modifies messages in transit and preserves only 7-bit content
# (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html).
# Headers are encoded here: that of Python loses spaces between encoded words, and folds inside of
# addresses.
class _FinalValue(str):
    """The value of a header as it is sent: folded, and in ASCII."""

    __slots__ = ()


class _Policy(EmailPolicy):
    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        if isinstance(value, _FinalValue):
            return name, value
        return super().header_store_parse(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        if isinstance(value, _FinalValue):
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


_POLICY: Final = _Policy(linesep=SMTP.linesep, cte_type="7bit")

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
    *,
    copies: Sequence[str] = (),
    reply_to: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """Return a MIME message without attachments.

    Args:
        source: mailbox of the sender, in ASCII.
        recipients: addresses of the recipients, in ASCII.
        subject: subject of the email, in any script.
        text: plain-text body, or a text part of any subtype.
        html: HTML alternative of the body, preferred by email clients that show HTML.
        copies: addresses in ``Cc``, in ASCII.
        reply_to: addresses that replies are sent to, in ASCII.
        headers: further headers, in ASCII and folded.

    Raises:
        ValidationError: the subject contains a line break.
    """
    message = EmailMessage(policy=_POLICY)
    for name, value in {
        "Subject": encode_text("Subject", subject),
        "From": source,
        "To": fold(recipients),
        "Cc": fold(copies),
        "Reply-To": fold(reply_to),
        **(headers or {}),
    }.items():
        if value or name == "Subject":
            message[name] = _FinalValue(value)
    if isinstance(text, MIMEText):
        part = message_from_bytes(text.as_bytes(), policy=SMTP)
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
    )
    # Added last.
    part = list(message.iter_attachments())[-1]
    del part["Content-Disposition"]
    part["Content-Disposition"] = _FinalValue(encode_disposition(file.name))


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
