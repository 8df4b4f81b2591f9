"""The handler that deregisters unused revisions of job definitions."""

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

# Jobs of these queues have no job definition, and ListJobs does not support them.
_QUEUE_WITHOUT_DEFINITIONS = "SAGEMAKER_TRAINING"


class DeregisterUnusedDefinitionsHandler(
    LambdaHandler[DeregisterUnusedDefinitionsRequest, DeregisterUnusedDefinitionsResponse]
):
    """List or deregister old revisions of Batch job definitions that no job uses.

    The newest revisions of each name are kept, and so are revisions with unfinished jobs.
    """

    description = HandlerDescription(
        example={"job_definition_name_prefix": "dev-alice-", "keep": 5, "deregister": False},
        environment={"AWS_REGION": "AWS region, unless the boto3 configuration sets it"},
        iam_actions=(
            "batch:DeregisterJobDefinition",
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:ListJobs",
        ),
        limits=(
            "One call deregisters up to `limit` revisions, by default 1,000: call it again until "
            "none is unused.",
        ),
        cost="Requests to AWS Batch are free of charge.",
    )

    def handle(
        self, request: DeregisterUnusedDefinitionsRequest
    ) -> DeregisterUnusedDefinitionsResponse:
        """Return the old revisions, used and unused, and those that were deregistered.

        After a failure, call it again to continue with the remaining revisions.

        Raises:
            AWSError: a request to Batch failed.
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
            "Prefix %s: %d old revisions, %d of them in use, %d deregistered",
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
    """Return the ARNs of all but the newest revisions of each job definition.

    Args:
        revisions: active revisions as returned by DescribeJobDefinitions, in any order.
        prefix: the prefix of job definition names.
        keep: the number of newest revisions to keep per name.
    """
    by_name: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for found in revisions:
        if found["jobDefinitionName"].startswith(prefix):
            by_name[found["jobDefinitionName"]][found["revision"]] = found["jobDefinitionArn"]
    return [
        arns[revision] for _, arns in sorted(by_name.items()) for revision in sorted(arns)[:-keep]
    ]


def _list_definitions_in_use(prefix: str) -> Iterator[str]:
    """Yield the ARN of the job definition of each unfinished job in all queues."""
    # One listing of all statuses: a retried job goes back from RUNNING to RUNNABLE, so separate
    # listings by status could miss it.
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
            f"cannot find unused job definitions: Batch returned the job {job['jobId']} without "
            "its job definition. Nothing was deregistered."
        )
    return definition


def _deregister(arn: str) -> None:
    with named_errors(f"deregister {arn}", permission="batch:DeregisterJobDefinition"):
        get_client("batch").deregister_job_definition(jobDefinition=arn)


handler = DeregisterUnusedDefinitionsHandler.get_handler()
