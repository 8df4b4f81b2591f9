"""Base model of everything in a registry."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, TypedDict

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field, PrivateAttr

from ..api import get_ecr_client
from ..names import AccountId, RegionName
from ..uris import ECRRegistryUri


class ECRResource(PydanticBaseModel):
    """A resource in the registry of an account in a region.

    Args:
        client: a boto3 ECR client, or any object with its interface. By default, the client of
            the resource's own region, created on first use.
    """

    account_id: Annotated[AccountId, Field(description="The AWS account ID of the registry.")]
    region: Annotated[RegionName, Field(description="The AWS region of the registry.")]

    _client: Any = PrivateAttr(default=None)

    def __init__(self, *, client: Any = None, **fields: Any) -> None:
        super().__init__(**fields)
        # Validation passes the keys of a request as well, and a JSON value is not a client.
        is_json = isinstance(client, str | int | float | list | dict)
        self._client = None if is_json else client

    @property
    def client(self) -> Any:
        """The ECR client of the region."""
        return get_ecr_client(str(self.region)) if self._client is None else self._client

    @property
    def registry_uri(self) -> ECRRegistryUri:
        """The URI of the registry."""
        return ECRRegistryUri.from_components(self.account_id, self.region)


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
