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
"""A valid name of a job definition."""

JobName: TypeAlias = Annotated[
    str, StringConstraints(pattern=rf"^[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_NAME_LENGTH - 1}}}$")
]
"""A valid name of a job, which starts with a letter or digit."""


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("not an integer, but a boolean")
    return value


def _vcpus(value: float) -> float | int:
    if value.is_integer():
        return int(value)
    if value not in _FRACTIONAL_VCPUS:
        raise ValueError("neither an integer nor 0.25 or 0.5")
    return value


# https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
_FRACTIONAL_VCPUS = (0.25, 0.5)

_Amount: TypeAlias = Annotated[int, BeforeValidator(_refuse_bool), Field(ge=0)]
_Vcpus: TypeAlias = Annotated[
    float, BeforeValidator(_refuse_bool), Field(ge=0, allow_inf_nan=False), AfterValidator(_vcpus)
]


class ResourceRequirements(PydanticBaseModel):
    """Resource requirements of a job, in the short form."""

    # Upper case is the spelling of Batch, and takes precedence.
    gpu: _Amount | None = Field(None, validation_alias=AliasChoices("GPU", "gpu"))
    memory: _Amount | None = Field(
        None, validation_alias=AliasChoices("MEMORY", "memory"), description="in MiB"
    )
    vcpu: _Vcpus | None = Field(
        None,
        validation_alias=AliasChoices("VCPU", "vcpu"),
        description="an integer, on Fargate also 0.25 or 0.5",
    )


def _as_list(value: Any) -> Any:
    """Convert the short form of resource requirements into the list of the Batch API."""
    if isinstance(value, dict):
        value = ResourceRequirements.model_validate(value)
    if isinstance(value, ResourceRequirements):
        return to_resource_requirements(gpu=value.gpu, memory=value.memory, vcpus=value.vcpu)
    return value


def _sorted_by_type(resources: list[JSONObject]) -> list[JSONObject]:
    for index, resource in enumerate(resources):
        if not isinstance(resource.get("type"), str):
            raise ValueError(f"entry {index} has no type: expected GPU, MEMORY or VCPU")
    return sorted(resources, key=lambda resource: str(resource["type"]))


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _queue_name(name: str) -> str:
    if not name:
        raise ValueError("job_queue_name must be provided")
    return name


