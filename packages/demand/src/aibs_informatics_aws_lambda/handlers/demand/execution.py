"""Demand executions: containerised jobs with inputs and outputs in S3."""

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

# The command of the job uses the working directory unquoted: bash would split it at whitespace,
# and expand wildcards to directories of other executions. A '$' would start a reference.
_NOT_IN_SEGMENT = re.compile(r"[/\s*?\[\\$\x00-\x1f\x7f]")


def _plain_segment(text: str) -> str:
    if text in ("", ".", "..") or _NOT_IN_SEGMENT.search(text) or not text.isprintable():
        raise ValueError(
            "not a plain path segment: it must not be empty, '.' or '..', nor contain '/', '$', "
            "whitespace, wildcards, backslashes or control characters"
        )
    return text


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("not an integer, but a boolean")
    return value


def _unset_if_zero(amount: int | None) -> int | None:
    return amount or None


# Batch accepts no other characters in the names of jobs and job definitions:
# https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
ExecutionType: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]
ExecutionId: TypeAlias = Annotated[str, AfterValidator(_plain_segment)]
Amount: TypeAlias = Annotated[
    Annotated[int, Field(ge=0)] | None,
    BeforeValidator(_refuse_bool),
    AfterValidator(_unset_if_zero),
]


class AWSBatchExecutionPlatform(PydanticBaseModel):
    """The job queue and role of a job on AWS Batch."""

    job_queue_name: str
    job_role: str | None = Field(None, description="ARN of the IAM role of the job")


class ExecutionPlatform(PydanticBaseModel):
    """The platform of a job; AWS Batch is the only one."""

    aws_batch: AWSBatchExecutionPlatform | None = None


class DemandResourceRequirements(PydanticBaseModel):
    """Resource requirements of a job; 0 means unset."""

    gpu: Amount = None
    memory: Amount = Field(None, description="MiB")
    vcpus: Amount = None


class DemandExecution(PydanticBaseModel):
    """A containerised job: its image, parameters, platform and resources."""

    execution_type: ExecutionType = Field(
        description="part of the names of job and job definition"
    )
    execution_id: ExecutionId = Field(description="name of the working directory")
    execution_image: str
    execution_parameters: DemandExecutionParameters = Field({}, validate_default=True)
    execution_metadata: DemandExecutionMetadata = Field({}, validate_default=True)
    execution_platform: ExecutionPlatform = Field({}, validate_default=True)
    resource_requirements: DemandResourceRequirements = Field({}, validate_default=True)

    def with_params(self, changed: Mapping[str, JSON]) -> Self:
        """Return a copy with changed params; references to them are resolved again."""
        parameters = self.execution_parameters.with_params(changed)
        return self.model_copy(update={"execution_parameters": parameters})
