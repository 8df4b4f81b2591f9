"""Which items are synced, as requests say it."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from typing import TypeAlias

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel

Patterns: TypeAlias = str | list[str]
"""One regular expression or several."""


class DataSyncFilterConfig(PydanticBaseModel):
    """Which items are synced: those that match an include, if any, and no exclude.

    Patterns are regular expressions that must match the whole path of an item relative to the
    filter root. Null, empty text and an empty list are no pattern.
    """

    include: Patterns | None = None
    exclude: Patterns | None = None
