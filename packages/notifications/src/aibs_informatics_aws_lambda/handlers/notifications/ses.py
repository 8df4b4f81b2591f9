"""Sending emails by Amazon SES, API version 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .throttling import retry_throttled

if TYPE_CHECKING:
    from email.mime.text import MIMEText


# Without one, SES takes text for 7-bit ASCII.
CHARSET: Final = "UTF-8"


def send_email(request: JSONObject) -> JSONObject:
    """Send an email that SES composes, and return what SES answered.

    Args:
        request: the arguments of SES's ``SendEmail``
            (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html).

    Raises:
        AWSError: SES did not take the email.
    """
    with named_errors("send the email", permission="ses:SendEmail"):
        client = get_client("ses")
        return retry_throttled(lambda: client.send_email(**request))


def send_raw_email(request: JSONObject) -> JSONObject:
    """Send an email that is composed already, and return what SES answered.

    Args:
        request: the arguments of SES's ``SendRawEmail``
            (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html).

    Raises:
        AWSError: SES did not take the email.
    """
    with named_errors("send the email", permission="ses:SendRawEmail"):
        client = get_client("ses")
        return retry_throttled(lambda: client.send_raw_email(**request))


def send_simple_email(
    source: str, to_addresses: Sequence[str], subject: str, body: str = ""
) -> JSONObject:
    """Send an email of plain text, and return what SES answered.

    Raises:
        AWSError: SES did not take the email.
    """
    return send_email(
        {
            "Source": source,
            "Destination": {"ToAddresses": list(to_addresses)},
            "Message": {
                "Subject": {"Data": subject, "Charset": CHARSET},
                "Body": {"Text": {"Data": body, "Charset": CHARSET}},
            },
        }
    )


def send_email_with_attachment(
    source: str,
    to_addresses: Sequence[str],
    subject: str,
    body: str | MIMEText = "",
    attachments_paths: Sequence[str | Path] | None = None,
) -> JSONObject:
    """Send an email with local files attached, and return what SES answered.

    Args:
        source: the sender's address.
        to_addresses: the recipients' addresses.
        subject: the subject.
        body: plain text, or a text part of any kind.
        attachments_paths: the files.

    Raises:
        AWSError: SES did not take the email.
        OSError: a file cannot be read.
    """
    # Most notifications have no attachment: Python's email package costs them nothing.
    from .mime import AttachedFile, attach, compose

    message = compose(source, to_addresses, subject, body)
    for path in map(Path, attachments_paths or ()):
        attach(message, AttachedFile(path.name, path.read_bytes()))
    return send_raw_email(
        {
            "Source": source,
            "Destinations": list(to_addresses),
            "RawMessage": {"Data": message.as_bytes()},
        }
    )


def verify_email_identity(email: str) -> JSONObject:
    """Have SES ask the owner of an address for consent, and return what SES answered.

    Raises:
        AWSError: SES did not take the request.
    """
    with named_errors(f"verify {email}", permission="ses:VerifyEmailIdentity"):
        answer: JSONObject = get_client("ses").verify_email_identity(EmailAddress=email)
        return answer


def is_verified(identity: str) -> bool:
    """Tell whether SES may send from an address or domain; not so if SES does not know it.

    Raises:
        AWSError: SES did not answer.
    """
    with named_errors(f"look up {identity}", permission="ses:GetIdentityVerificationAttributes"):
        answer: dict[str, Any] = get_client("ses").get_identity_verification_attributes(
            Identities=[identity]
        )
    found = answer["VerificationAttributes"].get(identity, {})
    return bool(found.get("VerificationStatus") == "Success")
