"""Requests and responses of image replication."""

from __future__ import annotations

from typing import Annotated

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field

from .names import ImageTag
from .platforms import Platform
from .resources import ECRImage, ECRRepository


class ReplicateImageRequest(PydanticBaseModel):
    """Which image to copy, where to, and under which tags."""

    source_image: Annotated[ECRImage, Field(description="The image to copy.")]
    destination_repository: Annotated[
        ECRRepository, Field(description="The repository to copy it to; it has to exist.")
    ]
    destination_image_tags: Annotated[
        list[ImageTag],
        Field(
            [],
            description="Tags of the copy. The tags of the source are not taken over.",
        ),
    ]
    platforms: Annotated[
        list[Platform],
        Field(
            [],
            description="The platforms of an index to copy; empty for all.",
        ),
    ]
    include_referrers: Annotated[
        bool,
        Field(description="Copy signatures, attestations and all else that refers to the image."),
    ] = False


class ReplicateImageResponse(PydanticBaseModel):
    """The image that is in the destination now."""

    destination_image: Annotated[ECRImage, Field(description="The copy, by digest.")]
