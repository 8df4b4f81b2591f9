"""Demand executions: a containerised job with inputs and outputs on S3."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# defaults are data that it validates: a model that is made alone needs a validator of its own.

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeAlias

from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from .metadata import DemandExecutionMetadata
from .parameters import DemandExecutionParameters

# The job's bash gets the working folder unquoted: it would split at white space, and take
# wildcards for the folders of other executions. A '$' would be taken for a reference.
_NOT_IN_SEGMENT = re.compile(r"[/\s*?\[\\$\x00-\x1f\x7f]")


def _plain_segment(text: str) -> str:
    if text in ("", ".", "..") or _NOT_IN_SEGMENT.search(text) or not text.isprintable():
        raise ValueError(
            "expected one plain segment of a path: not empty, not '.' or '..', without '/', '$', "
            "white space, wildcards, backslashes and control characters"
        )
    return text


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a whole number, got a boolean")
    return value


def _unset_if_zero(amount: int | None) -> int | None:
    return amount or None


# Batch takes no other characters in the names of jobs and job definitions:
# https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
ExecutionType: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]
ExecutionId: TypeAlias = Annotated[str, AfterValidator(_plain_segment)]
Amount: TypeAlias = Annotated[
    Annotated[int, Field(ge=0)] | None,
    BeforeValidator(_refuse_bool),
    AfterValidator(_unset_if_zero),
]


class AWSBatchExecutionPlatform(PydanticBaseModel):
    """Where on AWS Batch a job runs."""

    job_queue_name: str
    job_role: str | None = Field(None, description="ARN of the role of the job itself")


class ExecutionPlatform(PydanticBaseModel):
    """Where a job runs."""

    aws_batch: AWSBatchExecutionPlatform | None = None


class DemandResourceRequirements(PydanticBaseModel):
    """What a job needs of its host; 0 is unset."""

    gpu: Amount = None
    memory: Amount = Field(None, description="MiB")
    vcpus: Amount = None


class DemandExecution(PydanticBaseModel):
    """A containerised job: its image, its parameters, and where it runs."""

    execution_type: ExecutionType = Field(description="goes into the names of job and definition")
    execution_id: ExecutionId = Field(description="the name of the job's working folder")
    execution_image: str
    execution_parameters: DemandExecutionParameters = Field({}, validate_default=True)
    execution_metadata: DemandExecutionMetadata = Field({}, validate_default=True)
    execution_platform: ExecutionPlatform = Field({}, validate_default=True)
    resource_requirements: DemandResourceRequirements = Field({}, validate_default=True)

    def with_params(self, changed: Mapping[str, JSON]) -> Self:
        """Return a copy in which some params have other values, and references follow them."""
        parameters = self.execution_parameters.with_params(changed)
        return self.model_copy(update={"execution_parameters": parameters})
