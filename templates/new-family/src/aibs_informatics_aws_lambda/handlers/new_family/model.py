"""Request and response of the word count."""

from __future__ import annotations

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Field


class NewFamilyRequest(PydanticBaseModel):
    """The text to read, and the minimum length of a word."""

    path: S3Path = Field(description="S3 URI of the text, in UTF-8")
    min_length: int = Field(
        default=1, ge=1, description="minimum length of a word in characters; default 1"
    )


class NewFamilyResponse(PydanticBaseModel):
    """The number of words."""

    words: int = Field(description="number of words")
