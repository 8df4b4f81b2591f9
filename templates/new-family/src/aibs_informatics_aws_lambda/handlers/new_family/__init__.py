"""Count the words of texts in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.lazy import lazy_names

if TYPE_CHECKING:
    from .count import NewFamilyHandler as NewFamilyHandler
    from .model import (
        NewFamilyRequest as NewFamilyRequest,
        NewFamilyResponse as NewFamilyResponse,
    )

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "count": ("NewFamilyHandler",),
        "model": ("NewFamilyRequest", "NewFamilyResponse"),
    },
)
