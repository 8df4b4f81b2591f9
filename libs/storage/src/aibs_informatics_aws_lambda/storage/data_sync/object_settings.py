"""How a data sync stores objects."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# expressions are compiled when they are used, which few requests do.

import re
from typing import Annotated, Literal, TypeAlias

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import AfterValidator, Field

# What HTTP headers can hold: https://www.rfc-editor.org/rfc/rfc9110#name-field-values
_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_VALUE = r"[\x20-\x7e]*"


def _check_value(text: str) -> str:
    if not re.fullmatch(_VALUE, text):
        raise ValueError("not printable ASCII text, as HTTP headers must be")
    return text


def _check_names(metadata: dict[str, str]) -> dict[str, str]:
    for name in metadata:
        if not re.fullmatch(_NAME, name):
            raise ValueError(f"{name!r} is not a name of metadata: use letters, digits, - and _")
    return metadata


HeaderText: TypeAlias = Annotated[str, AfterValidator(_check_value)]
"""The value of an HTTP header."""

Metadata: TypeAlias = Annotated[dict[str, HeaderText], AfterValidator(_check_names)]
"""User-defined metadata of an object: names without ``x-amz-meta-``, and values."""


class ObjectSettings(PydanticBaseModel):
    """How objects are stored that a sync uploads, or copies within S3.

    Without a setting, an uploaded object has the default of its bucket, and a copied one the
    metadata and tags of its source.
    """

    content_type: HeaderText | None = None
    guess_content_type: bool | None = Field(
        None, description="true: uploads have the content type of their file name extension"
    )
    cache_control: HeaderText | None = None
    content_disposition: HeaderText | None = None
    content_encoding: HeaderText | None = None
    content_language: HeaderText | None = None
    metadata: Metadata | None = Field(
        None, description="user-defined metadata; a copy within S3 has that of its source as well"
    )
    tags: dict[str, str] | None = Field(
        None, description="object tags, instead of those of a source in S3"
    )
    storage_class: HeaderText | None = Field(
        None, description="such as STANDARD_IA or INTELLIGENT_TIERING"
    )
    sse: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = Field(
        None, description="server-side encryption"
    )
    sse_kms_key_id: HeaderText | None = Field(None, description="KMS key, for aws:kms")
    acl: HeaderText | None = Field(None, description="canned ACL")
    part_size: int | None = Field(
        None,
        ge=5 * 2**20,
        le=2**30,
        description="bytes of the parts of uploads, 5 MiB to 1 GiB; larger where there would be "
        "more than 10,000 parts. Memory: that of four parts",
    )
    keep: bool | None = Field(
        None,
        description="true: copies within S3 keep the storage class and the KMS encryption of "
        "their source, at the cost of a request for each",
    )
