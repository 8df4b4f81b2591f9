"""States that workflows share, in the variants for AWS Lambda and AWS Batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Variant: TypeAlias = Literal["lambda", "batch"]
State: TypeAlias = dict[str, Any]
States: TypeAlias = dict[str, State]

VARIANTS: Final[tuple[Variant, ...]] = ("lambda", "batch")

# A function runs for 15 minutes at most; the rest covers a cold start.
_LAMBDA_SECONDS = 16 * 60
_S3_SECONDS = 60
# A day to run, and another one to wait in the queue.
_ATTEMPT_SECONDS = 24 * 3600
_HANDLER_JOB_SECONDS = 2 * _ATTEMPT_SECONDS
# On Fargate, AWS may stop jobs that run for more than 14 days.
# https://docs.aws.amazon.com/batch/latest/userguide/fargate.html
_JOB_SECONDS = 14 * 24 * 3600
DATA_SYNC_SECONDS = 7 * 24 * 3600
_NESTED_SECONDS = DATA_SYNC_SECONDS + 600
_CONCURRENT_SYNCS = 10


# Errors of an invocation that may succeed later:
# https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
_TRANSIENT_LAMBDA_ERRORS = (
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.EC2ThrottledException",
    "Lambda.EC2UnexpectedException",
    "Lambda.EFSIOException",
    "Lambda.EFSMountConnectivityException",
    "Lambda.EFSMountTimeoutException",
    "Lambda.ENILimitReachedException",
    "Lambda.ResourceConflictException",
    "Lambda.ResourceNotReadyException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.SnapStartNotReadyException",
    "Lambda.SnapStartTimeoutException",
    "Lambda.SubnetIPAddressLimitReachedException",
    "Lambda.TooManyRequestsException",
)


@dataclass(frozen=True)
class Handler:
    """A handler that workflows call.

    Args:
        function: the placeholder for the ARN of its Lambda function.
        name: its qualified name, for the command line.
    """

    function: str
    name: str


_FAMILIES = "aibs_informatics_aws_lambda.handlers"

HANDLERS = {
    "batch-data-sync": Handler(
        "BatchDataSyncFunctionArn", f"{_FAMILIES}.data_sync.batch_data_sync_handler"
    ),
    "create-definition": Handler(
        "CreateDefinitionFunctionArn", f"{_FAMILIES}.batch.create.handler"
    ),
    "outdated-data-path-scanner": Handler(
        "OutdatedDataPathScannerFunctionArn",
        f"{_FAMILIES}.data_sync.outdated_data_path_scanner_handler",
    ),
    "prepare-batch-data-sync": Handler(
        "PrepareBatchDataSyncFunctionArn", f"{_FAMILIES}.data_sync.prepare_batch_data_sync_handler"
    ),
    "prepare-demand-scaffolding": Handler(
        "PrepareDemandScaffoldingFunctionArn", f"{_FAMILIES}.demand.scaffolding.handler"
    ),
    "remove-data-paths": Handler(
        "RemoveDataPathsFunctionArn", f"{_FAMILIES}.data_sync.remove_data_paths_handler"
    ),
    "summarize-batch-data-sync": Handler(
        "SummarizeBatchDataSyncFunctionArn",
        f"{_FAMILIES}.data_sync.summarize_batch_data_sync_handler",
    ),
}

CATCH_ALL = ["States.ALL"]

COUNTS: Final = (
    "total_requests_count",
    "successful_requests_count",
    "failed_requests_count",
    "files_transferred",
    "bytes_transferred",
    "files_unchanged",
    "bytes_unchanged",
    "files_deleted",
    "bytes_deleted",
    "files_removed",
)
"""The fields of `BatchDataSyncResult` that are always there."""
OPTIONAL_COUNTS: Final = (
    "files_backed_up",
    "files_archived",
    "bytes_archived",
    "files_vanished",
)
"""Its fields that may be missing."""


def call_handler(
    variant: Variant,
    name: str,
    handler: str,
    *,
    request: State | str,
    result: str,
    then: str | None,
    catch: list[State] | None = None,
) -> States:
    """Return the states that call a handler; its response is ``response`` at the result path.

    Args:
        variant: whether the handler runs as a Lambda function or as a Batch job.
        name: the name of the first of these states.
        handler: a key of `HANDLERS`.
        request: a template of the request, or a path or intrinsic function that returns it.
        result: the result path.
        then: the next state; `None` ends the state machine.
        catch: the catchers of each task.
    """
    made = _call_function if variant == "lambda" else _call_in_batch
    states = made(name, HANDLERS[handler], handler, request, result, next_or_end(then))
    if catch:
        for state in states.values():
            if state["Type"] == "Task":
                state["Catch"] = catch
    return states


def next_or_end(then: str | None) -> State:
    """Return the transition to a state, or to the end."""
    return {"End": True} if then is None else {"Next": then}


def _call_function(
    name: str, handler: Handler, _: str, request: State | str, result: str, then: State
) -> States:
    return {
        name: {
            "Type": "Task",
            "Resource": _resource("lambda:invoke"),
            "Parameters": {
                "FunctionName": f"${{{handler.function}}}",
                **_field("Payload", request),
            },
            "TimeoutSeconds": _LAMBDA_SECONDS,
            "Retry": [_retry(*_TRANSIENT_LAMBDA_ERRORS)],
            "ResultSelector": {"response.$": "$.Payload"},
            "ResultPath": result,
            **then,
        }
    }


def _call_in_batch(
    name: str, handler: Handler, title: str, request: State | str, result: str, then: State
) -> States:
    """Return states that store the request in S3, run a job, and load its response from S3."""
    store, job, load = f"{name}: store request", f"{name}: run job", f"{name}: load response"
    return {
        name: {
            "Type": "Pass",
            "Parameters": {
                "prefix.$": "States.Format('scratch/{}/{}', $$.Execution.Name, States.UUID())"
            },
            "ResultPath": "$.call",
            "Next": store,
        },
        store: {
            "Type": "Task",
            "Resource": _resource("aws-sdk:s3:putObject"),
            "Parameters": {
                "Bucket": "${BucketName}",
                "Key.$": "States.Format('{}/request.json', $.call.prefix)",
                "ContentType": "application/json",
                **_field("Body", request),
            },
            "TimeoutSeconds": _S3_SECONDS,
            "Retry": [_RETRY_S3],
            "ResultPath": None,
            "Next": job,
        },
        job: run_job(
            {
                "JobName": title,
                "JobDefinition": "${HandlerJobDefinitionArn}",
                "JobQueue": "${HandlerJobQueueArn}",
                "Timeout": {"AttemptDurationSeconds": _ATTEMPT_SECONDS},
                "ContainerOverrides": {
                    "Environment": [
                        {"Name": "AWS_LAMBDA_FUNCTION_HANDLER", "Value": handler.name},
                        _variable("AWS_LAMBDA_EVENT_PAYLOAD", "request"),
                        _variable("AWS_LAMBDA_EVENT_RESPONSE_LOCATION", "response"),
                        # The response lists partial failures; the workflow decides about them.
                        {"Name": "HANDLER_PARTIAL_OK", "Value": "true"},
                    ]
                },
            },
            seconds=_HANDLER_JOB_SECONDS,
            ResultPath=None,
            Next=load,
        ),
        load: {
            "Type": "Task",
            "Resource": _resource("aws-sdk:s3:getObject"),
            "Parameters": {
                "Bucket": "${BucketName}",
                "Key.$": "States.Format('{}/response.json', $.call.prefix)",
            },
            "TimeoutSeconds": _S3_SECONDS,
            "Retry": [_RETRY_S3],
            "ResultSelector": {"response.$": "States.StringToJson($.Body)"},
            "ResultPath": result,
            **then,
        },
    }


def run_job(parameters: State, seconds: int = _JOB_SECONDS, **fields: Any) -> State:
    """Return a state that runs a Batch job and waits until it ends."""
    return {
        "Type": "Task",
        "Resource": _resource("batch:submitJob.sync"),
        "Parameters": parameters,
        "TimeoutSeconds": seconds,
        "Retry": [_RETRY_BATCH],
        **fields,
    }


def run_job_with_totals(arguments: Mapping[str, str], **fields: Any) -> State:
    """Return a state that runs a Batch job, and adds its ID, times and attempts to the input.

    JSONata leaves out a duration whose times Batch does not return; JSONPath would fail.

    Args:
        arguments: JSONata expressions for the arguments of SubmitJob.
        fields: further fields of the state.
    """
    result = "$states.result"
    totals = {
        "seconds_queued": f"({result}.StartedAt - {result}.CreatedAt) / 1000",
        "seconds_running": f"({result}.StoppedAt - {result}.StartedAt) / 1000",
        "attempts": f"$count([{result}.Attempts])",
    }
    job = f"{{'job_id': {result}.JobId, 'totals': {_object(totals)}}}"
    return {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": _resource("batch:submitJob.sync"),
        "Arguments": {name: _jsonata(value) for name, value in arguments.items()},
        "TimeoutSeconds": _JOB_SECONDS,
        "Retry": [_RETRY_BATCH],
        "Output": _add_to_input(job=job),
        **fields,
    }


def sync_each(name: str, items: str, totals: str | None, **fields: Any) -> State:
    """Return a state that runs the data sync workflow for each request of a list.

    The results are summed up at once, and by JSONata, which has a sum: the results of 250 syncs,
    beside their requests, would take most of a state's 256 KiB.

    Args:
        name: the name of the inner state.
        items: the path of the list in the input, without ``$``.
        totals: the key at which the sums are added to the input; `None`: they are the output.
        fields: further fields of the state.
    """
    sums = _sum_of_results()
    return {
        "Type": "Map",
        "QueryLanguage": "JSONata",
        "Items": _jsonata(f"$states.input.{items}"),
        "ItemSelector": {
            "request": _jsonata("$states.context.Map.Item.Value"),
            # Makes Step Functions link the two executions in its console.
            "parent": {
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": _jsonata(
                    "$states.context.Execution.Id"
                )
            },
        },
        "MaxConcurrency": _CONCURRENT_SYNCS,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": name,
            "States": {
                name: {
                    "Type": "Task",
                    "QueryLanguage": "JSONata",
                    "Resource": _resource("states:startExecution.sync:2"),
                    "Arguments": {
                        "StateMachineArn": "${DataSyncStateMachineArn}",
                        "Input": _jsonata("$merge([$states.input.request, $states.input.parent])"),
                    },
                    "TimeoutSeconds": _NESTED_SECONDS,
                    "Retry": [
                        _retry(
                            "StepFunctions.AWSStepFunctionsException",
                            "StepFunctions.ExecutionLimitExceededException",
                            "StepFunctions.SdkClientException",
                            "StepFunctions.SfnException",
                        )
                    ],
                    # A state machine without a result is none to fail for.
                    "Output": _jsonata("{'result': $states.result.Output.result}"),
                    "End": True,
                }
            },
        },
        "Output": _add_to_input(**{totals: sums}) if totals else _jsonata(sums),
        **fields,
    }


def catch_in_jsonata(result: str, then: str) -> list[State]:
    """Return the catchers of a state in JSONata that adds any error to its input."""
    output = _add_to_input(**{result: "$states.errorOutput"})
    return [{"ErrorEquals": CATCH_ALL, "Output": output, "Next": then}]


def _sum_of_results() -> str:
    """Return an expression for the sums of the results of a Map; 0 if there are none.

    The sum of optional counts that no result has is undefined, which JSONata leaves out.
    """
    results = "$states.result.result"
    sums = {name: f"$sum([{results}.{name}])" for name in COUNTS}
    return _object(sums | {name: f"$sum({results}.{name})" for name in OPTIONAL_COUNTS})


def _add_to_input(**expressions: str) -> str:
    return _jsonata(f"$merge([$states.input, {_object(expressions)}])")


def _object(expressions: Mapping[str, str]) -> str:
    members = ", ".join(f"'{name}': {value}" for name, value in expressions.items())
    return f"{{{members}}}"


def _jsonata(expression: str) -> str:
    return f"{{% {expression} %}}"


def remove_each(variant: Variant, name: str, items: str, **fields: Any) -> State:
    """Return a state that removes the paths of each request of a list.

    Args:
        variant: whether the handler runs as a Lambda function or as a Batch job.
        name: the name of the inner state.
        items: the path of the list.
        fields: further fields of the state.
    """
    return {
        "Type": "Map",
        "ItemsPath": items,
        "MaxConcurrency": 1,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": name,
            "States": call_handler(
                variant,
                name,
                "remove-data-paths",
                request="$",
                result="$.removal",
                then=None,
            ),
        },
        "ResultPath": None,
        **fields,
    }


def _resource(name: str) -> str:
    return f"arn:${{Partition}}:states:::{name}"


def _field(name: str, value: State | str) -> State:
    return {f"{name}.$": value} if isinstance(value, str) else {name: value}


def _variable(name: str, document: str) -> State:
    uri = f"States.Format('s3://${{BucketName}}/{{}}/{document}.json', $.call.prefix)"
    return {"Name": name, "Value.$": uri}


def _retry(*errors: str, attempts: int = 6) -> State:
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": 3,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
        "MaxAttempts": attempts,
        "MaxDelaySeconds": 120,
    }


_RETRY_BATCH = _retry(
    "Batch.AWSBatchException",
    "Batch.BatchException",
    "Batch.SdkClientException",
    "Batch.ServerException",
    "Batch.TooManyRequestsException",
)
# Throttling and denied access have the same error name: denied access fails within 20 seconds.
_RETRY_S3 = _retry("S3.S3Exception", "S3.SdkClientException", attempts=3)
