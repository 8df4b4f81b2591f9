"""Resource tags of repositories (AWS tags, as opposed to image tags)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypedDict


class ResourceTag(TypedDict):
    """A resource tag, in the form of the ECR API."""

    Key: str
    Value: str


class TagMode(StrEnum):
    """What to do with existing resource tags that are not in an update."""

    APPEND = "append"
    OVERWRITE = "overwrite"


def extraneous_keys(existing: Iterable[ResourceTag], given: Iterable[ResourceTag]) -> list[str]:
    """Return the keys of existing tags that are not among the given ones, sorted."""
    return sorted({tag["Key"] for tag in existing} - {tag["Key"] for tag in given})
