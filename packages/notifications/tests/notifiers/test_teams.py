from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.content import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.teams import (
    TeamsNotifier,
    teams_message,
)
from aibs_informatics_aws_lambda.handlers.notifications.notifiers.webhook_targets import (
    TeamsTarget,
)


def runs_of(message):
    """Return the text runs of the adaptive card of a message."""
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    return [block["inlines"][0] for block in attachment["content"]["body"]]


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"subject": "Done", "message": "a\n\n*b*"}, ["Done", "a", " ", "*b*"]),
        ({"subject": "", "message": "a"}, ["a"]),
        ({"subject": "S", "message": "<p>a<p>b", "content_type": "html"}, ["S", "a", " ", "b"]),
    ],
)
def test_every_line_is_a_text_run(fields, texts):
    runs = runs_of(teams_message(NotificationContent(**fields)))

    assert [run["text"] for run in runs] == texts


def test_json_is_shown_in_a_monospaced_font():
    content = NotificationContent(subject="S", message="{}", content_type="json")

    subject, message = runs_of(teams_message(content))

    assert subject["weight"] == "Bolder"
    assert message == {"type": "TextRun", "text": "{}", "fontType": "Monospace"}


def test_a_message_is_posted_to_the_webhook(endpoint):
    endpoint.responses = [(202, {}, b"")]
    content = NotificationContent(subject="S", message="ü")

    result = TeamsNotifier().notify(content, TeamsTarget(teams_webhook=endpoint.url))

    assert result.success
    assert json.loads(endpoint.requests[0].body) == teams_message(content)
