"""Metadata of a demand execution: user, tags, status and notifications."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

import logging
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field, StringConstraints, field_validator, model_validator

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
ExecutionArn: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^arn:aws[a-z-]*:states:[a-z0-9-]*:\d{12}:execution:[^\s:]+:[^\s:]+(:[^\s:]+)?$"
    ),
]


class DemandExecutionStatus(StrEnum):
    """The status of a demand execution."""

    AWAITING_TRIGGER = "AWAITING_TRIGGER"
    SUBMITTED = "SUBMITTED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


class DemandExecutionMetadata(PydanticBaseModel):
    """Metadata of a demand execution, returned unchanged."""

    user: str | None = Field(None, description="value of the tag USER of the job definition")
    arn: ExecutionArn | None = Field(None, description="ARN of the Step Functions execution")
    tags: dict[str, str] | None = None
    notify_on: dict[DemandExecutionStatus, bool] | None = None
    notify_list: list[str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_old_tag(cls, data: Any) -> Any:
        return _with_old_tag(data) if isinstance(data, dict) and "tag" in data else data

    @field_validator("tags", mode="before")
    @classmethod
    def _refuse_null(cls, tags: Any) -> Any:
        if tags is None:
            raise ValueError("not an object of strings, but null")
        return tags


def _with_old_tag(data: JSONObject) -> JSONObject:
    """Return a copy of metadata with ``tag``, the old form of ``tags``, merged into ``tags``."""
    rest = {key: value for key, value in data.items() if key != "tag"}
    tag = data["tag"]
    texts = tag if isinstance(tag, list) else [tag]
    if not all(isinstance(text, str | int) for text in texts):
        if tag is not None:
            logger.warning(
                "execution_metadata.tag is neither a string nor a list of strings: ignored"
            )
        return rest
    old = dict(_key_and_value(part) for text in texts for part in str(text).split(","))
    tags = rest.get("tags", {})
    return {**rest, "tags": {**old, **tags}} if isinstance(tags, dict) else rest


def _key_and_value(part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    return key, value if equals else part
