"""Base class of notifiers."""

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
    """Delivers messages to targets of one class, its type argument.

    Subclass it as ``Notifier[SNSTopicTarget]``.
    """

    @abstractmethod
    def notify(self, content: NotificationContent, target: NOTIFIER_TARGET) -> NotifierResult:
        """Deliver ``content`` to ``target``. A failed delivery is a result, not an exception."""

    @classmethod
    def notifier_target_class(cls) -> type[NOTIFIER_TARGET]:
        """Return the class of the targets that this notifier delivers to."""
        target_cls: type[NOTIFIER_TARGET] = type_arguments(cls, Notifier)[0]
        return target_cls

    @classmethod
    def parse_target(cls, target: Any) -> NOTIFIER_TARGET:
        """Convert a dict to a target. A target of the right class is returned unchanged.

        Raises:
            ValidationError: the dict is not a valid target of this class.
            ValueError: ``target`` is of another type.
        """
        target_cls = cls.notifier_target_class()
        if isinstance(target, target_cls):
            return target
        if isinstance(target, dict):
            return target_cls.from_dict(target)
        raise ValueError(
            f"{cls.__name__} cannot deliver to {type(target).__name__}: expected "
            f"{target_cls.__name__} or a dict"
        )


def attempt(target: NotifierTarget, send: Callable[[], JSONObject]) -> NotifierResult:
    """Call an AWS API and return its outcome as a result.

    Args:
        target: target of the delivery.
        send: calls the API and returns its response; may raise any exception.
    """
    try:
        response = send()
    except Exception as error:
        return NotifierResult(target=target, success=False, response=_reason(error))
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return NotifierResult(
        target=target, success=200 <= status < 300, response=json.dumps(response, default=str)
    )


def _reason(error: Exception) -> str:
    # The message of a `ValueError` (`AWSError`, `ValidationError`) is complete by itself.
    if isinstance(error, ValueError):
        return str(error)
    logger.exception("A delivery failed with an unexpected error")
    return f"{type(error).__name__}: {error}"
