"""The handler that registers a Batch job definition and prepares the submission of a job."""

import uuid

from aibs_informatics_aws_lambda.common.aws import get_region
from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.handler import LambdaHandler

from .image_resolution import resolve_image

# Part of the public names of this module; defined elsewhere.
from .image_uri import (
    IMAGE_TAG_OR_SHA as IMAGE_TAG_OR_SHA,
    REGISTRY as REGISTRY,
    REPO_NAME as REPO_NAME,
    DockerImageUri as DockerImageUri,
)
from .job_definition import build_job_definition, to_environment_list, to_job_environment
from .model import (
    MAX_NAME_LENGTH,
    CreateDefinitionAndPrepareArgsRequest,
    CreateDefinitionAndPrepareArgsResponse,
)
from .overrides import build_container_overrides, check_overrides_length
from .registration import compare_with_newest, register_unless_present
from .submission import build_submission_arguments


class CreateDefinitionAndPrepareArgsHandler(
    LambdaHandler[CreateDefinitionAndPrepareArgsRequest, CreateDefinitionAndPrepareArgsResponse]
):
    """Register or reuse a Batch job definition, and prepare the arguments of SubmitJob."""

    description = HandlerDescription(
        example={
            "image": "tools/align:1.0",
            "job_definition_name": "align",
            "job_queue_name": "on-demand",
            "command": ["align", "--threads", "2"],
            "environment": {"SAMPLE": "a"},
            "resource_requirements": {"MEMORY": 2048, "VCPU": 2},
        },
        environment={
            "ENV_BASE": "environment base, such as dev-alice; set in every job",
            "ENV_TYPE": "with ENV_LABEL, instead of ENV_BASE",
            "AWS_REGION": "AWS region, unless the boto3 configuration sets it",
        },
        iam_actions=(
            "batch:DescribeJobDefinitions",
            "batch:RegisterJobDefinition",
            "batch:TagResource",
            "ecr:DescribeImages",
            "iam:PassRole",
            "sts:GetCallerIdentity",
        ),
        limits=(
            "Container overrides may have 8,192 characters in their JSON form.",
            "Every call lists all active revisions of the job definition, 100 per request.",
            "Jobs on Amazon EKS and jobs with several containers are not supported.",
        ),
        cost="Requests to AWS Batch are free of charge.",
    )

    def handle(
        self, request: CreateDefinitionAndPrepareArgsRequest
    ) -> CreateDefinitionAndPrepareArgsResponse:
        """Return the arguments of a ``batch:submitJob`` state. No job is submitted.

        Raises:
            ApplicationException: no environment base is configured.
            ValueError: the container overrides are too long.
            ResourceNotFoundError: the image was not found.
            AWSError: no region is configured, or a request to STS or ECR failed.
            botocore.exceptions.ClientError: Batch rejected the definition or denied access.
        """
        environment = to_job_environment(request.environment, self.env_base, get_region())
        variables = to_environment_list(environment)
        check_overrides_length(variables, request.resource_requirements)
        overrides = build_container_overrides(variables, request.resource_requirements)
        image = resolve_image(request.image)
        definition = build_job_definition(request, image, environment)
        newest = compare_with_newest(definition)
        response = CreateDefinitionAndPrepareArgsResponse(
            job_name=request.job_name or _new_job_name(request.job_definition_name),
            job_definition_arn=newest.reusable_arn,
            job_queue_arn=request.job_queue_name,
            container_overrides=overrides,
            **build_submission_arguments(request, overrides),
        )
        if request.dry_run:
            response.job_definition = definition
            response.reused = newest.reusable_arn is not None
            response.differences = list(newest.differences)
            return response
        if response.job_definition_arn is None:
            response.job_definition_arn = register_unless_present(definition)
        self.log.info("Using %s: %s", response.job_definition_arn, newest)
        return response


def _new_job_name(job_definition_name: str) -> str:
    suffix = f"-{uuid.uuid4()}"
    # SubmitJob rejects longer names, and those that do not start with a letter or digit.
    start = job_definition_name.lstrip("-_") or "job"
    return start[: MAX_NAME_LENGTH - len(suffix)] + suffix


handler = CreateDefinitionAndPrepareArgsHandler.get_handler()
