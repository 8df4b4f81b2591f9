"""The message of a notification as plain text."""

from .content import NotificationContent, NotificationContentType


def as_plain_text(content: NotificationContent) -> str:
    """Return the message as plain text."""
    if content.content_type is not NotificationContentType.HTML:
        return content.message
    if content.plain_text is not None:
        return content.plain_text

    from .html_to_text import html_to_text

    return html_to_text(content.message)
