from __future__ import annotations

import copy
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    ApplicationException,
    AWSError,
    ResourceNotFoundError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers.batch.create import (
    CreateDefinitionAndPrepareArgsHandler,
    CreateDefinitionAndPrepareArgsRequest,
)
from botocore.exceptions import ClientError

ARN = "arn:aws:batch:us-west-2:123456789012:job-definition/align"


def test_the_response_has_the_arguments_of_a_submission(create, event, revisions):
    assert create(event) == {
        "job_name": "align-1",
        "job_definition_arn": f"{ARN}:1",
        "job_queue_arn": "on-demand",
        "parameters": {},
        "container_overrides": {
            "Environment": [
                {"Name": "AWS_REGION", "Value": "us-west-2"},
                {"Name": "ENV_BASE", "Value": "dev-alice"},
                {"Name": "SAMPLE", "Value": "a"},
            ],
            "ResourceRequirements": [
                {"Type": "MEMORY", "Value": "2048"},
                {"Type": "VCPU", "Value": "2"},
            ],
        },
    }
    container = revisions()[1]["containerProperties"]
    assert container["image"] == event["image"]
    assert container["jobRoleArn"] == event["job_role_arn"]
    assert container["mountPoints"] == event["mount_points"]
    assert container["volumes"] == event["volumes"]


