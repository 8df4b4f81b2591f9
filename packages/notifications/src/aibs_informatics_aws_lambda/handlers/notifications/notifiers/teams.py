"""Deliver notifications to Microsoft Teams, by the webhooks of workflows."""

from aibs_informatics_aws_lambda.common.json_io import JSONObject

from ..content import NotificationContent, NotificationContentType
from ..plain_text import as_plain_text
from .base import Notifier, attempt
from .model import NotifierResult
from .webhook import dump, post_json
from .webhook_targets import TeamsTarget


class TeamsNotifier(Notifier[TeamsTarget]):
    """Posts subject and message as an adaptive card to a channel or chat."""

    def notify(self, content: NotificationContent, target: TeamsTarget) -> NotifierResult:
        """Send one message; HTML is converted to text, JSON is shown in a monospaced font."""
        body = dump(teams_message(content))
        return attempt(target, lambda: post_json(target.teams_webhook, body))


def teams_message(content: NotificationContent) -> JSONObject:
    """Return a message with an adaptive card.

    Text runs, unlike text blocks, show text unchanged: text blocks interpret Markdown.
    https://adaptivecards.io/explorer/RichTextBlock.html
    """
    is_json = content.content_type is NotificationContentType.JSON
    font = {"fontType": "Monospace"} if is_json else {}
    lines = as_plain_text(content).split("\n")
    subject = [_line(content.subject, weight="Bolder", size="Medium")] if content.subject else []
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [*subject, *(_line(line, **font) for line in lines)],
                },
            }
        ],
    }


def _line(text: str, **style: str) -> JSONObject:
    run = {"type": "TextRun", "text": text or " ", **style}
    return {"type": "RichTextBlock", "spacing": "None", "inlines": [run]}
