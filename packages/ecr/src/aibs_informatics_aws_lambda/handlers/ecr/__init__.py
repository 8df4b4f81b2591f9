"""Replication of container images between repositories of Amazon ECR, and these themselves."""

from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.ecr.api import get_ecr_client
from aibs_informatics_aws_lambda.handlers.ecr.lifecycle import (
    LifecyclePolicy,
    LifecyclePolicyAction,
    LifecyclePolicyRule,
    LifecyclePolicySelection,
)
from aibs_informatics_aws_lambda.handlers.ecr.model import (
    ReplicateImageRequest,
    ReplicateImageResponse,
)
from aibs_informatics_aws_lambda.handlers.ecr.replicate_image import (
    ECRImageReplicator,
    ImageReplicatorHandler,
)
from aibs_informatics_aws_lambda.handlers.ecr.resolution import resolve_image_uri
from aibs_informatics_aws_lambda.handlers.ecr.resources import (
    ECRImage,
    ECRLogin,
    ECRRegistry,
    ECRRepository,
    ECRResource,
)
from aibs_informatics_aws_lambda.handlers.ecr.tags import ResourceTag, TagMode
from aibs_informatics_aws_lambda.handlers.ecr.uris import (
    ECRImageUri,
    ECRRegistryUri,
    ECRRepositoryUri,
)

__all__ = [
    "ECRImage",
    "ECRImageReplicator",
    "ECRImageUri",
    "ECRLogin",
    "ECRRegistry",
    "ECRRegistryUri",
    "ECRRepository",
    "ECRRepositoryUri",
    "ECRResource",
    "ImageReplicatorHandler",
    "LifecyclePolicy",
    "LifecyclePolicyAction",
    "LifecyclePolicyRule",
    "LifecyclePolicySelection",
    "ReplicateImageRequest",
    "ReplicateImageResponse",
    "ResourceTag",
    "TagMode",
    "get_ecr_client",
    "resolve_image_uri",
]
