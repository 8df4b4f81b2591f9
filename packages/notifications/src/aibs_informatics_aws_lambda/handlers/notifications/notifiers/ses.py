"""Emails by Amazon SES."""

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
    """Sends one email to all recipients of a target, in the region of the function."""

    def notify(self, content: NotificationContent, target: SESEmailTarget) -> NotifierResult:
        """Send an email; one that SES does not take is a result, and no error.

        With attachments this is one ``SendRawEmail``, without them one ``SendEmail``. HTML comes
        with a plain text for readers that show none.
        """
        return attempt(target, lambda: _send(content, target))


def _send(content: NotificationContent, target: SESEmailTarget) -> JSONObject:
    source = _source()
    if not target.recipients:
        raise ValidationError("there are no recipients to send the email to")
    if content.attachments:
        return send_raw_email(_raw_request(source, target, content, content.attachments))
    return send_email(_request(source, target, content))


def _source() -> EmailAddress:
    text = os.environ.get(SOURCE_EMAIL_ADDRESS_ENV_VAR)
    if not text:
        raise ValidationError(
            f"there is no address to send emails from: set {SOURCE_EMAIL_ADDRESS_ENV_VAR} to one "
            "that is verified in SES"
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
    # Most notifications have no attachment: Python's email package costs them nothing.
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
    """Return the message as plain text, and as HTML if it is that."""
    if content.content_type is not NotificationContentType.HTML:
        return content.message, None
    if content.plain_text is not None:
        return content.plain_text, content.message

    from ..plain_text import text_of_html

    return text_of_html(content.message), content.message


def _encoded(text: str) -> JSONObject:
    return {"Data": text, "Charset": CHARSET}
