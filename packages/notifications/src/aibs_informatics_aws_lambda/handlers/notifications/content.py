"""The content of a notification: subject, message and attachments."""

from enum import StrEnum
from typing import Annotated, Any

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

MESSAGE_KEY_ALIASES = ["content", "body"]
"""Alternative keys of the message, in order of precedence."""


class NotificationContentType(StrEnum):
    """Format of the message."""

    PLAIN_TEXT = "text/plain"
    HTML = "html"
    JSON = "json"


def _require_object_key(path: S3Path) -> S3Path:
    if not path.name or path.has_folder_suffix():
        raise ValueError(f"{path} is not the URI of an object")
    return path


class Attachment(PydanticBaseModel):
    """A file attached to an email: an object, or only its S3 URI."""

    path: Annotated[S3Path, AfterValidator(_require_object_key)] = Field(
        description="S3 URI of the file"
    )
    filename: str | None = Field(
        default=None,
        min_length=1,
        description="file name shown to the recipient; default: the last part of the key",
    )
    content_type: str | None = Field(
        default=None,
        pattern=r"^[\w.+-]+/[\w.+-]+(;.*)?$",
        description="media type; default: that of the object, or guessed from the file name",
    )


def _attachment_from_uri(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class NotificationContent(PydanticBaseModel):
    """Subject, message and attachments of a notification."""

    subject: str = Field(description="subject; may be empty")
    message: str = Field(
        validation_alias=AliasChoices("message", *MESSAGE_KEY_ALIASES),
        description="message; may be empty. Without it, content is used, then body",
    )
    content_type: NotificationContentType = Field(
        default=NotificationContentType.PLAIN_TEXT, description="format of the message"
    )
    plain_text: str | None = Field(
        default=None,
        description="with html: the text for email clients that do not show HTML; default: "
        "generated from the message",
    )
    variables: dict[str, Any] | None = Field(
        default=None,
        description="variables of Jinja templates; if set, subject, message and plain_text are "
        "rendered as templates",
    )
    attachments: list[Annotated[Attachment, BeforeValidator(_attachment_from_uri)]] | None = Field(
        default=None, description="files attached to emails; other targets ignore them"
    )
