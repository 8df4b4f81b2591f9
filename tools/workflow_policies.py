"""The IAM policy that the role of a workflow needs, derived from its definition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow_states import State

_HERE = "${Region}:${AccountId}"
_SCRATCH = "arn:${Partition}:s3:::${BucketName}/scratch/*"
_RULE = f"arn:${{Partition}}:events:{_HERE}:rule/StepFunctionsGetEventsFor"
_RULE_ACTIONS = ("events:DescribeRule", "events:PutRule", "events:PutTargets")

Permission = tuple[str, str]
"""An action and a resource."""


def policy_of(definition: State) -> dict[str, Any]:
    """Return a least-privilege policy document with one statement per resource.

    It has the placeholders of the definition, ``Region``, ``AccountId``, ``StateMachineName``
    and, for nested executions, ``DataSyncStateMachineName``.
    """
    actions: dict[str, set[str]] = {}
    for action, resource in _permissions(definition):
        actions.setdefault(resource, set()).add(action)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": sorted(actions[resource]), "Resource": resource}
            for resource in sorted(actions)
        ],
    }


def _permissions(definition: State) -> Iterator[Permission]:
    for state in definition["States"].values():
        if state["Type"] == "Task":
            yield from _of_task(state)
        if "ItemProcessor" in state:
            yield from _permissions(state["ItemProcessor"])
        if "ItemReader" in state:
            yield from _of_distributed_map()
        for branch in state.get("Branches", []):
            yield from _permissions(branch)


def _of_task(state: State) -> Iterator[Permission]:
    integration = state["Resource"].partition(":states:::")[2]
    parameters = state["Arguments" if "Arguments" in state else "Parameters"]
    if integration == "lambda:invoke":
        yield "lambda:InvokeFunction", parameters["FunctionName"]
    elif integration == "aws-sdk:s3:putObject":
        yield "s3:PutObject", _SCRATCH
    elif integration == "aws-sdk:s3:getObject":
        yield "s3:GetObject", _SCRATCH
    elif integration == "batch:submitJob.sync":
        yield from _of_job(parameters)
    elif integration == "states:startExecution.sync:2":
        yield from _of_nested_execution(parameters)
    else:
        raise ValueError(f"the permissions of {integration} are unknown: add them to this module")


def _of_job(parameters: State) -> Iterator[Permission]:
    batch = f"arn:${{Partition}}:batch:{_HERE}"
    for name, kind in (("JobDefinition", "job-definition"), ("JobQueue", "job-queue")):
        arn = parameters.get(name, "{%")
        # An expression is evaluated at run time: it may be any.
        yield "batch:SubmitJob", f"{batch}:{kind}/*" if arn.startswith("{%") else arn
    # These actions cannot be limited to resources.
    yield from ((action, "*") for action in ("batch:DescribeJobs", "batch:TerminateJob"))
    yield from ((action, f"{_RULE}BatchJobsRule") for action in _RULE_ACTIONS)


def _of_nested_execution(parameters: State) -> Iterator[Permission]:
    executions = f"arn:${{Partition}}:states:{_HERE}:execution:${{DataSyncStateMachineName}}:*"
    yield "states:StartExecution", parameters["StateMachineArn"]
    yield "states:DescribeExecution", executions
    yield "states:StopExecution", executions
    yield from ((action, f"{_RULE}StepFunctionsExecutionRule") for action in _RULE_ACTIONS)


def _of_distributed_map() -> Iterator[Permission]:
    """Yield the permissions to start child executions, read the items, and write the results.

    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    """
    own = f"arn:${{Partition}}:states:{_HERE}"
    children = f"{own}:execution:${{StateMachineName}}/*"
    yield "states:StartExecution", f"{own}:stateMachine:${{StateMachineName}}"
    yield "states:DescribeExecution", children
    yield "states:RedriveExecution", children
    yield "states:StopExecution", children
    yield "s3:AbortMultipartUpload", _SCRATCH
    yield "s3:GetObject", _SCRATCH
    yield "s3:ListMultipartUploadParts", _SCRATCH
    yield "s3:PutObject", _SCRATCH
