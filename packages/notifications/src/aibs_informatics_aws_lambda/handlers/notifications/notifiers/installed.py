"""Notifiers that are used where none are passed in."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from aibs_informatics_aws_lambda.common.exceptions import ApplicationException

from .base import Notifier
from .ses import SESNotifier
from .sns import SNSNotifier

GROUP: Final = "aibs_informatics_aws_lambda.notifiers"
"""The entry point group of `Notifier` subclasses that can be made without arguments."""


def default_notifiers() -> list[Notifier[Any]]:
    """Return new notifiers: the installed ones in order of their names, then SES and SNS.

    Raises:
        ApplicationException: what an entry point names is no notifier, or cannot be imported.
    """
    return [*(notifier() for notifier in installed_notifiers()), SESNotifier(), SNSNotifier()]


@cache
def installed_notifiers() -> tuple[type[Notifier[Any]], ...]:
    """Return the notifiers that entry points of `GROUP` name."""
    from importlib.metadata import entry_points

    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return tuple(_load(entry) for entry in found)


def _load(entry: Any) -> type[Notifier[Any]]:
    try:
        notifier = entry.load()
    except Exception as error:
        raise ApplicationException(
            f"the notifier {entry.name} ({entry.value}) cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not (isinstance(notifier, type) and issubclass(notifier, Notifier)):
        raise ApplicationException(
            f"the entry point {entry.name} ({entry.value}) of {GROUP} names no Notifier class"
        )
    return notifier
