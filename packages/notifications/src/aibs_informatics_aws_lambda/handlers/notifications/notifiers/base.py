"""The base of notifiers."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic

from aibs_informatics_aws_lambda.common.generics import type_arguments
from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.logging import logger

from ..content import NotificationContent
from .model import NOTIFIER_TARGET, NotifierResult, NotifierTarget


class Notifier(ABC, Generic[NOTIFIER_TARGET]):
    """Delivers to targets of one class, which a subclass names: ``Notifier[SNSTopicTarget]``."""

    @abstractmethod
    def notify(self, content: NotificationContent, target: NOTIFIER_TARGET) -> NotifierResult:
        """Deliver ``content`` to ``target``; a delivery that fails is a result, and no error."""

    @classmethod
    def notifier_target_class(cls) -> type[NOTIFIER_TARGET]:
        """Return the class of targets that this notifier delivers to."""
        target_cls: type[NOTIFIER_TARGET] = type_arguments(cls, Notifier)[0]
        return target_cls

    @classmethod
    def parse_target(cls, target: Any) -> NOTIFIER_TARGET:
        """Make a target of a dict; a target of the right class is returned as it is.

        Raises:
            ValidationError: the dict does not fit.
            ValueError: ``target`` is of another type.
        """
        target_cls = cls.notifier_target_class()
        if isinstance(target, target_cls):
            return target
        if isinstance(target, dict):
            return target_cls.from_dict(target)
        raise ValueError(
            f"{cls.__name__} delivers to {target_cls.__name__}, or a dict of one, "
            f"not to {type(target).__name__}"
        )


def attempt(target: NotifierTarget, send: Callable[[], JSONObject]) -> NotifierResult:
    """Return the result of a delivery that a call of boto3 makes.

    Args:
        target: where it goes.
        send: makes the call and returns what the service answered; it may raise anything.
    """
    try:
        answer = send()
    except Exception as error:
        return NotifierResult(target=target, success=False, response=_reason(error))
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return NotifierResult(
        target=target, success=200 <= status < 300, response=json.dumps(answer, default=str)
    )


def _reason(error: Exception) -> str:
    # A `ValueError` (`AWSError`, `ValidationError`) says by itself what is wrong.
    if isinstance(error, ValueError):
        return str(error)
    logger.exception("A delivery failed in an unforeseen way")
    return f"{type(error).__name__}: {error}"
