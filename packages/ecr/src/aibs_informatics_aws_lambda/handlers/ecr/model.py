"""Requests and responses of image replication, and the repositories and images they name."""

from __future__ import annotations

from typing import Annotated

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.handlers.ecr.names import (
    AccountId,
    ImageDigest,
    ImageTag,
    RegionName,
    RepositoryName,
)
from aibs_informatics_aws_lambda.handlers.ecr.platforms import Platform
from aibs_informatics_aws_lambda.handlers.ecr.uris import ECRImageUri, ECRRepositoryUri
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

__all__ = ["ECRImage", "ECRRepository", "ReplicateImageRequest", "ReplicateImageResponse"]


class ECRRepository(PydanticBaseModel):
    """A repository of Amazon ECR."""

    account_id: Annotated[AccountId, Field(description="The account that owns it.")]
    region: Annotated[RegionName, Field(description="The region that it is in.")]
    repository_name: Annotated[RepositoryName, Field(description="Its name.")]

    @property
    def uri(self) -> ECRRepositoryUri:
        """The URI of the repository."""
        return ECRRepositoryUri.from_components(self.repository_name, self.account_id, self.region)

    @property
    def arn(self) -> str:
        """The ARN of the repository."""
        from aibs_informatics_aws_lambda.common.aws import find_partition

        place = f"{self.region}:{self.account_id}"
        return f"arn:{find_partition(self.region)}:ecr:{place}:repository/{self.repository_name}"

    @classmethod
    def from_uri(cls, uri: str) -> ECRRepository:
        """Return the repository with a URI; raise `ValidationError` where it is none."""
        found = ECRRepositoryUri(uri)
        return ECRRepository(
            account_id=found.account_id,
            region=found.region,
            repository_name=found.repository_name,
        )


class ECRImage(ECRRepository):
    """An image of Amazon ECR, by digest."""

    image_digest: Annotated[ImageDigest, Field(description="The digest of its manifest.")]
    image_manifest: Annotated[
        str | None,
        Field(description="Its manifest, byte by byte; without it, it is read from ECR."),
    ] = None

    @property
    def repository(self) -> ECRRepository:
        """The repository that the image is in."""
        return ECRRepository(
            account_id=self.account_id, region=self.region, repository_name=self.repository_name
        )

    @property
    def image_uri(self) -> ECRImageUri:
        """The URI of the image, by digest."""
        return ECRImageUri(f"{self.uri}@{self.image_digest}")

    @classmethod
    def of(cls, repository: ECRRepository, digest: ImageDigest) -> ECRImage:
        """Return the image with a digest in a repository."""
        return ECRImage(
            account_id=repository.account_id,
            region=repository.region,
            repository_name=repository.repository_name,
            image_digest=digest,
        )

    @model_serializer(mode="wrap")
    def _leave_out_absent_manifest(  # type: ignore[no-untyped-def] # noqa: ANN202
        self, handler: SerializerFunctionWrapHandler
    ):
        # Not annotated: a return type would replace the model's JSON schema.
        written: JSONObject = handler(self)
        if self.image_manifest is None:
            written.pop("image_manifest", None)
            written.pop("imageManifest", None)
        return written


class ReplicateImageRequest(PydanticBaseModel):
    """Which image to copy, where to, and under which tags."""

    source_image: Annotated[ECRImage, Field(description="The image to copy.")]
    destination_repository: Annotated[
        ECRRepository, Field(description="The repository to copy it to; it has to exist.")
    ]
    destination_image_tags: Annotated[
        list[ImageTag],
        Field(
            default_factory=list,
            description="Tags of the copy. The tags of the source are not taken over.",
        ),
    ]
    platforms: Annotated[
        list[Platform],
        Field(
            default_factory=list,
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
