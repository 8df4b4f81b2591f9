"""Email and topic targets, and the base class of targets."""

import hashlib
from collections import Counter
from typing import Annotated, Any, Self

from aibs_informatics_aws_lambda.common.logging import logger
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from ..email_address import EmailAddress
from ..topic_arn import SNSTopicArn

RECIPIENT_KEYS = ("recipients", "recipient", "addresses", "address")
TOPIC_KEY = "topic"


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


def _to_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_Addresses = Annotated[list[EmailAddress] | None, BeforeValidator(_to_list)]
_UnsubscribeURLs = Annotated[
    list[Annotated[str, Field(pattern=r"^(https://|mailto:)[!-+\--;=?-~]+$")]] | None,
    BeforeValidator(_to_list),
]


class SESEmailTarget(NotifierTarget):
    """One email to all recipients, who see each other's addresses except those in bcc."""

    recipients: Annotated[list[EmailAddress], AfterValidator(_sorted_unique)] = Field(
        description="email addresses: a string or a list, at most 50. The values of recipient, "
        "addresses and address are added"
    )
    cc: _Addresses = Field(default=None, description="addresses in Cc: a string or a list")
    bcc: _Addresses = Field(
        default=None, description="addresses that other recipients do not see: a string or a list"
    )
    reply_to: _Addresses = Field(
        default=None, description="addresses that replies are sent to: a string or a list"
    )
    configuration_set: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="SES configuration set"
    )
    tags: dict[str, StrictStr] | None = Field(
        default=None, description="SES message tags, for event publishing"
    )
    list_unsubscribe: _UnsubscribeURLs = Field(
        default=None,
        description="https: or mailto: URLs in the header List-Unsubscribe: a string or a list. "
        "An https: URL must support one-click unsubscription (RFC 8058)",
    )
    template: str | None = Field(
        default=None,
        min_length=1,
        description="name of an SES template, which is sent instead of subject and message",
    )
    template_data: dict[str, JsonValue] | None = Field(
        default=None,
        description="variables of the SES template; subject and message are added",
    )

    @property
    def destinations(self) -> list[EmailAddress]:
        """All addresses that the email is delivered to."""
        return [*self.recipients, *(self.cc or ()), *(self.bcc or ())]

    @model_validator(mode="before")
    @classmethod
    def _read_aliases(cls, data: Any) -> Any:
        if isinstance(data, dict) and TOPIC_KEY in data:
            logger.warning("A target has both recipients and a topic; the topic is ignored")
        return _merge_recipients(data)

    @property
    def summary(self) -> str:
        """Number of recipients per domain."""
        domains = Counter(address.domain for address in self.destinations)
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
