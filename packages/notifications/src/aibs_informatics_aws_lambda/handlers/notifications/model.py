"""Request and response of the notification router."""

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field

# Part of this module's public interface, defined elsewhere.
from .content import (
    MESSAGE_KEY_ALIASES as MESSAGE_KEY_ALIASES,
    Attachment as Attachment,
    NotificationContent,
    NotificationContentType as NotificationContentType,
)
from .notifiers.model import AnyTarget, NotifierResult


class NotificationRequest(PydanticBaseModel):
    """One message and the targets to deliver it to."""

    content: NotificationContent = Field(description="message to deliver")
    targets: list[AnyTarget] = Field(description="targets to deliver to; may be empty")
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        description="identifies the request across retries: a target that has received the "
        "message does not receive it again",
    )


class NotificationResponse(PydanticBaseModel):
    """One result per target, in the order of the targets."""

    results: list[NotifierResult] = Field(description="result of each target, in request order")
