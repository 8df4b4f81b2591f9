"""What a notification says."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

MESSAGE_KEY_ALIASES: Final = ["content", "body"]
"""Further keys of the message, in the order in which they are looked for."""


class NotificationContentType(StrEnum):
    """What the text of a message is."""

    PLAIN_TEXT = "text/plain"
    HTML = "html"
    JSON = "json"


def _name_of_object(path: S3Path) -> S3Path:
    if not path.name or path.has_folder_suffix():
        raise ValueError(f"{path} names no object")
    return path


class Attachment(PydanticBaseModel):
    """A file that goes along with an email.

    It may also be given by the URI of the object alone.
    """

    path: Annotated[S3Path, AfterValidator(_name_of_object)] = Field(
        description="the S3 object that holds the file"
    )
    filename: str | None = Field(
        default=None,
        min_length=1,
        description="the name that the recipient sees; by default the last part of the key",
    )
    content_type: str | None = Field(
        default=None,
        pattern=r"^[\w.+-]+/[\w.+-]+(;.*)?$",
        description="its media type; by default that of the object, or what the name tells",
    )


def _attachment_of_path(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class NotificationContent(PydanticBaseModel):
    """Subject and message of a notification."""

    subject: str
    message: str = Field(
        validation_alias=AliasChoices("message", *MESSAGE_KEY_ALIASES),
        description="also read from content, else body, where there is no key message",
    )
    content_type: NotificationContentType = NotificationContentType.PLAIN_TEXT
    plain_text: str | None = Field(
        default=None,
        description="what a reader sees who is not shown HTML; by default made of the message",
    )
    variables: dict[str, Any] | None = Field(
        default=None,
        description="makes subject, message and plain_text Jinja templates of these variables",
    )
    attachments: list[Annotated[Attachment, BeforeValidator(_attachment_of_path)]] | None = Field(
        default=None, description="files that go along with emails; topics do not get them"
    )