class CreateDefinitionAndPrepareArgsRequest(PydanticBaseModel):
    """A job definition to register or reuse, and the queue for its job."""

    image: str = Field(description="full image reference, or the name of an Amazon ECR repository")
    job_definition_name: BatchName
    job_queue_name: Annotated[str, AfterValidator(_queue_name)] = Field(
        description="name or ARN; passed on unchanged", json_schema_extra={"minLength": 1}
    )
    job_role_arn: Annotated[str | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="IAM role of the job"
    )
    job_name: Annotated[JobName | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="default: the name of the job definition and a UUID"
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
        description="list of {type, value}, or {GPU, MEMORY (MiB), VCPU}",
    )
    mount_points: list[JSONObject] = Field([], description="as in the Batch API")
    volumes: list[JSONObject] = Field([], description="as in the Batch API")
    retry_strategy: JSONObject | None = Field(
        None, description="as in the Batch API; default: five attempts"
    )
    privileged: bool = False

    timeout_seconds: int | None = Field(None, ge=60, description="timeout of each attempt")
    ephemeral_storage_gib: int | None = Field(None, ge=21, le=200, description="Fargate only")
    platform_capabilities: list[Literal["EC2", "FARGATE"]] | None = None
    execution_role_arn: Annotated[str | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="IAM role that pulls the image, reads secrets and writes logs"
    )
    log_configuration: JSONObject | None = Field(None, description="as in the Batch API")
    secrets: list[JSONObject] | None = Field(None, description="as in the Batch API")
    linux_parameters: JSONObject | None = Field(None, description="as in the Batch API")
    scheduling_priority: int | None = Field(
        None, ge=0, le=9999, description="in queues with a fair-share policy; higher runs first"
    )
    network_configuration: JSONObject | None = Field(
        None, description="Fargate only; as in the Batch API"
    )
    runtime_platform: JSONObject | None = Field(
        None, description="Fargate only; as in the Batch API"
    )
    fargate_platform_configuration: JSONObject | None = Field(
        None, description="Fargate only; as in the Batch API"
    )
    ulimits: list[JSONObject] | None = Field(None, description="EC2 only; as in the Batch API")
    num_nodes: int | None = Field(
        None, ge=1, le=1000, description="nodes of a multi-node parallel job, on EC2"
    )
    array_size: int | None = Field(
        None, ge=2, le=10_000, description="number of child jobs of an array job"
    )
    depends_on: list[JSONObject] | None = Field(
        None, max_length=20, description="jobs to wait for; as in the Batch API"
    )
    share_identifier: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9]{1,255}$",
        description="required in queues with a fair-share policy",
    )
    scheduling_priority_override: int | None = Field(
        None, ge=0, le=9999, description="replaces scheduling_priority of the job definition"
    )
    retry_presets: list[RetryPreset] | None = Field(
        None, description="causes outside of the job for which it is retried"
    )
    dry_run: bool | None = Field(
        None, description="true: return the job definition, and register nothing"
    )

    @model_validator(mode="after")
    def _check_multi_node(self) -> Self:
        if self.num_nodes and self.array_size:
            raise ValueError("num_nodes and array_size are both set: Batch accepts one of them")
        if self.num_nodes and "FARGATE" in (self.platform_capabilities or []):
            raise ValueError("num_nodes is set with FARGATE: multi-node jobs require EC2")
        return self

    @model_validator(mode="after")
    def _check_number_of_rules(self) -> Self:
        if not self.retry_presets:
            return self
        own = (self.retry_strategy or {}).get("evaluateOnExit") or []
        if not isinstance(own, list) or not all(isinstance(rule, dict) for rule in own):
            raise ValueError("retry_strategy.evaluateOnExit is not a list of objects")
        strategy = build_retry_strategy(self.retry_strategy, self.retry_presets)
        count = len(strategy["evaluateOnExit"])
        if count > MAX_RULES:
            raise ValueError(
                f"retry_strategy and retry_presets have {count} rules: Batch accepts {MAX_RULES}"
            )
        return self


class CreateDefinitionAndPrepareArgsResponse(PydanticBaseModel):
    """The arguments of a ``batch:submitJob`` state in AWS Step Functions."""

    job_name: str
    job_definition_arn: str | None = Field(
        None, description="with revision; missing only in a dry run without a reusable revision"
    )
    job_queue_arn: str
    parameters: JSONObject = Field({})
    container_overrides: JSONObject
    node_overrides: JSONObject | None = Field(
        None, description="with num_nodes: replaces container_overrides in the submission"
    )
    array_properties: JSONObject | None = Field(None, description="with array_size")
    depends_on: list[JSONObject] | None = Field(None, description="with depends_on")
    share_identifier: str | None = Field(None, description="with share_identifier")
    scheduling_priority_override: int | None = Field(
        None, description="with scheduling_priority_override"
    )
    job_definition: JSONObject | None = Field(
        None, description="dry run only: arguments of RegisterJobDefinition"
    )
    reused: bool | None = Field(
        None, description="dry run only: whether the newest revision would be reused"
    )
    differences: list[str] | None = Field(
        None, description="dry run only: fields in which the newest revision differs"
    )


class DeregisterUnusedDefinitionsRequest(PydanticBaseModel):
    """Old revisions of job definitions to list or deregister."""

    job_definition_name_prefix: BatchName = Field(description="prefix of job definition names")
    keep: int = Field(5, ge=1, description="newest revisions to keep per name")
    deregister: bool = Field(False, description="true: deregister them; default: list them")
    limit: int = Field(1000, ge=1, description="maximum revisions to deregister in one call")


class DeregisterUnusedDefinitionsResponse(PydanticBaseModel):
    """ARNs of old revisions, sorted by name and revision."""

    unused_job_definition_arns: list[str] = Field(
        description="active revisions without unfinished jobs; with deregister, the remaining ones"
    )
    used_job_definition_arns: list[str] = Field(
        description="old revisions that are kept because they have unfinished jobs"
    )
    deregistered_job_definition_arns: list[str]
