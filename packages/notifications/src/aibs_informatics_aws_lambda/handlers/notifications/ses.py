"""Send emails with Amazon SES: API version 1, and version 2 for templates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .throttling import retry_throttled

if TYPE_CHECKING:
    from email.mime.text import MIMEText


# Without a charset, SES assumes 7-bit ASCII.
CHARSET = "UTF-8"


def send_email(request: JSONObject) -> JSONObject:
    """Call ``SendEmail`` and return its response. SES composes the MIME message.

    Args:
        request: parameters of the call
            (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html).

    Raises:
        AWSError: SES rejected the email.
    """
    with named_errors("send the email", permission="ses:SendEmail"):
        client = get_client("ses")
        return retry_throttled(lambda: client.send_email(**request))


def send_templated_email(request: JSONObject) -> JSONObject:
    """Call ``SendEmail`` of API version 2, which renders a template of SES.

    Args:
        request: parameters of the call
            (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html).

    Returns:
        The response.

    Raises:
        AWSError: SES rejected the email.
    """
    with named_errors("send the email", permission="ses:SendEmail"):
        client = get_client("sesv2")
        return retry_throttled(lambda: client.send_email(**request))


def send_raw_email(request: JSONObject) -> JSONObject:
    """Call ``SendRawEmail``, which sends a composed MIME message, and return its response.

    Args:
        request: parameters of the call
            (https://docs.aws.amazon.com/ses/latest/APIReference/API_SendRawEmail.html).

    Raises:
        AWSError: SES rejected the email.
    """
    with named_errors("send the email", permission="ses:SendRawEmail"):
        client = get_client("ses")
        return retry_throttled(lambda: client.send_raw_email(**request))


def send_simple_email(
    source: str, to_addresses: Sequence[str], subject: str, body: str = ""
) -> JSONObject:
    """Send a plain-text email and return the response of ``SendEmail``.

    Raises:
        AWSError: SES rejected the email.
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
    """Send an email with local files attached and return the response of ``SendRawEmail``.

    Args:
        source: address of the sender.
        to_addresses: addresses of the recipients.
        subject: subject of the email.
        body: plain text, or a text part of any subtype.
        attachments_paths: paths of the files.

    Raises:
        AWSError: SES rejected the email.
        OSError: a file cannot be read.
    """
    # Imported here: most notifications have no attachment and do not need Python's email package.
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
    """Call ``VerifyEmailIdentity``, which emails a confirmation link, and return its response.

    Raises:
        AWSError: SES rejected the request.
    """
    with named_errors(f"verify {email}", permission="ses:VerifyEmailIdentity"):
        response: JSONObject = get_client("ses").verify_email_identity(EmailAddress=email)
        return response


def is_verified(identity: str) -> bool:
    """Return whether an address or domain is verified; false if SES does not know it.

    Raises:
        AWSError: the call failed.
    """
    with named_errors(f"look up {identity}", permission="ses:GetIdentityVerificationAttributes"):
        response: dict[str, Any] = get_client("ses").get_identity_verification_attributes(
            Identities=[identity]
        )
    found = response["VerificationAttributes"].get(identity, {})
    return bool(found.get("VerificationStatus") == "Success")
