"""Lists in requests and responses: inline, or stored in S3 as JSON documents."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from typing import Annotated, Any, TypeAlias, TypeVar

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Discriminator, Field, Tag

_T = TypeVar("_T")


def _list_or_location(value: Any) -> str:
    return "location" if isinstance(value, str) else "list"


ListOrLocation: TypeAlias = Annotated[
    Annotated[list[_T], Tag("list")] | Annotated[S3Path, Tag("location")],
    Discriminator(_list_or_location),
]
"""A list, or the S3 URI of a JSON document that holds it. State machines pass up to 256 KiB."""


class ResponseByReference(PydanticBaseModel):
    """A request whose response can refer to lists in S3 instead of holding them."""

    response_path: S3Path | None = Field(
        None,
        description="S3 prefix for the lists of the response; each is stored as <field>.json, and "
        "the response has its S3 URI instead",
    )
