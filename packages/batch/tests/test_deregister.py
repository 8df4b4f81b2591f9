from __future__ import annotations

from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.batch.deregister import (
    DeregisterUnusedDefinitionsHandler,
    DeregisterUnusedDefinitionsRequest,
    find_old_revisions,
)

PREFIX = "arn:aws:batch:us-west-2:123456789012"
QUEUE = f"{PREFIX}:job-queue/queue"
QUEUE_FIELDS: dict[str, Any] = {
    "jobQueueName": "queue",
    "state": "ENABLED",
    "priority": 1,
    "computeEnvironmentOrder": [],
}


def arn(name: str, revision: int) -> str:
    return f"{PREFIX}:job-definition/{name}:{revision}"


def revision(name: str, number: int) -> dict[str, Any]:
    return {
        "jobDefinitionName": name,
        "jobDefinitionArn": arn(name, number),
        "revision": number,
        "type": "container",
    }


def job(status: str, **fields: str) -> dict[str, Any]:
    return {"jobId": "job-1", "jobName": "job", "status": status, **fields}


@pytest.fixture
def deregister(lambda_context):
    handler = DeregisterUnusedDefinitionsHandler.get_handler()
    return lambda **event: handler(event, lambda_context)


@pytest.fixture
def register(aws):
    def register_revisions(name: str, count: int) -> None:
        for number in range(count):
            aws.client("batch").register_job_definition(
                jobDefinitionName=name,
                type="container",
                containerProperties={
                    "image": f"quay.io/a/b:{number}",
                    "resourceRequirements": [
                        {"type": "MEMORY", "value": "512"},
                        {"type": "VCPU", "value": "1"},
                    ],
                },
            )

    return register_revisions


@pytest.fixture
def account(batch):
    """Let Batch report revisions, one queue, and the jobs in it."""

    def report(revisions: list[dict[str, Any]], *pages_of_jobs: list[dict[str, Any]]) -> None:
        described = {"jobDefinitions": revisions}
        batch.add_response("describe_job_definitions", described, {"status": "ACTIVE"})
        training = f"{PREFIX}:job-queue/training"
        queues = [
            {**QUEUE_FIELDS, "jobQueueArn": training, "jobQueueType": "SAGEMAKER_TRAINING"},
            {**QUEUE_FIELDS, "jobQueueArn": QUEUE},
        ]
        batch.add_response("describe_job_queues", {"jobQueues": queues})
        question = {
            "jobQueue": QUEUE,
            "filters": [{"name": "JOB_DEFINITION", "values": ["dev-*"]}],
        }
        for number, jobs in enumerate(pages_of_jobs, start=1):
            response = {"jobSummaryList": jobs}
            more = {"nextToken": str(number)} if number < len(pages_of_jobs) else {}
            batch.add_response("list_jobs", {**response, **more}, question)
            question = {**question, **more}

    return report


class TestFindOldRevisions:
    def test_newest_of_each_name_are_kept(self):
        revisions = [revision("dev-a", 2), revision("dev-b", 7), revision("dev-a", 10)]
        revisions += [revision("dev-a", 9), revision("prod-a", 1), revision("prod-a", 2)]

        assert find_old_revisions(revisions, "dev-", keep=1) == [arn("dev-a", 2), arn("dev-a", 9)]

    def test_without_more_revisions_than_are_kept_none_is_old(self):
        assert find_old_revisions([revision("dev-a", 1)], "dev-", keep=3) == []


def test_old_revisions_are_only_listed_by_default(deregister, register, revisions):
    register("dev-a", 3)

    assert deregister(job_definition_name_prefix="dev-", keep=1) == {
        "unused_job_definition_arns": [arn("dev-a", 1), arn("dev-a", 2)],
        "used_job_definition_arns": [],
        "deregistered_job_definition_arns": [],
    }
    assert list(revisions("dev-a")) == [1, 2, 3]


def test_unused_revisions_are_deregistered_on_request(deregister, register, revisions):
    register("dev-a", 3)
    register("dev-b", 2)
    register("prod-a", 2)

    assert deregister(jobDefinitionNamePrefix="dev-", keep=1, deregister=True) == {
        "unused_job_definition_arns": [],
        "used_job_definition_arns": [],
        "deregistered_job_definition_arns": [arn("dev-a", 1), arn("dev-a", 2), arn("dev-b", 1)],
    }
    assert list(revisions("dev-a")) == [3]
    assert list(revisions("dev-b")) == [2]
    assert list(revisions("prod-a")) == [1, 2]


def test_repeated_calls_with_a_limit_deregister_all(deregister, register, revisions):
    register("dev-a", 4)
    event = {"job_definition_name_prefix": "dev-", "keep": 1, "deregister": True, "limit": 2}

    assert deregister(**event)["unused_job_definition_arns"] == [arn("dev-a", 3)]
    assert deregister(**event)["unused_job_definition_arns"] == []
    assert list(revisions("dev-a")) == [4]


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"])
def test_revisions_with_unfinished_jobs_are_kept(deregister, account, batch, status):
    revisions = [revision("dev-a", number) for number in (1, 2, 3)]
    busy = job(status, jobDefinition=arn("dev-a", 1))
    done = [job(end, jobDefinition=arn("dev-a", 2)) for end in ("SUCCEEDED", "FAILED")]
    account(revisions, done, [busy])
    batch.add_response("deregister_job_definition", {}, {"jobDefinition": arn("dev-a", 2)})

    assert deregister(job_definition_name_prefix="dev-", keep=1, deregister=True) == {
        "unused_job_definition_arns": [],
        "used_job_definition_arns": [arn("dev-a", 1)],
        "deregistered_job_definition_arns": [arn("dev-a", 2)],
    }


def test_a_job_without_a_definition_deregisters_nothing(deregister, account):
    account([revision("dev-a", 1), revision("dev-a", 2)], [job("RUNNING")])

    with pytest.raises(AWSError, match=r"job-1.*Nothing was deregistered"):
        deregister(job_definition_name_prefix="dev-", keep=1, deregister=True)


def test_jobs_are_not_listed_without_old_revisions(deregister, batch):
    batch.add_response("describe_job_definitions", {"jobDefinitions": [revision("dev-a", 1)]})

    deregister(job_definition_name_prefix="dev-", keep=1, deregister=True)


def test_denied_access_names_the_queue_and_the_permission(deregister, batch):
    revisions = {"jobDefinitions": [revision("dev-a", 1), revision("dev-a", 2)]}
    queue = {"jobQueueArn": QUEUE, **QUEUE_FIELDS}
    batch.add_response("describe_job_definitions", revisions)
    batch.add_response("describe_job_queues", {"jobQueues": [queue]})
    batch.add_client_error("list_jobs", "AccessDeniedException", "no", http_status_code=403)

    with pytest.raises(AWSError, match=rf"list the jobs of {QUEUE}.*Grant batch:ListJobs"):
        deregister(job_definition_name_prefix="dev-", keep=1, deregister=True)


def test_the_example_of_the_description_is_a_valid_request():
    example = DeregisterUnusedDefinitionsHandler.description.example

    assert DeregisterUnusedDefinitionsRequest.is_valid(example)
