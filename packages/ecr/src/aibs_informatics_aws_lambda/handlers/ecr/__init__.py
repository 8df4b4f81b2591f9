"""Copy container images to Amazon ECR, and manage its registries, repositories and images."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import get_ecr_client as get_ecr_client
    from .lifecycle import (
        LifecyclePolicy as LifecyclePolicy,
        LifecyclePolicyAction as LifecyclePolicyAction,
        LifecyclePolicyRule as LifecyclePolicyRule,
        LifecyclePolicySelection as LifecyclePolicySelection,
    )
    from .login import ECRLogin as ECRLogin
    from .model import (
        ReplicateImageRequest as ReplicateImageRequest,
        ReplicateImageResponse as ReplicateImageResponse,
    )
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
    from .resources.resource import ECRResource as ECRResource
    from .resources.tags import ResourceTag as ResourceTag, TagMode as TagMode
    from .uris import (
        ECRImageUri as ECRImageUri,
        ECRRegistryUri as ECRRegistryUri,
        ECRRepositoryUri as ECRRepositoryUri,
    )

# Loaded on first use: the command and the handler each need only some of them.
_MODULES = {
    "api": ("get_ecr_client",),
    "lifecycle": (
        "LifecyclePolicy",
        "LifecyclePolicyAction",
        "LifecyclePolicyRule",
        "LifecyclePolicySelection",
    ),
    "login": ("ECRLogin",),
    "model": ("ReplicateImageRequest", "ReplicateImageResponse"),
    "replicate_image": ("ECRImageReplicator", "ImageReplicatorHandler"),
    "replicate_tags": (
        "ReplicateTagsHandler",
        "ReplicateTagsRequest",
        "ReplicateTagsResponse",
        "ReplicatedImage",
    ),
    "resolution": ("resolve_image_uri",),
    "resources.image": ("ECRImage",),
    "resources.registry": ("ECRRegistry",),
    "resources.repository": ("ECRRepository",),
    "resources.resource": ("ECRResource",),
    "resources.tags": ("ResourceTag", "TagMode"),
    "uris": ("ECRImageUri", "ECRRegistryUri", "ECRRepositoryUri"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

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
    "ReplicateTagsHandler",
    "ReplicateTagsRequest",
    "ReplicateTagsResponse",
    "ReplicatedImage",
    "ResourceTag",
    "TagMode",
    "get_ecr_client",
    "resolve_image_uri",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
