from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.content import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.slack import (
    SlackNotifier,
    slack_text,
)
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.webhook_targets import (
    SlackTarget,
)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"subject": "Done", "message": "12 steps"}, "*Done*\n12 steps"),
        ({"subject": "", "message": "12 steps"}, "12 steps"),
        ({"subject": "two\nlines", "message": "x"}, "*two lines*\nx"),
        ({"subject": "R&D", "message": "<!channel>"}, "*R&amp;D*\n&lt;!channel&gt;"),
        (
            {"subject": "Done", "message": "<p>a &amp; b<p>c", "content_type": "html"},
            "*Done*\na &amp; b\n\nc",
        ),
        (
            {"subject": "Done", "message": '{"a": 1}', "content_type": "json"},
            '*Done*\n```\n{"a": 1}\n```',
        ),
    ],
)
def test_messages_are_formatted_and_escaped(fields, text):
    assert slack_text(NotificationContent(**fields)) == text


def test_a_message_is_posted_to_the_webhook(endpoint):
    target = SlackTarget(slack_webhook=f"{endpoint.url}/services/T/B/x")

    result = SlackNotifier().notify(NotificationContent(subject="S", message="ü"), target)

    assert result.success
    (request,) = endpoint.requests
    assert (request.path, json.loads(request.body)) == ("/services/T/B/x", {"text": "*S*\nü"})


def test_the_error_code_of_slack_is_in_the_failed_result(endpoint):
    endpoint.responses = [(403, {}, b"invalid_token")]
    target = SlackTarget(slack_webhook=endpoint.url)

    result = SlackNotifier().notify(NotificationContent(subject="S", message="m"), target)

    assert (result.success, result.response) == (
        False,
        "the webhook returned HTTP status 403: invalid_token",
    )
