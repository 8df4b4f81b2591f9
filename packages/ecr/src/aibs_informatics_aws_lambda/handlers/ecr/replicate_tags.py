"""Handler that copies tagged images from a repository of any registry to Amazon ECR."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field, PositiveInt

from .locations import parse_location
from .names import ImageTag
from .platforms import Platform
from .registry.ecr import EcrRegistryClient
from .registry.protocol import RegistryClient
from .replication import COPY_ACTIONS, Replication
from .repository_copy import plan_tags
from .resources.image import ECRImage
from .resources.repository import ECRRepository
from .tag_selection import select_tags
from .uris import ECRRepositoryUri

_EXAMPLE = {
    "source_repository": "docker.io/library/python",
    "source_secret": "docker-hub",
    "tag_patterns": ["3.1?-slim"],
    "newest": 5,
    "destination_repository": {
        "account_id": "123456789012",
        "region": "us-west-2",
        "repository_name": "mirror/python",
    },
    "platforms": ["linux/arm64"],
}


class RepositoryReference(CheckedText):
    """A repository: its URI in Amazon ECR, or ``HOST/NAME``."""

    __slots__ = ()

    @classmethod
    def _checked(cls, text: str) -> str:
        location = parse_location(text)
        if location.tag or location.digest:
            raise ValidationError(
                f"{text!r} is an image, not a repository: give tags as tag_patterns"
            )
        return text


class ReplicateTagsRequest(PydanticBaseModel):
    """The source repository, its tags and the destination."""

    source_repository: Annotated[
        RepositoryReference,
        Field(description="The repository to copy from: its URI in Amazon ECR, or HOST/NAME."),
    ]
    source_secret: Annotated[
        str | None,
        Field(
            description="The name or ARN of a secret in AWS Secrets Manager with the username "
            "and password (or accessToken) for the source registry. Default: no credentials."
        ),
    ] = None
    tag_patterns: Annotated[
        list[str],
        Field(
            [],
            description="Shell patterns, of which a tag must match one. Default: all tags but "
            "those of referrers.",
        ),
    ]
    newest: Annotated[
        PositiveInt | None,
        Field(description="The maximum number of tags, the newest first. Default: no limit."),
    ] = None
    destination_repository: Annotated[
        ECRRepository, Field(description="The repository to copy to. It must exist.")
    ]
    platforms: Annotated[
        list[Platform],
        Field([], description="The platforms of indexes to copy. Default: all."),
    ]
    include_referrers: Annotated[
        bool,
        Field(description="Also copy referrers of the images: signatures, attestations, SBOMs."),
    ] = False


class ReplicatedImage(PydanticBaseModel):
    """A copied image and its tags."""

    destination_image: Annotated[ECRImage, Field(description="The copied image, by digest.")]
    tags: Annotated[list[ImageTag], Field(description="The tags of the copy.")]


class ReplicateTagsResponse(PydanticBaseModel):
    """The copied images."""

    images: Annotated[list[ReplicatedImage], Field(description="The copied images.")]


def connect_source(request: ReplicateTagsRequest) -> RegistryClient:
    """Return a registry client for the source repository of a request."""
    return parse_location(request.source_repository).connect(request.source_secret)


@dataclass(repr=False)
class ReplicateTagsHandler(LambdaHandler[ReplicateTagsRequest, ReplicateTagsResponse]):
    """Copy tagged images from a repository of any registry to a repository of Amazon ECR."""

    connect_source: Callable[[ReplicateTagsRequest], RegistryClient] = field(
        default=connect_source
    )
    connect_destination: Callable[[ECRRepositoryUri], RegistryClient] = field(
        default=EcrRegistryClient
    )

    description = HandlerDescription(
        example=_EXAMPLE,
        iam_actions=(
            "ecr:GetAuthorizationToken",
            "ecr:DescribeImages",
            *COPY_ACTIONS,
            "secretsmanager:GetSecretValue",
        ),
        limits=(
            "The destination is a repository of Amazon ECR, and must exist.",
            "A Lambda function runs for up to 15 minutes. Completed layers are kept: a repeated "
            "request resumes, but each single layer must be transferred within that time.",
            "Registries limit the rate of requests, Docker Hub without a login above all.",
        ),
        cost="Data transfer from the internet or between regions, and storage in Amazon ECR.",
    )

    def handle(self, request: ReplicateTagsRequest) -> ReplicateTagsResponse:
        """Copy the missing parts of the images to the destination, and tag them.

        Raises:
            ValidationError: an image lacks a requested platform, or its manifest is invalid.
            ResourceNotFoundError: the source repository does not exist, or no tag matches.
            botocore.exceptions.ClientError: a repository of Amazon ECR does not exist.
            AWSError: a registry denied a request or failed.
        """
        source = self.connect_source(request)
        target = self.connect_destination(request.destination_repository.uri)
        selected = select_tags(source, request.tag_patterns, request.newest)
        plans = plan_tags(source, selected, request.platforms, request.include_referrers)
        images = []
        for plan, tags in plans:
            report = Replication(source, target).run(plan, tags)
            image = ECRImage.from_digest(request.destination_repository.uri, plan.root.digest)
            images.append(ReplicatedImage(destination_image=image, tags=tags))
            self.log.info(
                "Replicated %s:%s to %s: %d bytes copied",
                source.uri,
                tags[0],
                image.image_uri,
                report.bytes_copied,
            )
        return ReplicateTagsResponse(images=images)


lambda_handler = ReplicateTagsHandler.get_handler()
