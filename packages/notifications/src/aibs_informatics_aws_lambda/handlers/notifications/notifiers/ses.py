"""Deliver notifications by email with Amazon SES."""

from __future__ import annotations

import os
from typing import Final

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from ..content import Attachment, NotificationContent, NotificationContentType
from ..email_address import EmailAddress
from ..ses import CHARSET, send_email, send_raw_email
from .base import Notifier, attempt
from .model import NotifierResult, SESEmailTarget

SOURCE_EMAIL_ADDRESS_ENV_VAR: Final = "SOURCE_EMAIL_ADDRESS"


class SESNotifier(Notifier[SESEmailTarget]):
    """Sends one email to all recipients of a target, with SES in the region of the function."""

    def notify(self, content: NotificationContent, target: SESEmailTarget) -> NotifierResult:
        """Send an email: one ``SendRawEmail`` call with attachments, else one ``SendEmail`` call.

        An HTML message has a plain-text alternative.
        """
        return attempt(target, lambda: _send(content, target))


def _send(content: NotificationContent, target: SESEmailTarget) -> JSONObject:
    source = _source()
    if not target.recipients:
        raise ValidationError("cannot send the email: it has no recipients")
    if content.attachments:
        return send_raw_email(_raw_request(source, target, content, content.attachments))
    return send_email(_request(source, target, content))


def _source() -> EmailAddress:
    text = os.environ.get(SOURCE_EMAIL_ADDRESS_ENV_VAR)
    if not text:
        raise ValidationError(
            f"cannot send the email: {SOURCE_EMAIL_ADDRESS_ENV_VAR} is not set. Set it to an "
            "address that is verified in SES."
        )
    try:
        return EmailAddress(text)
    except ValidationError as error:
        raise ValidationError(f"{SOURCE_EMAIL_ADDRESS_ENV_VAR} is {error}") from None


def _request(source: str, target: SESEmailTarget, content: NotificationContent) -> JSONObject:
    text, html = _bodies(content)
    bodies = {"Text": text, "Html": html}
    return {
        "Source": str(source),
        "Destination": {"ToAddresses": list(map(str, target.recipients))},
        "Message": {
            "Subject": _encoded(content.subject),
            "Body": {kind: _encoded(body) for kind, body in bodies.items() if body is not None},
        },
    }


def _raw_request(
    source: str,
    target: SESEmailTarget,
    content: NotificationContent,
    attachments: list[Attachment],
) -> JSONObject:
    # Imported here: most notifications have no attachment and do not need Python's email package.
    from ..attachments import read_attachments
    from ..mime import attach, compose

    text, html = _bodies(content)
    message = compose(source, target.recipients, content.subject, text, html)
    for file in read_attachments(attachments):
        attach(message, file)
    return {
        "Source": str(source),
        "Destinations": list(map(str, target.recipients)),
        "RawMessage": {"Data": message.as_bytes()},
    }


def _bodies(content: NotificationContent) -> tuple[str, str | None]:
    """Return the plain-text body, and the HTML body of an HTML message."""
    if content.content_type is not NotificationContentType.HTML:
        return content.message, None
    if content.plain_text is not None:
        return content.plain_text, content.message

    from ..plain_text import text_of_html

    return text_of_html(content.message), content.message


def _encoded(text: str) -> JSONObject:
    return {"Data": text, "Charset": CHARSET}
