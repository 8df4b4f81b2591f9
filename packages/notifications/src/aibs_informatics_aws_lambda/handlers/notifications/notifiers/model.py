"""Targets of notifications, and the results of their deliveries."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    InstanceOf,
    JsonValue,
    SerializeAsAny,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import SkipJsonSchema

# Part of this module's public interface, defined elsewhere.
from ..content import (
    MESSAGE_KEY_ALIASES as MESSAGE_KEY_ALIASES,
    NotificationContent as NotificationContent,
    NotificationContentType as NotificationContentType,
)
from .targets import (
    RECIPIENT_KEYS,
    TOPIC_KEY,
    NotifierTarget as NotifierTarget,
    SESEmailTarget as SESEmailTarget,
    SNSTopicTarget as SNSTopicTarget,
)
from .webhook_targets import SlackTarget, TeamsTarget, WebhookTarget


class NotifierType(StrEnum):
    """Services that deliver notifications."""

    SES = "SES"
    SNS = "SNS"
    SLACK = "SLACK"
    TEAMS = "TEAMS"
    WEBHOOK = "WEBHOOK"


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
    if _class_of_other(value):
        return "other"
    return next((tag for key, tag in _WEBHOOK_TAGS.items() if _has(value, key)), None)


def _has(value: JSONObject, key: str) -> bool:
    head, *tail = key.split("_")
    return key in value or head + "".join(word.capitalize() for word in tail) in value


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
    SlackTarget: "slack",
    TeamsTarget: "teams",
    WebhookTarget: "webhook",
}
_WEBHOOK_TAGS = {
    "slack_webhook": "slack",
    "teams_webhook": "teams",
    "webhook": "webhook",
}

AnyTarget = Annotated[
    Annotated[SESEmailTarget, Tag("email")]
    | Annotated[SNSTopicTarget, Tag("topic")]
    | Annotated[SlackTarget, Tag("slack")]
    | Annotated[TeamsTarget, Tag("teams")]
    | Annotated[WebhookTarget, Tag("webhook")]
    | SkipJsonSchema[
        Annotated[SerializeAsAny[NotifierTarget], BeforeValidator(_parse_other), Tag("other")]
    ],
    Discriminator(
        _tag_of,
        custom_error_type="unknown_target",
        custom_error_message="not a target: expected an object with recipients (or recipient, "
        "addresses, address) or with topic, slack_webhook, teams_webhook or webhook",
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
        | SlackTarget
        | TeamsTarget
        | WebhookTarget
        | SkipJsonSchema[SerializeAsAny[InstanceOf[NotifierTarget]]]
        | dict[str, Any],
        BeforeValidator(_target_or_dict),
    ] = Field(description="the target as parsed")
    success: bool = Field(description="whether the service accepted the message")
    response: JsonValue = Field(
        description="response of the service, as a JSON string; or the reason of the failure"
    )
