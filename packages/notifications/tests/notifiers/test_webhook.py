from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications import NotificationRequest
from aibs_informatics_aws_lambda.handlers.notifications.content import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.webhook import (
    WebhookNotifier,
    sign,
)
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.webhook_targets import (
    SlackTarget,
    WebhookTarget,
)

CONTENT = NotificationContent(subject="Grüße", message="text")
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:hook-AbCdEf"
PARAMETER = "arn:aws:ssm:us-west-2:123456789012:parameter/alerts/hook"


def notify(**fields):
    return WebhookNotifier().notify(CONTENT, WebhookTarget(**fields))


def test_the_message_is_posted_as_json(endpoint):
    result = notify(webhook=f"{endpoint.url}/hook")

    (request,) = endpoint.requests
    body = json.loads(request.body)
    assert result.success
    assert json.loads(result.response) == {"ResponseMetadata": {"HTTPStatusCode": 200}}
    assert request.headers["Content-Type"] == "application/json"
    assert body["type"] == "notification"
    assert body["data"] == {"subject": "Grüße", "message": "text", "content_type": "text/plain"}
    assert "webhook-signature" not in request.headers


def test_the_signature_is_that_of_the_standard():
    # The example of the Standard Webhooks specification.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'

    assert sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(
    ("secret", "key"), [("plain text", b"plain text"), ("whsec_AAEC", b"\x00\x01\x02")]
)
def test_requests_are_signed_with_a_secret_of_secrets_manager(endpoint, aws, secret, key):
    arn = aws.client("secretsmanager").create_secret(Name="key", SecretString=secret)["ARN"]

    assert notify(webhook=endpoint.url, signing_secret=arn, message_id="run-7").success

    (request,) = endpoint.requests
    assert request.headers["webhook-id"] == "run-7"
    signed = f"run-7.{request.headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"


def test_an_invalid_signing_secret_is_a_failed_result(endpoint, aws):
    arn = aws.client("secretsmanager").create_secret(Name="key", SecretString="whsec_?")["ARN"]

    result = notify(webhook=endpoint.url, signing_secret=arn)

    assert not result.success
    assert "not base64" in result.response
    assert endpoint.requests == []


def test_the_url_can_be_a_secret(endpoint, aws):
    secret = json.dumps({"url": f"{endpoint.url}/secret"})
    arn = aws.client("secretsmanager").create_secret(Name="hook", SecretString=secret)["ARN"]

    result = notify(webhook=f"{arn}#url")

    assert result.success
    assert endpoint.requests[0].path == "/secret"
    assert "/secret" not in json.dumps(result.to_dict()).replace(arn, "")


def test_messages_have_different_ids(endpoint):
    notify(webhook=endpoint.url)
    notify(webhook=endpoint.url)

    first, second = (request.headers["webhook-id"] for request in endpoint.requests)
    assert first != second


def test_an_idempotency_key_determines_the_message_id():
    target = WebhookTarget(webhook="https://example.org")

    assert target.identified_by("a").message_id == target.identified_by("a").message_id
    assert target.identified_by("a").message_id != target.identified_by("b").message_id
    assert target.identified_by("a").identified_by("b") == target.identified_by("a")


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ((404, {}, b"no_team"), "HTTP status 404: no_team"),
        ((400, {}, b"Cannot post: text"), "HTTP status 400"),
        ((302, {"Location": "/x"}, b""), "HTTP status 302. Redirects are not followed."),
    ],
)
def test_a_rejected_message_is_a_failed_result_without_its_content(endpoint, response, reason):
    endpoint.responses = [response]

    result = notify(webhook=endpoint.url)

    assert not result.success
    assert result.response.endswith(reason)


def test_a_private_address_is_a_failed_result(endpoint, monkeypatch):
    monkeypatch.delenv("WEBHOOK_PRIVATE_HOSTS")

    result = notify(webhook="https://127.0.0.1/hook")

    assert not result.success
    assert "127.0.0.1 is not a public address" in result.response
    assert endpoint.requests == []


def test_an_unreachable_endpoint_is_a_failed_result(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)

    result = notify(webhook="https://host.invalid/hook")

    assert not result.success
    assert result.response.startswith("cannot reach the webhook")


@pytest.mark.parametrize("webhook", ["https://x.org/a?b=c", SECRET, f"{SECRET}#url", PARAMETER])
def test_a_webhook_is_a_url_or_an_arn(webhook):
    assert WebhookTarget(webhook=webhook).webhook == webhook


@pytest.mark.parametrize(
    "fields",
    [
        {"webhook": "ftp://x.org"},
        {"webhook": "https://x.org/a b"},
        {"webhook": "arn:aws:s3:::bucket"},
        {"webhook": "https://x.org", "signing_secret": "in plain text"},
        {"webhook": "https://x.org", "message_id": "line\nbreak"},
    ],
)
def test_an_invalid_webhook_is_rejected(fields):
    content = {"subject": "S", "message": "m"}

    with pytest.raises(ValidationError, match=r"targets\.0\.webhook\."):
        NotificationRequest.from_dict({"content": content, "targets": [fields]})


def test_summaries_do_not_contain_the_path_of_a_url():
    assert SlackTarget(slack_webhook="https://hooks.slack.com/services/T/B/x").summary == (
        "Slack, hooks.slack.com"
    )
    assert WebhookTarget(webhook=SECRET).summary == f"webhook, {SECRET}"
