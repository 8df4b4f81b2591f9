"""Resource tags of repositories; not to be taken for the tags of images."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypedDict


class ResourceTag(TypedDict):
    """A resource tag, as ECR's API writes it."""

    Key: str
    Value: str


class TagMode(StrEnum):
    """What happens to tags that are there and not given."""

    APPEND = "append"
    OVERWRITE = "overwrite"


def surplus_keys(there: Iterable[ResourceTag], given: Iterable[ResourceTag]) -> list[str]:
    """Return the keys of the tags that are there and not given, sorted."""
    return sorted({tag["Key"] for tag in there} - {tag["Key"] for tag in given})
