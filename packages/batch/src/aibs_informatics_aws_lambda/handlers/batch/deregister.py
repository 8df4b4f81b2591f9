"""The handler that clears away revisions of job definitions that no job needs any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .model import DeregisterUnusedDefinitionsRequest, DeregisterUnusedDefinitionsResponse
from .registration import list_active_revisions

_FINISHED = ("SUCCEEDED", "FAILED")

# Jobs of these queues have no job definition, and ListJobs refuses them.
_QUEUE_WITHOUT_DEFINITIONS = "SAGEMAKER_TRAINING"


class DeregisterUnusedDefinitionsHandler(
    LambdaHandler[DeregisterUnusedDefinitionsRequest, DeregisterUnusedDefinitionsResponse]
):
    """List, and on request deregister, old revisions of Batch job definitions.

    The newest revisions of each name stay, and so do those with jobs that have not finished.
    """

    description = HandlerDescription(
        example={"job_definition_name_prefix": "dev-alice-", "keep": 5, "deregister": False},
        environment={"AWS_REGION": "the region, where boto3's own configuration names none"},
        iam_actions=(
            "batch:DeregisterJobDefinition",
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:ListJobs",
        ),
    )

    def handle(
        self, request: DeregisterUnusedDefinitionsRequest
    ) -> DeregisterUnusedDefinitionsResponse:
        """Return what is old, in use or not, and what was deregistered.

        A call that fails half-way can be repeated: it goes on with what is left.

        Raises:
            AWSError: Batch refused or failed.
        """
        prefix = request.job_definition_name_prefix
        with named_errors("list the job definitions", permission="batch:DescribeJobDefinitions"):
            old = find_old_revisions(list_active_revisions(), prefix, request.keep)
        used = set(_list_definitions_in_use(prefix)) if old else set()
        unused = [arn for arn in old if arn not in used]
        count = request.limit if request.deregister else 0
        for arn in unused[:count]:
            _deregister(arn)
        self.log.info(
            "Below %s: %d old revisions, %d of them in use, %d deregistered",
            prefix,
            len(old),
            len(old) - len(unused),
            len(unused[:count]),
        )
        return DeregisterUnusedDefinitionsResponse(
            unused_job_definition_arns=unused[count:],
            used_job_definition_arns=[arn for arn in old if arn in used],
            deregistered_job_definition_arns=unused[:count],
        )


def find_old_revisions(revisions: Iterable[JSONObject], prefix: str, keep: int) -> list[str]:
    """Return the ARNs of revisions that are not among the newest of their name.

    Args:
        revisions: active revisions as DescribeJobDefinitions reports them, in any order.
        prefix: what the names start with.
        keep: how many revisions of each name are among the newest.
    """
    by_name: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for found in revisions:
        if found["jobDefinitionName"].startswith(prefix):
            by_name[found["jobDefinitionName"]][found["revision"]] = found["jobDefinitionArn"]
    return [
        arns[revision] for _, arns in sorted(by_name.items()) for revision in sorted(arns)[:-keep]
    ]


def _list_definitions_in_use(prefix: str) -> Iterator[str]:
    """Yield the ARN of the job definition of each job that has not finished, in all queues."""
    # One listing of all statuses: a job that is tried again goes back from RUNNING to RUNNABLE,
    # and could be missed by a listing for each status.
    of_prefix = [{"name": "JOB_DEFINITION", "values": [f"{prefix}*"]}]
    for queue in _list_queues():
        with named_errors(f"list the jobs of {queue}", permission="batch:ListJobs"):
            pages = get_client("batch").get_paginator("list_jobs")
            for page in pages.paginate(jobQueue=queue, filters=of_prefix):
                for job in page["jobSummaryList"]:
                    if job["status"] not in _FINISHED:
                        yield _definition_of(job)


def _list_queues() -> list[str]:
    with named_errors("list the job queues", permission="batch:DescribeJobQueues"):
        return [
            queue["jobQueueArn"]
            for page in get_client("batch").get_paginator("describe_job_queues").paginate()
            for queue in page["jobQueues"]
            if queue.get("jobQueueType") != _QUEUE_WITHOUT_DEFINITIONS
        ]


def _definition_of(job: JSONObject) -> str:
    definition: str | None = job.get("jobDefinition")
    if not definition:
        raise AWSError(
            f"Batch does not say which job definition the job {job['jobId']} has, so that none "
            "can be told to be unused; nothing was deregistered"
        )
    return definition


def _deregister(arn: str) -> None:
    with named_errors(f"deregister {arn}", permission="batch:DeregisterJobDefinition"):
        get_client("batch").deregister_job_definition(jobDefinition=arn)


handler = DeregisterUnusedDefinitionsHandler.get_handler()
