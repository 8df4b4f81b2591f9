"""Targets of notifications, and the results of their deliveries."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Final, Self, TypeVar

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.logging import logger
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    InstanceOf,
    JsonValue,
    SerializeAsAny,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

# Part of this module's public interface, defined elsewhere.
from ..content import (
    NotificationContent as NotificationContent,
    NotificationContentType as NotificationContentType,
)
from ..email_address import EmailAddress
from ..topic_arn import SNSTopicArn

RECIPIENT_KEYS: Final = ("recipients", "recipient", "addresses", "address")
TOPIC_KEY: Final = "topic"


class NotifierType(StrEnum):
    """AWS services that deliver notifications."""

    SES = "SES"
    SNS = "SNS"


class NotifierTarget(PydanticBaseModel):
    """Base class of targets.

    Every subclass is accepted in requests as soon as it is defined. It must have a required field
    that no other target has.
    """

    @property
    def summary(self) -> str:
        """Description of this target for logs, without personal data."""
        return type(self).__name__

    def identified_by(self, key: str) -> Self:  # noqa: ARG002 - used by subclasses
        """Return a copy of this target whose service can deduplicate messages by ``key``."""
        return self


def _merge_recipients(data: Any) -> Any:
    """Merge the values of all `RECIPIENT_KEYS` into the first of them."""
    if not isinstance(data, dict):
        return data
    given = {key: data[key] for key in RECIPIENT_KEYS if data.get(key) is not None}
    others = {key: value for key, value in data.items() if key not in RECIPIENT_KEYS}
    if not given:
        return others
    merged: list[Any] = []
    for key, value in given.items():
        if not isinstance(value, str | list | tuple | set | frozenset):
            raise ValueError(
                f"{key}: expected an email address or a list of them, got {type(value).__name__}"
            )
        merged += [value] if isinstance(value, str) else value
    return {**others, RECIPIENT_KEYS[0]: merged}


def _sorted_unique(addresses: list[EmailAddress]) -> list[EmailAddress]:
    return sorted(set(addresses))


class SESEmailTarget(NotifierTarget):
    """One email to all recipients, who see each other's addresses."""

    recipients: Annotated[list[EmailAddress], AfterValidator(_sorted_unique)] = Field(
        description="email addresses: a string or a list, at most 50. The values of recipient, "
        "addresses and address are added"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_aliases(cls, data: Any) -> Any:
        if isinstance(data, dict) and TOPIC_KEY in data:
            logger.warning("A target has both recipients and a topic; the topic is ignored")
        return _merge_recipients(data)

    @property
    def summary(self) -> str:
        """Number of recipients per domain."""
        domains = Counter(recipient.domain for recipient in self.recipients)
        counts = ", ".join(f"{count} at {domain}" for domain, count in domains.items())
        return counts or "no recipients"


_AttributeValue = StrictStr | StrictInt | StrictFloat | list[JsonValue]


class SNSTopicTarget(NotifierTarget):
    """An SNS topic."""

    topic: SNSTopicArn = Field(description="ARN of the topic")
    attributes: dict[str, _AttributeValue] | None = Field(
        default=None, description="message attributes, for the filter policies of subscriptions"
    )
    message_group_id: str | None = Field(
        default=None,
        min_length=1,
        description="message group ID of FIFO topics; default: the name of the function",
    )
    message_deduplication_id: str | None = Field(
        default=None,
        min_length=1,
        description="deduplication ID of FIFO topics: SNS drops further messages with the same ID "
        "for five minutes; default: unique for each message",
    )

    @property
    def summary(self) -> str:
        """ARN of the topic."""
        return self.topic

    def identified_by(self, key: str) -> Self:
        """Return a copy with a deduplication ID derived from ``key``, if the topic is FIFO.

        A deduplication ID of the request takes precedence.
        """
        if not self.topic.is_fifo or self.message_deduplication_id:
            return self
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.model_copy(update={"message_deduplication_id": digest})


NOTIFIER_TARGET = TypeVar("NOTIFIER_TARGET", bound=NotifierTarget)


def _tag_of(value: Any) -> str | None:
    """Return the union tag of a target, or `None` if no target class accepts it."""
    if isinstance(value, NotifierTarget):
        return _TAGS.get(type(value), "other")
    if not isinstance(value, dict):
        return None
    if any(value.get(key) is not None for key in RECIPIENT_KEYS):
        return "email"
    if TOPIC_KEY in value:
        return "topic"
    return "other" if _class_of_other(value) else None


def _parse_other(value: Any) -> Any:
    """Return an instance of the first user-defined target class that accepts a dict."""
    target_cls = _class_of_other(value) if isinstance(value, dict) else None
    return target_cls.from_dict(value) if target_cls else value


def _class_of_other(value: JSONObject) -> type[NotifierTarget] | None:
    others = (cls for cls in _subclasses(NotifierTarget) if cls not in _TAGS)
    return next((cls for cls in others if cls.is_valid(value)), None)


def _subclasses(cls: type[NotifierTarget]) -> Iterator[type[NotifierTarget]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


_TAGS: Final[dict[type[NotifierTarget], str]] = {
    SESEmailTarget: "email",
    SNSTopicTarget: "topic",
}

AnyTarget = Annotated[
    Annotated[SESEmailTarget, Tag("email")]
    | Annotated[SNSTopicTarget, Tag("topic")]
    | SkipJsonSchema[
        Annotated[SerializeAsAny[NotifierTarget], BeforeValidator(_parse_other), Tag("other")]
    ],
    Discriminator(
        _tag_of,
        custom_error_type="unknown_target",
        custom_error_message="not a target: expected an object with recipients (or recipient, "
        "addresses, address) or with topic",
    ),
]
"""Any target; its class is chosen by its keys: recipients, else topic, else another."""


def _target_or_dict(value: Any) -> Any:
    """Convert a dict to a target; return it unchanged if it is not a valid target."""
    try:
        return _any_target.validate_python(value)
    except ValidationError:
        return value


_any_target: Final = TypeAdapter[NotifierTarget](AnyTarget, config={"defer_build": True})


class NotifierResult(PydanticBaseModel):
    """Outcome of the delivery to one target."""

    target: Annotated[
        SESEmailTarget
        | SNSTopicTarget
        | SkipJsonSchema[SerializeAsAny[InstanceOf[NotifierTarget]]]
        | dict[str, Any],
        BeforeValidator(_target_or_dict),
    ] = Field(description="the target as parsed")
    success: bool = Field(description="whether the service accepted the message")
    response: JsonValue = Field(
        description="response of the service, as a JSON string; or the reason of the failure"
    )
