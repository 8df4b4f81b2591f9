"""Deliver notifications to HTTPS endpoints, signed as in Standard Webhooks."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import ApplicationException, ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject, dump_json_line

from ..content import NotificationContent
from ..https import Response, post
from ..secret_values import read_secret
from .base import Notifier, attempt
from .model import NotifierResult
from .webhook_targets import WebhookTarget


class WebhookNotifier(Notifier[WebhookTarget]):
    """Posts the message as JSON, with the headers of https://www.standardwebhooks.com."""

    def notify(self, content: NotificationContent, target: WebhookTarget) -> NotifierResult:
        """Send one message; the request is repeated if the endpoint is unavailable."""
        return attempt(target, lambda: _send(content, target))


def _send(content: NotificationContent, target: WebhookTarget) -> JSONObject:
    now = time.time()
    message_id = target.message_id or str(uuid.uuid4())
    body = {
        "type": "notification",
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "data": {
            "subject": content.subject,
            "message": content.message,
            "content_type": content.content_type,
        },
    }
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(now))}
    encoded = dump_json_line(body).encode()
    if target.signing_secret:
        key = _signing_key(read_secret(target.signing_secret))
        headers["webhook-signature"] = sign(key, message_id, int(now), encoded)
    return post_json(target.webhook, encoded, headers)


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message: ``v1,`` and HMAC-SHA256 in base64.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _signing_key(secret: str) -> bytes:
    """Return the bytes of a signing secret: base64 after the prefix ``whsec_``, else its text."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ValidationError("the signing secret is not base64 after whsec_") from None


def post_json(webhook: str, body: bytes, headers: dict[str, str] | None = None) -> JSONObject:
    """Post JSON to a webhook, and return its status in the form of a response of AWS.

    Args:
        webhook: URL of the webhook, or ARN of the secret or SSM parameter that contains it.
        body: JSON document.
        headers: further headers.

    Raises:
        ApplicationException: the endpoint rejected the message or cannot be reached.
        ValidationError: the URL is not allowed.
        AWSError: the secret cannot be read.
    """
    url = webhook if webhook.startswith("http") else read_secret(webhook).strip()
    try:
        response = post(url, body, {"Content-Type": "application/json", **(headers or {})})
    except OSError as error:
        raise DeliveryError(f"cannot reach the webhook: {error}") from None
    if not 200 <= response.status < 300:
        raise DeliveryError(_rejection(response))
    return {"ResponseMetadata": {"HTTPStatusCode": response.status}}


class DeliveryError(ApplicationException, ValueError):
    """A webhook rejected a message or cannot be reached."""


def _rejection(response: Response) -> str:
    if 300 <= response.status < 400:
        return f"the webhook returned HTTP status {response.status}. Redirects are not followed."
    reason = _reason(response.body)
    return f"the webhook returned HTTP status {response.status}{reason}"


def _reason(body: bytes) -> str:
    # An error code, such as Slack's invalid_token. Any other text may repeat the message.
    text = body[:64].decode("ascii", "replace").strip()
    is_code = text.replace("_", "").isalpha() and text.isascii() and text.islower()
    return f": {text}" if is_code else ""


def dump(document: Any) -> bytes:
    """Return a JSON document in UTF-8."""
    return json.dumps(document, ensure_ascii=False).encode()
