"""Request and response of the handler that replicates images."""

from typing import Annotated

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field

from .names import ImageTag
from .platforms import Platform
from .resources.image import ECRImage
from .resources.repository import ECRRepository


class ReplicateImageRequest(PydanticBaseModel):
    """The image to copy, the destination and the tags of the copy."""

    source_image: Annotated[ECRImage, Field(description="The image to copy.")]
    destination_repository: Annotated[
        ECRRepository, Field(description="The repository to copy the image to. It must exist.")
    ]
    destination_image_tags: Annotated[
        list[ImageTag],
        Field(
            [],
            description="Tags of the copy. The tags of the source image are not copied.",
        ),
    ]
    platforms: Annotated[
        list[Platform],
        Field(
            [],
            description="The platforms of an index to copy. Default: all.",
        ),
    ]
    include_referrers: Annotated[
        bool,
        Field(description="Also copy referrers of the image: signatures, attestations, SBOMs."),
    ] = False


class ReplicateImageResponse(PydanticBaseModel):
    """The image in the destination repository."""

    destination_image: Annotated[ECRImage, Field(description="The copied image, by digest.")]
