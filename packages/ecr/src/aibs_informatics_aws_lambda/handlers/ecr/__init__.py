"""Replication of container images between repositories of Amazon ECR."""

from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.ecr.model import (
    ECRImage,
    ECRRepository,
    ReplicateImageRequest,
    ReplicateImageResponse,
)
from aibs_informatics_aws_lambda.handlers.ecr.replicate_image import (
    ECRImageReplicator,
    ImageReplicatorHandler,
)
from aibs_informatics_aws_lambda.handlers.ecr.uris import (
    ECRImageUri,
    ECRRegistryUri,
    ECRRepositoryUri,
)

__all__ = [
    "ECRImage",
    "ECRImageReplicator",
    "ECRImageUri",
    "ECRRegistryUri",
    "ECRRepository",
    "ECRRepositoryUri",
    "ImageReplicatorHandler",
    "ReplicateImageRequest",
    "ReplicateImageResponse",
]
