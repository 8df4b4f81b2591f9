"""Handlers that register, reuse and deregister AWS Batch job definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.lazy import lazy_names

if TYPE_CHECKING:
    from .create import (
        CreateDefinitionAndPrepareArgsHandler as CreateDefinitionAndPrepareArgsHandler,
    )
    from .deregister import (
        DeregisterUnusedDefinitionsHandler as DeregisterUnusedDefinitionsHandler,
    )
    from .image_uri import DockerImageUri as DockerImageUri
    from .model import (
        CreateDefinitionAndPrepareArgsRequest as CreateDefinitionAndPrepareArgsRequest,
        CreateDefinitionAndPrepareArgsResponse as CreateDefinitionAndPrepareArgsResponse,
        DeregisterUnusedDefinitionsRequest as DeregisterUnusedDefinitionsRequest,
        DeregisterUnusedDefinitionsResponse as DeregisterUnusedDefinitionsResponse,
    )
    from .retry_strategy import RetryPreset as RetryPreset

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "create": ("CreateDefinitionAndPrepareArgsHandler",),
        "deregister": ("DeregisterUnusedDefinitionsHandler",),
        "image_uri": ("DockerImageUri",),
        "model": (
            "CreateDefinitionAndPrepareArgsRequest",
            "CreateDefinitionAndPrepareArgsResponse",
            "DeregisterUnusedDefinitionsRequest",
            "DeregisterUnusedDefinitionsResponse",
        ),
        "retry_strategy": ("RetryPreset",),
    },
)
