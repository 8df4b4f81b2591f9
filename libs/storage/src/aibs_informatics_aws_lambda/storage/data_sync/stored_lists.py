"""Lists of any length in requests and answers: in place, or stored in S3."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from typing import Annotated, Any, TypeAlias, TypeVar

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Discriminator, Field, Tag

T = TypeVar("T")


def _list_or_location(value: Any) -> str:
    return "location" if isinstance(value, str) else "list"


ListOrLocation: TypeAlias = Annotated[
    Annotated[list[T], Tag("list")] | Annotated[S3Path, Tag("location")],
    Discriminator(_list_or_location),
]
"""A list, or the S3 URI of a JSON document that holds it: state machines pass 256 KiB at most."""


class ResponseByReference(PydanticBaseModel):
    """What a request says whose answer holds lists of any length."""

    response_path: S3Path | None = Field(
        None,
        description="prefix at which the lists of the answer are stored, each as <field>.json; "
        "the answer then has their S3 URIs in place of them",
    )
