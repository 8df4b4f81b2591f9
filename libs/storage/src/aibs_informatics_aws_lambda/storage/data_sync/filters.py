"""Include and exclude filters of a data sync."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from typing import TypeAlias

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel

Patterns: TypeAlias = str | list[str]
"""One regular expression or several."""


class DataSyncFilterConfig(PydanticBaseModel):
    """Filters of a data sync: include patterns first, then exclude patterns.

    Patterns are full-match regular expressions for the path relative to the filter root. Without
    include patterns, everything is included. Null, an empty string and an empty list mean no
    pattern.
    """

    include: Patterns | None = None
    exclude: Patterns | None = None
