"""Container overrides of a submission, and the limit of their length.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html
"""

import json
from collections.abc import Sequence

from aibs_informatics_aws_lambda.common.json_io import JSONObject

MAX_OVERRIDES_LENGTH = 8192
"""The maximum length of container overrides, in characters of their JSON form."""

BATCH_VARIABLES_LENGTH = 512
"""Characters of the overrides that the variables need which Batch adds to every job."""

# Batch runs the only container of a job under this name.
_CONTAINER_NAME = "default"


def build_container_overrides(
    environment: Sequence[JSONObject], resource_requirements: Sequence[JSONObject]
) -> JSONObject:
    """Return container overrides in PascalCase, as AWS Step Functions requires.

    A reused job definition may have other values for environment and resource requirements.

    Args:
        environment: the environment variables, as in the Batch API.
        resource_requirements: the resource requirements, as in the Batch API.
    """
    return {
        "Environment": [in_pascal_case(variable) for variable in environment],
        "ResourceRequirements": [in_pascal_case(resource) for resource in resource_requirements],
    }


def serialize_overrides(
    environment: Sequence[JSONObject], resource_requirements: Sequence[JSONObject]
) -> str:
    """Return container overrides in the JSON form whose length Amazon ECS limits.

    The limit includes the JSON formatting characters:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
    """
    container = {
        "name": _CONTAINER_NAME,
        "environment": list(environment),
        "resourceRequirements": list(resource_requirements),
    }
    document = {"containerOverrides": [container]}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def check_overrides_length(
    environment: Sequence[JSONObject], resource_requirements: Sequence[JSONObject]
) -> None:
    """Check that a job with these overrides can start.

    Raises:
        ValueError: the overrides are longer than `MAX_OVERRIDES_LENGTH`.
    """
    length = len(serialize_overrides(environment, resource_requirements))
    if length > MAX_OVERRIDES_LENGTH:
        raise ValueError(
            f"the container overrides have {length} characters, and AWS Batch accepts "
            f"{MAX_OVERRIDES_LENGTH}: shorten the environment, or read it from a file in the job"
        )


def in_pascal_case(fields: JSONObject) -> JSONObject:
    """Return an object with keys in PascalCase."""
    return {name[:1].upper() + name[1:]: value for name, value in fields.items()}