def test_an_identical_request_reuses_the_revision(create, event, revisions):
    first, second = create(event), create(event, job_name="align-2")

    assert first["job_definition_arn"] == second["job_definition_arn"]
    assert list(revisions()) == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": {"SAMPLE": "b"}},
        {"resource_requirements": {"MEMORY": 4096, "VCPU": 4}},
        {"job_queue_name": "spot"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_changes_of_overridden_values_reuse_the_revision(create, event, revisions, changes):
    create(event)

    assert create(event, **changes)["job_definition_arn"] == f"{ARN}:1"
    assert list(revisions()) == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {"volumes": [], "mount_points": []},
        {"mount_points": [{"containerPath": "/other", "sourceVolume": "scratch-8155b1d3"}]},
        {"job_role_arn": "arn:aws:iam::123456789012:role/other"},
        {"job_role_arn": None},
        {"image": "quay.io/biocontainers/samtools:1.18"},
        {"retry_strategy": {"attempts": 1}},
        {"retry_presets": ["spot"]},
        {"privileged": True},
        {"command": ["samtools"]},
        {"job_definition_tags": {"USER": "vole"}},
        {"environment": {"SAMPLE": "a", "LANE": "1"}},
        {"resource_requirements": {"MEMORY": 2048, "VCPU": 2, "GPU": 1}},
        {"timeout_seconds": 3600},
        {"secrets": [{"name": "TOKEN", "valueFrom": "arn"}]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_changes_register_a_revision(create, event, revisions, changes):
    create(event)

    assert create(event, **changes)["job_definition_arn"] == f"{ARN}:2"
    assert create(event, **changes)["job_definition_arn"] == f"{ARN}:2"
    assert list(revisions()) == [1, 2]


def test_a_deregistered_revision_is_not_reused(create, event, revisions, aws):
    aws.client("batch").deregister_job_definition(
        jobDefinition=create(event)["job_definition_arn"]
    )

    assert create(event)["job_definition_arn"] == f"{ARN}:2"


def test_the_recorded_response_of_batch_is_reused(create, event, recorded):
    recorded("/v1/describejobdefinitions", "describe-job-definitions.json")

    assert create(event)["job_definition_arn"] == f"{ARN}:7"


def test_concurrent_identical_requests_of_a_process_share_a_revision(create, event, revisions):
    with ThreadPoolExecutor(50) as callers:
        responses = list(callers.map(create, [event] * 50))

    assert {response["job_definition_arn"] for response in responses} == {f"{ARN}:1"}
    assert list(revisions()) == [1]


def test_the_default_job_name_is_the_definition_name_and_a_uuid(create, event, aws):
    name = create(event, job_name="")["job_name"]

    assert name.startswith("align-")
    assert len(name) == len("align-") + 36
    assert name != create(event, job_name=None)["job_name"]


@pytest.mark.parametrize(("name", "start"), [("_align", "align-"), ("--", "job-")])
def test_the_default_job_name_starts_with_a_letter_or_digit(create, event, aws, name, start):
    response = create(event, job_name=None, job_definition_name=name)

    assert response["job_name"].startswith(start)


def test_overrides_that_are_too_long_are_an_error_before_anything_is_registered(
    create, event, revisions
):
    many = {f"V{number:03}": "x" * 16 for number in range(250)}

    with pytest.raises(ValueError, match="AWS Batch accepts 8192"):
        create(event, environment=many)

    assert revisions() == {}


def test_a_multi_node_job_has_node_overrides(create, event, revisions):
    response = create(event, num_nodes=2)

    [overrides] = response["node_overrides"]["NodePropertyOverrides"]
    assert overrides["TargetNodes"] == "0:"
    assert overrides["ContainerOverrides"] == response["container_overrides"]
    assert revisions()[1]["type"] == "multinode"


def test_optional_arguments_of_a_submission_are_returned(create, event, aws):
    response = create(event, array_size=3, share_identifier="lab")

    assert response["array_properties"] == {"Size": 3}
    assert response["share_identifier"] == "lab"
    assert "depends_on" not in response


def test_the_default_job_name_fits_the_limit_of_batch(create, event, aws):
    assert len(create(event, job_name=None, job_definition_name="a" * 128)["job_name"]) == 128


def test_short_image_name_is_resolved(create, event, revisions):
    create(event, image="tools/align:1.0")

    image = revisions()[1]["containerProperties"]["image"]
    assert image == "123456789012.dkr.ecr.us-west-2.amazonaws.com/tools/align:1.0"


def test_dry_run_registers_nothing_and_shows_the_definition(create, event, revisions):
    response = create(event, dry_run=True)

    assert revisions() == {}
    assert "job_definition_arn" not in response
    assert response["reused"] is False
    assert response["differences"] == []
    assert response["job_definition"]["jobDefinitionName"] == "align"
    assert response["job_definition"]["containerProperties"]["image"] == event["image"]


def test_dry_run_shows_that_a_revision_would_be_reused(create, event, aws):
    create(event)
    response = create(event, dry_run=True)

    assert response["job_definition_arn"] == f"{ARN}:1"
    assert response["reused"] is True


def test_dry_run_shows_why_a_revision_would_not_be_reused(create, event, aws):
    create(event)
    response = create(event, dry_run=True, privileged=True, image="quay.io/a/b:1")

    assert response["differences"] == ["image", "privileged"]
    assert response["reused"] is False
    assert "job_definition_arn" not in response


@pytest.mark.parametrize(
    "changes",
    [
        {"job_queue_name": ""},
        {"image": None},
        {"job_definition_name": "a/b"},
        {"resource_requirements": [{"value": "1"}]},
    ],
)
def test_an_invalid_request_fails_before_any_aws_call(create, event, changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        create(event, **changes)


def test_a_missing_image_registers_nothing(create, event, revisions):
    with pytest.raises(ResourceNotFoundError, match="tools/nope"):
        create(event, image="tools/nope")
    assert revisions() == {}


def test_errors_of_batch_are_raised_unchanged(create, event, aws):
    with pytest.raises(ClientError, match="ClientException"):
        create(event, resource_requirements={})


def test_a_missing_environment_base_is_an_error(create, event, monkeypatch):
    monkeypatch.delenv("ENV_BASE")

    with pytest.raises(ApplicationException, match="ENV_BASE"):
        create(event)


def test_an_invalid_environment_base_is_an_error(create, event, monkeypatch):
    monkeypatch.setenv("ENV_BASE", "dev-a-b")

    with pytest.raises(ValidationError, match="dev-a-b"):
        create(event)


def test_a_missing_region_is_an_error(create, event):
    with pytest.raises(AWSError, match="no AWS region"):
        create(event)


@pytest.mark.parametrize("name", ["AWS_REGION", "REGION"])
def test_the_region_of_lambda_is_used_where_boto3_has_none(create, event, aws, monkeypatch, name):
    for variable in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv(name, "il-central-1")

    environment = create(event)["container_overrides"]["Environment"]

    assert {"Name": "AWS_REGION", "Value": "il-central-1"} in environment


def test_the_event_of_the_caller_is_not_changed(create, event, aws):
    before = copy.deepcopy(event)
    create(event)

    assert event == before


def test_logs_name_the_revision_and_the_differences_but_no_values(create, event, aws, caplog):
    create(event, environment={"PASSWORD": "secret words"})
    create(event, environment={"PASSWORD": "secret words"}, privileged=True)
    create(event, environment={"PASSWORD": "secret words"}, privileged=True)

    assert [line.getMessage() for line in caplog.records] == [
        f"Using {ARN}:1: no active revision found",
        f"Using {ARN}:2: {ARN}:1 differs in privileged",
        f"Using {ARN}:2: no differences",
    ]


def test_the_example_of_the_description_is_a_valid_request():
    example = CreateDefinitionAndPrepareArgsHandler.description.example

    assert CreateDefinitionAndPrepareArgsRequest.is_valid(example)


def test_the_environment_of_the_process_is_not_changed(create, event, aws):
    before = dict(os.environ)
    create(event)

    assert dict(os.environ) == before
