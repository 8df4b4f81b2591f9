"""Where notifications go, and what became of them."""

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

# Names that the contracts of this module promise, and that live elsewhere.
from ..content import (
    NotificationContent as NotificationContent,
    NotificationContentType as NotificationContentType,
)
from ..email_address import EmailAddress
from ..topic_arn import SNSTopicArn

RECIPIENT_KEYS: Final = ("recipients", "recipient", "addresses", "address")
TOPIC_KEY: Final = "topic"


class NotifierType(StrEnum):
    """The services that this package delivers by."""

    SES = "SES"
    SNS = "SNS"


class NotifierTarget(PydanticBaseModel):
    """Base of targets.

    A subclass is a further shape that the targets of a request may have, from its definition on.
    It needs a required field that no other shape has.
    """

    @property
    def summary(self) -> str:
        """What logs call this target; it tells no one's address."""
        return type(self).__name__

    def identified_by(self, key: str) -> Self:  # noqa: ARG002 - subclasses use it
        """Return this target, told to its service to be the one with ``key``.

        Services that drop repeats by a key of the sender's thus drop those of a retry.
        """
        return self


def _merge_recipients(data: Any) -> Any:
    """Put what all of `RECIPIENT_KEYS` hold into the first of them."""
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
    """An email, which goes to all recipients at once: they see each other."""

    recipients: Annotated[list[EmailAddress], AfterValidator(_sorted_unique)] = Field(
        description="email addresses, one or a list; also read from recipient, addresses and "
        "address, and merged. At most 50"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_aliases(cls, data: Any) -> Any:
        if isinstance(data, dict) and TOPIC_KEY in data:
            logger.warning("A target has recipients and a topic: the topic is ignored")
        return _merge_recipients(data)

    @property
    def summary(self) -> str:
        """The number of recipients and their domains."""
        domains = Counter(recipient.domain for recipient in self.recipients)
        return ", ".join(f"{count} at {domain}" for domain, count in domains.items()) or "nobody"


_AttributeValue = StrictStr | StrictInt | StrictFloat | list[JsonValue]


class SNSTopicTarget(NotifierTarget):
    """An SNS topic."""

    topic: SNSTopicArn = Field(description="its ARN")
    attributes: dict[str, _AttributeValue] | None = Field(
        default=None, description="message attributes, which subscriptions can filter by"
    )
    message_group_id: str | None = Field(
        default=None,
        min_length=1,
        description="for FIFO topics, by default the name of the function",
    )
    message_deduplication_id: str | None = Field(
        default=None,
        min_length=1,
        description="for FIFO topics: a message with the same one is dropped for five minutes. "
        "By default one of its own for each message",
    )

    @property
    def summary(self) -> str:
        """The ARN of the topic."""
        return self.topic

    def identified_by(self, key: str) -> Self:
        """Return this target with a deduplication id made of ``key``, if it takes one."""
        if not self.topic.is_fifo or self.message_deduplication_id:
            return self
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.model_copy(update={"message_deduplication_id": digest})


NOTIFIER_TARGET = TypeVar("NOTIFIER_TARGET", bound=NotifierTarget)


def _shape_of(value: Any) -> str | None:
    """Return the tag of the shape that a target has, or `None` if it has none of the known."""
    if isinstance(value, NotifierTarget):
        return _SHAPES.get(type(value), "other")
    if not isinstance(value, dict):
        return None
    if any(value.get(key) is not None for key in RECIPIENT_KEYS):
        return "email"
    if TOPIC_KEY in value:
        return "topic"
    return "other" if _class_of_other(value) else None


def _parse_other(value: Any) -> Any:
    """Return an instance of the first target class, beyond those above, that a dict fits."""
    target_cls = _class_of_other(value) if isinstance(value, dict) else None
    return target_cls.from_dict(value) if target_cls else value


def _class_of_other(value: JSONObject) -> type[NotifierTarget] | None:
    others = (shape for shape in _subclasses(NotifierTarget) if shape not in _SHAPES)
    return next((shape for shape in others if shape.is_valid(value)), None)


def _subclasses(cls: type[NotifierTarget]) -> Iterator[type[NotifierTarget]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


_SHAPES: Final[dict[type[NotifierTarget], str]] = {
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
        _shape_of,
        custom_error_type="unknown_target",
        custom_error_message="expected an object with recipients (or recipient, addresses, "
        "address), or with topic",
    ),
]
"""A target of any known shape, chosen by its keys: recipients, else a topic, else another."""


def _target_or_dict(value: Any) -> Any:
    """Return the target that a dict stands for; a dict that stands for none stays one."""
    try:
        return _any_target.validate_python(value)
    except ValidationError:
        return value


_any_target: Final = TypeAdapter[NotifierTarget](AnyTarget, config={"defer_build": True})


class NotifierResult(PydanticBaseModel):
    """What became of one target."""

    target: Annotated[
        SESEmailTarget
        | SNSTopicTarget
        | SkipJsonSchema[SerializeAsAny[InstanceOf[NotifierTarget]]]
        | dict[str, Any],
        BeforeValidator(_target_or_dict),
    ]
    success: bool = Field(description="whether the service took the message")
    response: JsonValue = Field(
        description="what the service answered, as JSON text; or why it did not take the message"
    )
