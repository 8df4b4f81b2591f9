"""Requests and responses of word counts."""

from __future__ import annotations

from typing import Annotated

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Field


class NewFamilyRequest(PydanticBaseModel):
    """Which text to read, and what counts as a word."""

    path: Annotated[S3Path, Field(description="The text, in UTF-8.")]
    min_length: Annotated[
        int, Field(ge=1, description="Words of fewer characters do not count.")
    ] = 1


class NewFamilyResponse(PydanticBaseModel):
    """How many words there are."""

    words: Annotated[int, Field(description="How many words the text has.")]
