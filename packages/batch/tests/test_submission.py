import pytest
from aibs_informatics_aws_lambda.handlers.batch.model import CreateDefinitionAndPrepareArgsRequest
from aibs_informatics_aws_lambda.handlers.batch.submission import build_submission_arguments

OVERRIDES = {"Environment": [], "ResourceRequirements": []}


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({}, {}),
        ({"array_size": 2}, {"array_properties": {"Size": 2}}),
        (
            {"depends_on": [{"jobId": "1", "type": "N_TO_N"}]},
            {"depends_on": [{"JobId": "1", "Type": "N_TO_N"}]},
        ),
        ({"share_identifier": "lab"}, {"share_identifier": "lab"}),
        ({"scheduling_priority_override": 0}, {"scheduling_priority_override": 0}),
        (
            {"num_nodes": 3},
            {
                "node_overrides": {
                    "NodePropertyOverrides": [
                        {"TargetNodes": "0:", "ContainerOverrides": OVERRIDES}
                    ]
                }
            },
        ),
    ],
)
def test_arguments_are_in_pascal_case_and_only_those_that_are_asked_for(fields, arguments):
    request = CreateDefinitionAndPrepareArgsRequest(
        image="quay.io/a/b:1", job_definition_name="align", job_queue_name="queue", **fields
    )

    assert build_submission_arguments(request, OVERRIDES) == arguments
