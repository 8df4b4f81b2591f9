"""Deliver notifications to Slack, by incoming webhooks."""

from ..content import NotificationContent, NotificationContentType
from ..plain_text import as_plain_text
from .base import Notifier, attempt
from .model import NotifierResult
from .webhook import dump, post_json
from .webhook_targets import SlackTarget


class SlackNotifier(Notifier[SlackTarget]):
    """Posts subject and message as text to the channel of an incoming webhook."""

    def notify(self, content: NotificationContent, target: SlackTarget) -> NotifierResult:
        """Send one message; HTML is converted to text, JSON is shown in a code block."""
        body = dump({"text": slack_text(content)})
        return attempt(target, lambda: post_json(target.slack_webhook, body))


def slack_text(content: NotificationContent) -> str:
    """Return a message in the format of Slack, with the subject in bold.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    subject = " ".join(_escaped(content.subject).split())
    message = _escaped(as_plain_text(content))
    if content.content_type is NotificationContentType.JSON:
        message = f"```\n{message}\n```"
    return f"*{subject}*\n{message}" if subject else message


def _escaped(text: str) -> str:
    # Without it, text such as <!channel> would notify people.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
