"""Requests and responses of the handlers of this package."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# empty lists are defaults, which it copies: a factory's signature takes it milliseconds to find.

from typing import Annotated, Any, Literal, Self, TypeAlias

from aibs_informatics_aws_lambda.common.json_io import JSONObject
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from .resource_requirements import to_resource_requirements
from .retry_strategy import MAX_RULES, RetryPreset, build_retry_strategy

MAX_NAME_LENGTH = 128

BatchName: TypeAlias = Annotated[
    str, StringConstraints(pattern=rf"^[A-Za-z0-9_-]{{1,{MAX_NAME_LENGTH}}}$")
]
"""A name as AWS Batch takes it, for job definitions and for jobs."""


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a whole number, got a boolean")
    return value


_Amount: TypeAlias = Annotated[int, BeforeValidator(_refuse_bool), Field(ge=0)]


class ResourceRequirements(PydanticBaseModel):
    """What a job needs of its host, in the short form that a request may use."""

    # Upper case is Batch's own, and goes before.
    gpu: _Amount | None = Field(None, validation_alias=AliasChoices("GPU", "gpu"))
    memory: _Amount | None = Field(
        None, validation_alias=AliasChoices("MEMORY", "memory"), description="in MiB"
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
    command: list[str] = Field([])
    environment: dict[str, str] = Field({})
    job_definition_tags: dict[str, str] = Field({})
    resource_requirements: Annotated[
        list[JSONObject],
        BeforeValidator(_as_list, json_schema_input_type=list[JSONObject] | ResourceRequirements),
        AfterValidator(_sorted_by_type),
    ] = Field(
        [],
        description="Batch's list of type and value, or {GPU, MEMORY (MiB), VCPU}",
    )
    mount_points: list[JSONObject] = Field([], description="in the shape of the Batch API")
    volumes: list[JSONObject] = Field([], description="in the shape of the Batch API")
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

    @model_validator(mode="after")
    def _check_number_of_rules(self) -> Self:
        if not self.retry_presets:
            return self
        own = (self.retry_strategy or {}).get("evaluateOnExit") or []
        if not isinstance(own, list) or not all(isinstance(rule, dict) for rule in own):
            raise ValueError("evaluateOnExit of retry_strategy must be a list of rules")
        strategy = build_retry_strategy(self.retry_strategy, self.retry_presets)
        count = len(strategy["evaluateOnExit"])
        if count > MAX_RULES:
            raise ValueError(
                f"retry_strategy and retry_presets make {count} rules: Batch takes {MAX_RULES}"
            )
        return self


class CreateDefinitionAndPrepareArgsResponse(PydanticBaseModel):
    """What a ``batch:submitJob`` state of AWS Step Functions needs."""

    job_name: str
    job_definition_arn: str | None = Field(
        None, description="with revision; left out only of a dry run that finds none to reuse"
    )
    job_queue_arn: str
    parameters: JSONObject = Field({})
    container_overrides: JSONObject
    job_definition: JSONObject | None = Field(
        None, description="dry run only: the arguments that RegisterJobDefinition would get"
    )
    reused: bool | None = Field(
        None, description="dry run only: whether the newest revision would be used"
    )
    differences: list[str] | None = Field(
        None, description="dry run only: fields in which the newest revision differs"
    )


class DeregisterUnusedDefinitionsRequest(PydanticBaseModel):
    """Which old revisions of job definitions to look for, and whether to deregister them."""

    job_definition_name_prefix: BatchName = Field(
        description="only definitions whose name starts with this"
    )
    keep: int = Field(5, ge=1, description="newest revisions of each name that stay in any case")
    deregister: bool = Field(False, description="deregister them; by default they are only listed")
    limit: int = Field(
        1000, ge=1, description="most revisions to deregister at once; call again for the rest"
    )


class DeregisterUnusedDefinitionsResponse(PydanticBaseModel):
    """Old revisions, by ARN, in order of name and revision."""

    unused_job_definition_arns: list[str] = Field(
        description="active revisions that no job needs; after deregistering, those that are left"
    )
    used_job_definition_arns: list[str] = Field(
        description="old revisions that stay active, because jobs of theirs have not finished"
    )
    deregistered_job_definition_arns: list[str]
