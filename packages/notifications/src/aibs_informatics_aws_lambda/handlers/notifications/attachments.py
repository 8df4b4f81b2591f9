"""Download attachments from S3."""

from collections.abc import Sequence
from io import BytesIO

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

from .content import Attachment
from .mime import AttachedFile

# https://docs.aws.amazon.com/ses/latest/dg/quotas.html, API version 1, as encoded.
LARGEST_EMAIL_BYTES = 10 * 1024 * 1024

# Base64 turns 57 bytes into a line of 76 and its end.
_ENCODED_PER_BYTE = 78 / 57


def read_attachments(attachments: Sequence[Attachment]) -> list[AttachedFile]:
    """Download the attachments of one email; nothing is downloaded if they exceed the size limit.

    Raises:
        ResourceNotFoundError: an object does not exist.
        AWSError: an object cannot be read.
        ValidationError: the attachments together are larger than an email may be.
    """
    heads = [_head(attachment) for attachment in attachments]
    size = int(sum(length for _, length in heads) * _ENCODED_PER_BYTE)
    if size > LARGEST_EMAIL_BYTES:
        raise ValidationError(
            f"the attachments are {size} bytes when encoded for email, more than the "
            f"{LARGEST_EMAIL_BYTES} that SES accepts. Send links to the objects instead."
        )
    return [
        AttachedFile(
            name=attachment.filename or attachment.path.name,
            data=_read(attachment),
            content_type=attachment.content_type or stored_type,
        )
        for attachment, (stored_type, _) in zip(attachments, heads, strict=True)
    ]


def _head(attachment: Attachment) -> tuple[str, int]:
    """Return the media type and the size in bytes of an object."""
    with named_errors(f"read {attachment.path}", permission="s3:GetObject"):
        head = get_client("s3").head_object(**attachment.path.as_dict())
    return head.get("ContentType", ""), head["ContentLength"]


def _read(attachment: Attachment) -> bytes:
    content = BytesIO()
    with named_errors(f"read {attachment.path}", permission="s3:GetObject"):
        get_client("s3").download_fileobj(attachment.path.bucket, attachment.path.key, content)
    return content.getvalue()
