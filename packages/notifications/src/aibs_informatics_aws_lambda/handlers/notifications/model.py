"""Request and response of the router."""

from __future__ import annotations

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field

# Names that the contracts of this module promise, and that live elsewhere.
from .content import (
    MESSAGE_KEY_ALIASES as MESSAGE_KEY_ALIASES,
    Attachment as Attachment,
    NotificationContent,
    NotificationContentType as NotificationContentType,
)
from .notifiers.model import AnyTarget, NotifierResult


class NotificationRequest(PydanticBaseModel):
    """One content, and the targets that get it."""

    content: NotificationContent
    targets: list[AnyTarget]
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        description="the same in a request and its retries: a target that has got the message "
        "does not get it again",
    )


class NotificationResponse(PydanticBaseModel):
    """One result per target, in their order."""

    results: list[NotifierResult]
