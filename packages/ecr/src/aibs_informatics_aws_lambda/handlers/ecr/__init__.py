"""Copy container images to Amazon ECR, and manage its registries, repositories and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.lazy import lazy_names

if TYPE_CHECKING:
    from .api import get_ecr_client as get_ecr_client
    from .lifecycle import *
    from .login import ECRLogin as ECRLogin
    from .model import *
    from .replicate_image import (
        ECRImageReplicator as ECRImageReplicator,
        ImageReplicatorHandler as ImageReplicatorHandler,
    )
    from .replicate_tags import (
        ReplicatedImage as ReplicatedImage,
        ReplicateTagsHandler as ReplicateTagsHandler,
        ReplicateTagsRequest as ReplicateTagsRequest,
        ReplicateTagsResponse as ReplicateTagsResponse,
    )
    from .resolution import resolve_image_uri as resolve_image_uri
    from .resources.image import ECRImage as ECRImage
    from .resources.registry import ECRRegistry as ECRRegistry
    from .resources.repository import ECRRepository as ECRRepository
    from .resources.resource import (
        ECRResource as ECRResource,
        ResourceTag as ResourceTag,
        TagMode as TagMode,
    )
    from .uris import *

_NAMES = {
    "api": "get_ecr_client",
    "lifecycle": (
        "LifecyclePolicy LifecyclePolicyAction LifecyclePolicyRule LifecyclePolicySelection"
    ),
    "login": "ECRLogin",
    "model": "ReplicateImageRequest ReplicateImageResponse",
    "replicate_image": "ECRImageReplicator ImageReplicatorHandler",
    "replicate_tags": (
        "ReplicateTagsHandler ReplicateTagsRequest ReplicateTagsResponse ReplicatedImage"
    ),
    "resolution": "resolve_image_uri",
    "resources.image": "ECRImage",
    "resources.registry": "ECRRegistry",
    "resources.repository": "ECRRepository",
    "resources.resource": "ECRResource ResourceTag TagMode",
    "uris": "ECRImageUri ECRRegistryUri ECRRepositoryUri",
}

__all__ = [name for names in _NAMES.values() for name in names.split()]

__getattr__, __dir__ = lazy_names(
    __name__, {module: names.split() for module, names in _NAMES.items()}
)
