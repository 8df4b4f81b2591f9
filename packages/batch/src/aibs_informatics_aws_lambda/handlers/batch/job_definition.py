"""Build job definitions in the shape of the Batch API.

https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
"""

from collections.abc import Mapping

from aibs_informatics_aws_lambda.common.constants import AWS_REGION_KEY
from aibs_informatics_aws_lambda.common.env import ENV_BASE_KEY_ALIAS, EnvBase
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .model import CreateDefinitionAndPrepareArgsRequest
from .retry_strategy import build_retry_strategy

ALL_NODES = "0:"
"""The range of all nodes of a multi-node parallel job."""


def to_job_environment(
    environment: Mapping[str, str], env_base: EnvBase, region: str
) -> dict[str, str]:
    """Return the environment variables of a job, with ``ENV_BASE`` and ``AWS_REGION`` set.

    Args:
        environment: the variables of the request.
        env_base: the environment base of the job; takes precedence over the request.
        region: the AWS region of the job; takes precedence over the request.
    """
    return {**environment, ENV_BASE_KEY_ALIAS: str(env_base), AWS_REGION_KEY: region}


def to_environment_list(environment: Mapping[str, str | None]) -> list[dict[str, str]]:
    """Return environment variables as Batch lists them, sorted by name and without nulls."""
    return [
        {"name": name, "value": value}
        for name, value in sorted(environment.items())
        if value is not None
    ]


def build_job_definition(
    request: CreateDefinitionAndPrepareArgsRequest, image: str, environment: Mapping[str, str]
) -> JSONObject:
    """Return the arguments of RegisterJobDefinition.

    Args:
        request: the request.
        image: the full image reference.
        environment: all environment variables of the job.
    """
    container = _container_properties(request, image, environment)
    return {
        "jobDefinitionName": request.job_definition_name,
        "parameters": {},
        **(
            {"type": "multinode", "nodeProperties": _node_properties(request.num_nodes, container)}
            if request.num_nodes
            else {"type": "container", "containerProperties": container}
        ),
        "retryStrategy": build_retry_strategy(request.retry_strategy, request.retry_presets),
        "tags": request.job_definition_tags,
        "propagateTags": False,
        **_without_nulls(
            timeout=request.timeout_seconds
            and {"attemptDurationSeconds": request.timeout_seconds},
            platformCapabilities=request.platform_capabilities,
            schedulingPriority=request.scheduling_priority,
        ),
    }


def _container_properties(
    request: CreateDefinitionAndPrepareArgsRequest, image: str, environment: Mapping[str, str]
) -> JSONObject:
    return {
        "image": image,
        "command": request.command,
        "environment": to_environment_list(environment),
        "resourceRequirements": request.resource_requirements,
        "mountPoints": request.mount_points,
        "volumes": request.volumes,
        "privileged": request.privileged,
        **_without_nulls(
            jobRoleArn=request.job_role_arn,
            executionRoleArn=request.execution_role_arn,
            logConfiguration=request.log_configuration,
            secrets=request.secrets,
            linuxParameters=request.linux_parameters,
            networkConfiguration=request.network_configuration,
            runtimePlatform=request.runtime_platform,
            fargatePlatformConfiguration=request.fargate_platform_configuration,
            ulimits=request.ulimits,
            ephemeralStorage=request.ephemeral_storage_gib
            and {"sizeInGiB": request.ephemeral_storage_gib},
        ),
    }


def _node_properties(num_nodes: int, container: JSONObject) -> JSONObject:
    """Return the properties of a job with several nodes that run the same container."""
    return {
        "numNodes": num_nodes,
        "mainNode": 0,
        "nodeRangeProperties": [{"targetNodes": ALL_NODES, "container": container}],
    }


def _without_nulls(**fields: object) -> JSONObject:
    """Return the fields without those that are null."""
    return {name: value for name, value in fields.items() if value is not None}
