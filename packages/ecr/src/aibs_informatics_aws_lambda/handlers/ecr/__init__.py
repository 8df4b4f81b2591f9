"""Replication of container images between repositories of Amazon ECR, and these themselves."""

from __future__ import annotations

from .api import get_ecr_client
from .lifecycle import (
    LifecyclePolicy,
    LifecyclePolicyAction,
    LifecyclePolicyRule,
    LifecyclePolicySelection,
)
from .model import ReplicateImageRequest, ReplicateImageResponse
from .replicate_image import ECRImageReplicator, ImageReplicatorHandler
from .resolution import resolve_image_uri
from .resources import ECRImage, ECRLogin, ECRRegistry, ECRRepository, ECRResource
from .tags import ResourceTag, TagMode
from .uris import ECRImageUri, ECRRegistryUri, ECRRepositoryUri

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
