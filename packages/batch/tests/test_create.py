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


def test_answer_has_all_that_a_submission_needs(create, event, revisions):
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


def test_second_identical_request_registers_nothing(create, event, revisions):
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
def test_what_overrides_can_change_registers_nothing(create, event, revisions, changes):
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
def test_what_overrides_cannot_change_registers_a_revision(create, event, revisions, changes):
    create(event)

    assert create(event, **changes)["job_definition_arn"] == f"{ARN}:2"
    assert create(event, **changes)["job_definition_arn"] == f"{ARN}:2"
    assert list(revisions()) == [1, 2]


def test_deregistered_revision_is_not_used_again(create, event, revisions, aws):
    aws.client("batch").deregister_job_definition(
        jobDefinition=create(event)["job_definition_arn"]
    )

    assert create(event)["job_definition_arn"] == f"{ARN}:2"


def test_identical_request_registers_nothing_as_batch_itself_reports(create, event, recorded):
    recorded("/v1/describejobdefinitions", "describe-job-definitions.json")

    assert create(event)["job_definition_arn"] == f"{ARN}:7"


def test_concurrent_identical_requests_of_a_process_share_a_revision(create, event, revisions):
    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(create, [event] * 50))

    assert {answer["job_definition_arn"] for answer in answers} == {f"{ARN}:1"}
    assert list(revisions()) == [1]


def test_job_name_is_made_up_where_none_is_given(create, event, aws):
    name = create(event, job_name="")["job_name"]

    assert name.startswith("align-")
    assert len(name) == len("align-") + 36
    assert name != create(event, job_name=None)["job_name"]


def test_job_name_made_up_is_never_longer_than_batch_takes(create, event, aws):
    assert len(create(event, job_name=None, job_definition_name="a" * 128)["job_name"]) == 128


def test_short_image_name_is_resolved(create, event, revisions):
    create(event, image="tools/align:1.0")

    image = revisions()[1]["containerProperties"]["image"]
    assert image == "123456789012.dkr.ecr.us-west-2.amazonaws.com/tools/align:1.0"


def test_dry_run_registers_nothing_and_shows_the_definition(create, event, revisions):
    answer = create(event, dry_run=True)

    assert revisions() == {}
    assert "job_definition_arn" not in answer
    assert answer["reused"] is False
    assert answer["differences"] == []
    assert answer["job_definition"]["jobDefinitionName"] == "align"
    assert answer["job_definition"]["containerProperties"]["image"] == event["image"]


def test_dry_run_tells_that_a_revision_would_be_reused(create, event, aws):
    create(event)
    answer = create(event, dry_run=True)

    assert answer["job_definition_arn"] == f"{ARN}:1"
    assert answer["reused"] is True


def test_dry_run_tells_why_a_revision_would_not_be_reused(create, event, aws):
    create(event)
    answer = create(event, dry_run=True, privileged=True, image="quay.io/a/b:1")

    assert answer["differences"] == ["image", "privileged"]
    assert answer["reused"] is False
    assert "job_definition_arn" not in answer


@pytest.mark.parametrize(
    "changes",
    [
        {"job_queue_name": ""},
        {"image": None},
        {"job_definition_name": "a/b"},
        {"resource_requirements": [{"value": "1"}]},
    ],
)
def test_invalid_request_is_refused_before_any_call(create, event, changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        create(event, **changes)


def test_image_that_is_not_there_registers_nothing(create, event, revisions):
    with pytest.raises(ResourceNotFoundError, match="tools/nope"):
        create(event, image="tools/nope")
    assert revisions() == {}


def test_refusal_of_batch_passes_through(create, event, aws):
    with pytest.raises(ClientError, match="ClientException"):
        create(event, resource_requirements={})


def test_missing_environment_is_said(create, event, monkeypatch):
    monkeypatch.delenv("ENV_BASE")

    with pytest.raises(ApplicationException, match="ENV_BASE"):
        create(event)


def test_invalid_environment_is_said(create, event, monkeypatch):
    monkeypatch.setenv("ENV_BASE", "dev-a-b")

    with pytest.raises(ValidationError, match="dev-a-b"):
        create(event)


def test_missing_region_is_said(create, event):
    with pytest.raises(AWSError, match="no AWS region"):
        create(event)


@pytest.mark.parametrize("name", ["AWS_REGION", "REGION"])
def test_region_of_lambda_is_the_jobs_where_boto3_has_none(create, event, aws, monkeypatch, name):
    for variable in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv(name, "il-central-1")

    environment = create(event)["container_overrides"]["Environment"]

    assert {"Name": "AWS_REGION", "Value": "il-central-1"} in environment


def test_callers_event_is_not_changed(create, event, aws):
    before = copy.deepcopy(event)
    create(event)

    assert event == before


def test_logs_say_what_is_used_and_why_without_values_of_variables(create, event, aws, caplog):
    create(event, environment={"PASSWORD": "secret words"})
    create(event, environment={"PASSWORD": "secret words"}, privileged=True)
    create(event, environment={"PASSWORD": "secret words"}, privileged=True)

    assert [line.getMessage() for line in caplog.records] == [
        f"Using {ARN}:1: there was no active revision",
        f"Using {ARN}:2: {ARN}:1 differs in privileged",
        f"Using {ARN}:2: nothing differs",
    ]


def test_example_of_the_description_is_a_valid_request():
    example = CreateDefinitionAndPrepareArgsHandler.description.example

    assert CreateDefinitionAndPrepareArgsRequest.is_valid(example)


def test_environment_of_the_process_is_not_changed(create, event, aws):
    before = dict(os.environ)
    create(event)

    assert dict(os.environ) == before
