"""Include and exclude filters of a data sync."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from typing import TypeAlias

from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from pydantic import Field

Patterns: TypeAlias = str | list[str]
"""One regular expression or several."""


class DataSyncFilterConfig(PydanticBaseModel):
    """Filters of a data sync: include patterns first, then exclude patterns.

    Patterns are full-match regular expressions for the path relative to the filter root. Without
    include patterns, everything is included. Null, an empty string and an empty list mean no
    pattern. The other filters apply to the files that the patterns select.
    """

    include: Patterns | None = None
    exclude: Patterns | None = None
    files: list[str] | None = Field(
        None, description="select only these paths, relative to the filter root"
    )
    min_size_bytes: int | None = Field(None, ge=0, description="skip smaller files")
    max_size_bytes: int | None = Field(None, ge=0, description="skip larger files")
    modified_after: AwareIsoDateTime | None = Field(
        None, description="skip files last modified before this time"
    )
    modified_before: AwareIsoDateTime | None = Field(
        None, description="skip files last modified at this time or later"
    )
