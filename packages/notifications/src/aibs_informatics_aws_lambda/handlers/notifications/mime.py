"""Compose MIME messages (RFC 5322, RFC 2045)."""

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.policy import SMTP, EmailPolicy
from typing import Any

from .headers import encode_disposition, encode_text, fold


# SES modifies messages in transit and preserves only 7-bit content
# (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html).
class _FinalValue(str):
    """The value of a header that is already folded and in ASCII."""

    __slots__ = ()


class _Policy(EmailPolicy):
    """Sends final values unchanged.

    Python's own encoding loses spaces between encoded words and folds lines inside of addresses.
    """

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        if isinstance(value, _FinalValue):
            return name, value
        return super().header_store_parse(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        if isinstance(value, _FinalValue):
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


_POLICY = _Policy(linesep=SMTP.linesep, cte_type="7bit")

_ANY_TYPE = "application/octet-stream"
# Object stores report these for an object that was uploaded without a type.
_UNSPECIFIED_TYPES = {"", "binary/octet-stream", _ANY_TYPE}
# Attachments are base64-encoded, which RFC 2045, 6.4, forbids for these.
_COMPOSITE_TYPES = {"message", "multipart"}


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
        source: mailbox of the sender.
        recipients: mailboxes of the recipients.
        subject: subject of the email, in any script.
        text: plain-text body, or a text part of any subtype.
        html: HTML alternative of the body, preferred by email clients that show HTML.
        copies: mailboxes in ``Cc``.
        reply_to: mailboxes that replies are sent to.
        headers: further headers, in ASCII and folded.

    Raises:
        ValueError: the subject or a mailbox contains a line break.
    """
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = _FinalValue(encode_text("Subject", subject))
    for name, mailboxes in {
        "From": [source],
        "To": recipients,
        "Cc": copies,
        "Reply-To": reply_to,
    }.items():
        if mailboxes:
            message[name] = _mailboxes(mailboxes)
    for name, value in (headers or {}).items():
        message[name] = _FinalValue(value)
    if isinstance(text, MIMEText):
        part = message_from_bytes(text.as_bytes(), policy=SMTP)
        message.set_content(part.get_content(), subtype=part.get_content_subtype())
    else:
        message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def _mailboxes(mailboxes: Sequence[str]) -> str:
    if all(mailbox.isascii() and mailbox.isprintable() for mailbox in mailboxes):
        return _FinalValue(fold(mailboxes))
    # Python encodes display names, and rejects line breaks.
    return ", ".join(mailboxes)


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
