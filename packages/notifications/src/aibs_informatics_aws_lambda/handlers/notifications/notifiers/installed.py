"""Default notifiers: those of installed packages, SES, SNS and webhooks."""

from functools import cache
from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import ApplicationException

from .base import Notifier
from .model import NotifierTarget
from .ses import SESNotifier
from .sns import SNSNotifier
from .webhook_targets import SlackTarget, TeamsTarget, WebhookTarget

GROUP = "aibs_informatics_aws_lambda.notifiers"
"""Entry point group of `Notifier` subclasses; they are created without arguments."""


def default_notifiers() -> list[Notifier[Any]]:
    """Return new notifiers: the installed ones, sorted by name, then SES and SNS.

    Raises:
        ApplicationException: an entry point cannot be imported or is not a notifier.
    """
    return [*(notifier() for notifier in installed_notifiers()), SESNotifier(), SNSNotifier()]


def webhook_notifier(target: NotifierTarget) -> Notifier[Any] | None:
    """Return the notifier of a Slack, Teams or webhook target, or `None` for other targets."""
    # Imported here: most functions send emails and publish to topics only.
    if isinstance(target, SlackTarget):
        from .slack import SlackNotifier

        return SlackNotifier()
    if isinstance(target, TeamsTarget):
        from .teams import TeamsNotifier

        return TeamsNotifier()
    if isinstance(target, WebhookTarget):
        from .webhook import WebhookNotifier

        return WebhookNotifier()
    return None


@cache
def installed_notifiers() -> tuple[type[Notifier[Any]], ...]:
    """Return the classes that the entry points of `GROUP` refer to, sorted by name."""
    from importlib.metadata import entry_points

    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return tuple(_load(entry) for entry in found)


def _load(entry: Any) -> type[Notifier[Any]]:
    try:
        notifier = entry.load()
    except Exception as error:
        raise ApplicationException(
            f"cannot import the notifier {entry.name} ({entry.value}): "
            f"{type(error).__name__}: {error}"
        ) from error
    if not (isinstance(notifier, type) and issubclass(notifier, Notifier)):
        raise ApplicationException(
            f"the entry point {entry.name} ({entry.value}) of {GROUP} is not a Notifier class"
        )
    return notifier
