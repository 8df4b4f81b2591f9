"""Arguments of SubmitJob beyond the job definition, in PascalCase as in AWS Step Functions.

https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
"""

from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .job_definition import ALL_NODES
from .model import CreateDefinitionAndPrepareArgsRequest
from .overrides import in_pascal_case


def build_submission_arguments(
    request: CreateDefinitionAndPrepareArgsRequest, container_overrides: JSONObject
) -> JSONObject:
    """Return the optional fields of the response that the request asks for.

    Args:
        request: the request.
        container_overrides: the container overrides, which apply to all nodes of a job.
    """
    fields: JSONObject = {}
    if request.array_size:
        fields["array_properties"] = {"Size": request.array_size}
    if request.depends_on:
        fields["depends_on"] = [in_pascal_case(dependency) for dependency in request.depends_on]
    if request.num_nodes:
        # SubmitJob accepts ContainerOverrides for single-node jobs only.
        overrides = {"TargetNodes": ALL_NODES, "ContainerOverrides": container_overrides}
        fields["node_overrides"] = {"NodePropertyOverrides": [overrides]}
    if request.share_identifier:
        fields["share_identifier"] = request.share_identifier
    if request.scheduling_priority_override is not None:
        fields["scheduling_priority_override"] = request.scheduling_priority_override
    return fields
