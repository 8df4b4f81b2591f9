"""Build job definitions and container overrides, in the shapes of the Batch API.

https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping

from aibs_informatics_aws_lambda.common.constants import AWS_REGION_KEY
from aibs_informatics_aws_lambda.common.env import ENV_BASE_KEY_ALIAS, EnvBase
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .model import CreateDefinitionAndPrepareArgsRequest
from .retry_strategy import build_retry_strategy


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
    return {
        "jobDefinitionName": request.job_definition_name,
        "type": "container",
        "parameters": {},
        "containerProperties": _container_properties(request, image, environment),
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


def build_container_overrides(definition: JSONObject) -> JSONObject:
    """Return the container overrides of a submission: environment and resource requirements.

    A reused job definition may have other values for them.

    Args:
        definition: arguments of RegisterJobDefinition.

    Returns:
        The overrides in PascalCase, as AWS Step Functions requires.
    """
    container = definition["containerProperties"]
    return {
        "Environment": [_in_pascal_case(variable) for variable in container["environment"]],
        "ResourceRequirements": [
            _in_pascal_case(resource) for resource in container["resourceRequirements"]
        ],
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
            ephemeralStorage=request.ephemeral_storage_gib
            and {"sizeInGiB": request.ephemeral_storage_gib},
        ),
    }


def _without_nulls(**fields: object) -> JSONObject:
    """Return the fields without those that are null."""
    return {name: value for name, value in fields.items() if value is not None}


def _in_pascal_case(fields: JSONObject) -> JSONObject:
    return {name[:1].upper() + name[1:]: value for name, value in fields.items()}
