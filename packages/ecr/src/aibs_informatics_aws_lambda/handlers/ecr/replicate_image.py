"""Handler that copies an image between repositories of Amazon ECR."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.handler import LambdaHandler

from .manifest import Manifest
from .model import ReplicateImageRequest, ReplicateImageResponse
from .registry.ecr import EcrRegistryClient
from .registry.protocol import RegistryClient
from .replication import COPY_ACTIONS, Plan, Replication, Report, make_plan
from .resources.image import ECRImage
from .resources.repository import ECRRepository
from .uris import ECRRepositoryUri

_EXAMPLE = {
    "source_image": {
        "account_id": "111122223333",
        "region": "us-east-1",
        "repository_name": "team/image",
        "image_digest": "sha256:4e1243bd22c66e76c2ba9eddc1f91394e57f9f83b8d6a2b2c1f0d0b7e8a9c0d1",
    },
    "destination_repository": {
        "account_id": "123456789012",
        "region": "us-west-2",
        "repository_name": "team/image",
    },
    "destination_image_tags": ["v1", "latest"],
}


@dataclass(frozen=True)
class ECRImageReplicator:
    """Copies images between repositories of Amazon ECR.

    Args:
        connect: returns a registry client for a repository.
    """

    connect: Callable[[ECRRepositoryUri], RegistryClient] = EcrRegistryClient

    def process_request(self, request: ReplicateImageRequest) -> ReplicateImageResponse:
        """Copy the image of a request; see `replicate`."""
        return _response(request, self.replicate(request))

    def replicate(self, request: ReplicateImageRequest) -> Report:
        """Copy the image of a request and return the report.

        Raises:
            ValidationError: the manifest in the request does not match the image, the image
                lacks a requested platform, or its manifest is invalid.
            ResourceNotFoundError: the image does not exist.
            botocore.exceptions.ClientError: a repository does not exist.
            AWSError: ECR denied a request or failed.
        """
        replication, plan = self._prepare(request)
        return replication.run(plan, request.destination_image_tags)

    def upload_layers(self, source_image: ECRImage, destination_repository: ECRRepository) -> None:
        """Copy the blobs of an image that a repository lacks, without the image itself.

        Raises:
            Exception: as `replicate`.
        """
        replication, plan = self._prepare(_request(source_image, destination_repository))
        replication.copy_blobs(plan)

    def put_image(
        self,
        source_image: ECRImage,
        destination_repository: ECRRepository,
        destination_image_tags: Sequence[str] | None = None,
    ) -> ECRImage:
        """Copy an image, with the blobs that are missing, and return the copy.

        Raises:
            Exception: as `replicate`.
        """
        request = _request(source_image, destination_repository, destination_image_tags or ())
        return self.process_request(request).destination_image

    def _prepare(self, request: ReplicateImageRequest) -> tuple[Replication, Plan]:
        given = _given_manifest(request.source_image)
        source = self.connect(request.source_image.repository_uri)
        target = self.connect(request.destination_repository.uri)
        root = given or source.get_manifest(request.source_image.image_digest)
        plan = make_plan(source, root, request.platforms, request.include_referrers)
        return Replication(source, target), plan


@dataclass(repr=False)
class ImageReplicatorHandler(LambdaHandler[ReplicateImageRequest, ReplicateImageResponse]):
    """Copy a container image, by digest, to another repository of Amazon ECR and tag the copy."""

    replicator: ECRImageReplicator = field(default_factory=ECRImageReplicator)

    description = HandlerDescription(
        example=_EXAMPLE,
        iam_actions=(
            "ecr:GetAuthorizationToken",
            *COPY_ACTIONS,
        ),
        limits=(
            "Source and destination are repositories of Amazon ECR, and must exist.",
            "A Lambda function runs for up to 15 minutes. Completed layers are kept: a repeated "
            "request resumes, but each single layer must be transferred within that time.",
        ),
        cost="Data transfer between regions, and storage in Amazon ECR. Layers that are mounted "
        "within a registry are not transferred.",
    )

    def handle(self, request: ReplicateImageRequest) -> ReplicateImageResponse:
        """Copy the missing parts of the image to the destination, and tag it.

        Raises:
            ValidationError: the manifest in the request does not match the image, the image
                lacks a requested platform, or its manifest is invalid.
            ResourceNotFoundError: the image does not exist.
            botocore.exceptions.ClientError: a repository does not exist.
            AWSError: ECR denied a request or failed.
        """
        report = self.replicator.replicate(request)
        response = _response(request, report)
        self.log.info(
            "Replicated %s to %s: %d of %d blobs were missing, %d mounted, %d bytes copied",
            request.source_image.image_uri,
            response.destination_image.image_uri,
            len(report.missing),
            len(report.plan.blobs),
            report.mounted,
            report.bytes_copied,
        )
        return response


def _request(
    source_image: ECRImage, destination_repository: ECRRepository, tags: Sequence[str] = ()
) -> ReplicateImageRequest:
    return ReplicateImageRequest(
        source_image=source_image,
        destination_repository=destination_repository,
        destination_image_tags=list(tags),
        platforms=[],
    )


def _response(request: ReplicateImageRequest, report: Report) -> ReplicateImageResponse:
    image = ECRImage.from_digest(request.destination_repository.uri, report.plan.root.digest)
    return ReplicateImageResponse(destination_image=image)


def _given_manifest(image: ECRImage) -> Manifest | None:
    """Return the manifest in the request, checked against the digest of the image."""
    if image.known_manifest is None:
        return None
    manifest = Manifest.parse(image.known_manifest.encode())
    if manifest.digest != image.image_digest:
        raise ValidationError(
            f"image_manifest is not the manifest of {image.image_uri}: its digest is "
            f"{manifest.digest}"
        )
    return manifest


lambda_handler = ImageReplicatorHandler.get_handler()
