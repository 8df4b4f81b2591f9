"""Requests and responses of the handlers of this package."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.handlers.batch.job_definition import to_resource_requirements
from aibs_informatics_aws_lambda.handlers.batch.retry_strategy import RetryPreset
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, StringConstraints

__all__ = [
    "BatchName",
    "CreateDefinitionAndPrepareArgsRequest",
    "CreateDefinitionAndPrepareArgsResponse",
    "ResourceRequirements",
]

BatchName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
"""A name as AWS Batch takes it, for job definitions and for jobs."""


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a whole number, got a boolean")
    return value


_Amount: TypeAlias = Annotated[int, BeforeValidator(_refuse_bool), Field(ge=0)]


class ResourceRequirements(PydanticBaseModel):
    """What a job needs of its host, in the short form that a request may use."""

    gpu: _Amount | None = Field(None, validation_alias=AliasChoices("GPU", "gpu"))
    memory: _Amount | None = Field(
        None, validation_alias=AliasChoices("MEMORY", "memory"), description="MiB"
    )
    vcpu: _Amount | None = Field(None, validation_alias=AliasChoices("VCPU", "vcpu"))


def _as_list(value: Any) -> Any:
    """Turn the short form of resources into Batch's list."""
    if isinstance(value, dict):
        value = ResourceRequirements.model_validate(value)
    if isinstance(value, ResourceRequirements):
        return to_resource_requirements(gpu=value.gpu, memory=value.memory, vcpus=value.vcpu)
    return value


def _sorted_by_type(resources: list[JSONObject]) -> list[JSONObject]:
    for place, resource in enumerate(resources):
        if not isinstance(resource.get("type"), str):
            raise ValueError(f"entry {place} has no type: expected GPU, MEMORY or VCPU")
    return sorted(resources, key=lambda resource: str(resource["type"]))


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _queue_name(name: str) -> str:
    if not name:
        raise ValueError("job_queue_name must be provided")
    return name


class CreateDefinitionAndPrepareArgsRequest(PydanticBaseModel):
    """A job to prepare: what its definition says, and which queue it goes to."""

    image: str = Field(
        description="full reference of an image, or the name of a repository in Amazon ECR"
    )
    job_definition_name: BatchName
    job_queue_name: Annotated[str, AfterValidator(_queue_name)] = Field(
        description="name or ARN; passed on as it is", json_schema_extra={"minLength": 1}
    )
    job_role_arn: Annotated[str | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="role of the job itself"
    )
    job_name: Annotated[BatchName | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="by default the name of the job definition and a UUID"
    )
    command: list[str] = Field(default_factory=list)
    environment: dict[str, str] = Field(default_factory=dict)
    job_definition_tags: dict[str, str] = Field(default_factory=dict)
    resource_requirements: Annotated[
        list[JSONObject], BeforeValidator(_as_list), AfterValidator(_sorted_by_type)
    ] = Field(
        default_factory=list,
        description="Batch's list of type and value, or {GPU, MEMORY (MiB), VCPU}",
    )
    mount_points: list[JSONObject] = Field(
        default_factory=list, description="in the shape of the Batch API"
    )
    volumes: list[JSONObject] = Field(
        default_factory=list, description="in the shape of the Batch API"
    )
    retry_strategy: JSONObject | None = Field(
        None, description="in the shape of the Batch API; by default five attempts"
    )
    privileged: bool = False

    timeout_seconds: int | None = Field(None, ge=60, description="of each attempt")
    ephemeral_storage_gib: int | None = Field(None, ge=21, le=200, description="on Fargate")
    platform_capabilities: list[Literal["EC2", "FARGATE"]] | None = None
    execution_role_arn: Annotated[str | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="role that pulls the image, reads secrets and writes logs"
    )
    log_configuration: JSONObject | None = Field(None, description="in the shape of the Batch API")
    secrets: list[JSONObject] | None = Field(None, description="in the shape of the Batch API")
    linux_parameters: JSONObject | None = Field(None, description="in the shape of the Batch API")
    scheduling_priority: int | None = Field(
        None, ge=0, le=9999, description="in queues with a fair share policy; higher goes first"
    )
    retry_presets: list[RetryPreset] | None = Field(
        None, description="causes outside the job for which it is tried again"
    )
    dry_run: bool | None = Field(
        None, description="answer what would be registered; register nothing"
    )


class CreateDefinitionAndPrepareArgsResponse(PydanticBaseModel):
    """What a ``batch:submitJob`` state of AWS Step Functions needs."""

    job_name: str
    job_definition_arn: str | None = Field(
        None, description="with revision; left out only of a dry run that finds none to reuse"
    )
    job_queue_arn: str
    parameters: JSONObject = Field(default_factory=dict)
    container_overrides: JSONObject
    job_definition: JSONObject | None = Field(
        None, description="dry run only: the arguments that RegisterJobDefinition would get"
    )
    reused: bool | None = Field(
        None, description="dry run only: whether an existing revision would be used"
    )
