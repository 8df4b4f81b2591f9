"""Deliver notifications by email with Amazon SES."""

import os
from collections.abc import Sequence

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject, dump_json_line

from ..content import Attachment, NotificationContent, NotificationContentType
from ..email_address import EmailAddress
from ..plain_text import as_plain_text
from ..ses import CHARSET, send_email, send_raw_email, send_templated_email
from .base import Notifier, attempt
from .model import NotifierResult, SESEmailTarget

SOURCE_EMAIL_ADDRESS_ENV_VAR = "SOURCE_EMAIL_ADDRESS"
SOURCE_EMAIL_NAME_ENV_VAR = "SOURCE_EMAIL_NAME"

DEFAULT_SOURCE_EMAIL_ADDRESS = "noreply@example.com"
"""A name of version 1.1.0. It is never used: a sender must be configured."""


class SESNotifier(Notifier[SESEmailTarget]):
    """Sends one email to all recipients of a target, with SES in the region of the function."""

    def notify(self, content: NotificationContent, target: SESEmailTarget) -> NotifierResult:
        """Send an email with one call.

        That is ``SendRawEmail`` for attachments and unsubscribe links, ``SendEmail`` of API
        version 2 for templates of SES, and else ``SendEmail``. An HTML message has a plain-text
        alternative.
        """
        return attempt(target, lambda: _send(content, target))


def _send(content: NotificationContent, target: SESEmailTarget) -> JSONObject:
    source = _source()
    if not target.destinations:
        raise ValidationError("cannot send the email: it has no recipients")
    if target.template:
        return send_templated_email(_templated_request(source, target, content))
    if content.attachments or target.list_unsubscribe:
        return send_raw_email(_raw_request(source, target, content, content.attachments or []))
    return send_email(_request(source, target, content))


def _source() -> str:
    """Return the mailbox of the sender, in ASCII."""
    text = os.environ.get(SOURCE_EMAIL_ADDRESS_ENV_VAR)
    if not text:
        raise ValidationError(
            f"cannot send the email: {SOURCE_EMAIL_ADDRESS_ENV_VAR} is not set. Set it to an "
            "address that is verified in SES."
        )
    try:
        address = EmailAddress(text).to_ascii()
    except ValidationError as error:
        raise ValidationError(f"{SOURCE_EMAIL_ADDRESS_ENV_VAR} is {error}") from None
    name = os.environ.get(SOURCE_EMAIL_NAME_ENV_VAR)
    if not name:
        return address

    from ..headers import encode_mailbox

    return encode_mailbox(name, address)


def _request(source: str, target: SESEmailTarget, content: NotificationContent) -> JSONObject:
    text, html = _bodies(content)
    bodies = {"Text": text, "Html": html}
    return {
        "Source": source,
        "Destination": _destination(target),
        "Message": {
            "Subject": _encoded(content.subject),
            "Body": {kind: _encoded(body) for kind, body in bodies.items() if body is not None},
        },
        **_without_empty(
            ReplyToAddresses=_ascii(target.reply_to),
            ConfigurationSetName=target.configuration_set,
            Tags=_tags(target),
        ),
    }


def _raw_request(
    source: str,
    target: SESEmailTarget,
    content: NotificationContent,
    attachments: Sequence[Attachment],
) -> JSONObject:
    # Imported here: most notifications have no attachment and do not need Python's email package.
    from ..attachments import read_attachments
    from ..mime import attach, compose

    text, html = _bodies(content)
    message = compose(
        source,
        _ascii(target.recipients),
        content.subject,
        text,
        html,
        copies=_ascii(target.cc),
        reply_to=_ascii(target.reply_to),
        headers={
            name: value.replace(", ", ",\r\n ")
            for name, value in _unsubscribe_headers(target).items()
        },
    )
    for file in read_attachments(attachments):
        attach(message, file)
    return {
        "Source": source,
        "Destinations": _ascii(target.destinations),
        "RawMessage": {"Data": message.as_bytes()},
        **_without_empty(ConfigurationSetName=target.configuration_set, Tags=_tags(target)),
    }


def _templated_request(
    source: str, target: SESEmailTarget, content: NotificationContent
) -> JSONObject:
    if content.attachments:
        raise ValidationError(
            "cannot send the email: attachments cannot be combined with a template of SES"
        )
    data = {"subject": content.subject, "message": content.message, **(target.template_data or {})}
    headers = [
        {"Name": name, "Value": value} for name, value in _unsubscribe_headers(target).items()
    ]
    return {
        "FromEmailAddress": source,
        "Destination": _destination(target),
        "Content": {
            "Template": {
                "TemplateName": target.template,
                "TemplateData": dump_json_line(data),
                **_without_empty(Headers=headers),
            }
        },
        **_without_empty(
            ReplyToAddresses=_ascii(target.reply_to),
            ConfigurationSetName=target.configuration_set,
            EmailTags=_tags(target),
        ),
    }


def _destination(target: SESEmailTarget) -> JSONObject:
    return _without_empty(
        ToAddresses=_ascii(target.recipients),
        CcAddresses=_ascii(target.cc),
        BccAddresses=_ascii(target.bcc),
    )


def _ascii(addresses: Sequence[EmailAddress] | None) -> list[str]:
    return [address.to_ascii() for address in addresses or ()]


def _tags(target: SESEmailTarget) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in (target.tags or {}).items()]


def _unsubscribe_headers(target: SESEmailTarget) -> dict[str, str]:
    """Return the headers of RFC 2369 and RFC 8058, which large mailbox providers require."""
    urls = target.list_unsubscribe or []
    headers = {"List-Unsubscribe": ", ".join(f"<{url}>" for url in urls)} if urls else {}
    if any(url.startswith("https:") for url in urls):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _without_empty(**parameters: object) -> JSONObject:
    return {name: value for name, value in parameters.items() if value}


def _bodies(content: NotificationContent) -> tuple[str, str | None]:
    """Return the plain-text body, and the HTML body of an HTML message."""
    if content.content_type is not NotificationContentType.HTML:
        return content.message, None
    return as_plain_text(content), content.message


def _encoded(text: str) -> JSONObject:
    return {"Data": text, "Charset": CHARSET}
