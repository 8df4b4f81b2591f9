"""The source of the workflows that the packages ship, each in two variants.

Standard workflows in Amazon States Language with JSONPath, but for states that sum up, which use
JSONata. A deployment substitutes the placeholders, ``${Name}``. https://states-language.net/spec.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from workflow_states import (
    CATCH_ALL,
    DATA_SYNC_SECONDS,
    State,
    Variant,
    call_handler,
    catch_in_jsonata,
    remove_each,
    run_job_with_totals,
    sync_each,
)

_CLEAN_UP_SECONDS = 7 * 24 * 3600
_DEMAND_SECONDS = 31 * 24 * 3600


def data_sync_distributed(variant: Variant) -> State:
    """Return the workflow that splits a data sync into batches and runs them in parallel."""
    return {
        "Comment": "Split a data sync into batches, run them in parallel, sum up their results",
        "TimeoutSeconds": DATA_SYNC_SECONDS,
        "StartAt": "Choose prefix",
        "States": {
            "Choose prefix": _choose_prefix("Set response paths"),
            "Set response paths": {
                "Comment": "Lists are passed through S3, whatever the request says",
                "Type": "Pass",
                "Parameters": {
                    "response_path.$": _in_prefix("batches"),
                    "temporary_request_payload_path.$": _in_prefix("requests"),
                },
                "ResultPath": "$.paths",
                "Next": "Prepare batches",
            },
            **call_handler(
                variant,
                "Prepare batches",
                "prepare-batch-data-sync",
                request="States.JsonMerge($.request, $.paths, false)",
                result="$.prepared",
                then="Run batches",
            ),
            "Run batches": {
                "Type": "Map",
                "Label": "Batches",
                "ItemReader": {
                    "Resource": "arn:${Partition}:states:::s3:getObject",
                    "ReaderConfig": {
                        "InputType": "JSON",
                        "MaxItemsPath": "$.prepared.response.parallel_batches",
                    },
                    "Parameters": {
                        "Bucket": "${BucketName}",
                        "Key.$": "States.Format('{}/batches/requests.json', $.prefix)",
                    },
                },
                "ItemSelector": {
                    "requests.$": "$$.Map.Item.Value.requests",
                    "allow_partial_failure.$": "$$.Map.Item.Value.allow_partial_failure",
                    "deadline": "auto",
                },
                "MaxConcurrencyPath": "$.prepared.response.max_concurrent_batches",
                "ToleratedFailurePercentagePath": (
                    "$.prepared.response.tolerated_failure_percentage"
                ),
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Sync",
                    "States": {
                        **call_handler(
                            variant,
                            "Sync",
                            "batch-data-sync",
                            request="$",
                            result="$.sync",
                            then="Is the batch complete?",
                        ),
                        "Is the batch complete?": _choose_continuation(
                            "$.sync", "Continue batch", "Return batch result"
                        ),
                        "Continue batch": _continue_batch("$", "$.sync", "Sync"),
                        "Return batch result": {
                            "Type": "Pass",
                            "Parameters": {
                                "result.$": "$.sync.response.result",
                                "failed_requests.$": "$.sync.response.failed_requests",
                            },
                            "End": True,
                        },
                    },
                },
                "ResultWriter": {
                    "Resource": "arn:${Partition}:states:::s3:putObject",
                    "Parameters": {
                        "Bucket": "${BucketName}",
                        "Prefix.$": "States.Format('{}/results', $.prefix)",
                    },
                },
                "ResultPath": "$.results",
                "Catch": [
                    {
                        "ErrorEquals": CATCH_ALL,
                        "ResultPath": "$.failure",
                        "Next": "Sum up results",
                    }
                ],
                "Next": "Sum up results",
            },
            **call_handler(
                variant,
                "Sum up results",
                "summarize-batch-data-sync",
                request={
                    "prepared.$": "$.prepared.response",
                    "results_path.$": _in_prefix("results"),
                    "response_path.$": _in_prefix("summary"),
                },
                result="$.summary",
                then="Has a step failed?",
                catch=_note_failure("$.summary_failure", "Has a step failed?"),
            ),
            "Has a step failed?": {
                "Comment": "The error of a failed batch says more than the error of the Map",
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.failure", "IsPresent": True},
                            {"Variable": "$.summary.response.error", "IsPresent": True},
                        ],
                        "Next": "Too many batches failed",
                    },
                    {
                        "Variable": "$.failure",
                        "IsPresent": True,
                        "Next": "Batches could not be run",
                    },
                    {
                        "Variable": "$.summary_failure",
                        "IsPresent": True,
                        "Next": "Results could not be summed up",
                    },
                ],
                "Default": "Are entry files left?",
            },
            "Are entry files left?": {
                "Comment": "They name the files of all other batches, which must be there",
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {
                                "Variable": "$.prepared.response.final_batch",
                                "IsPresent": True,
                            },
                            {
                                "Variable": "$.summary.response.result.failed_requests_count",
                                "NumericEquals": 0,
                            },
                        ],
                        "Next": "Take final batch",
                    }
                ],
                "Default": "Return result",
            },
            "Take final batch": {
                "Type": "Pass",
                "Parameters": {
                    "requests.$": "$.prepared.response.final_batch.requests",
                    "allow_partial_failure": False,
                    "deadline": "auto",
                },
                "ResultPath": "$.final",
                "Next": "Sync entry files",
            },
            **call_handler(
                variant,
                "Sync entry files",
                "batch-data-sync",
                request="$.final",
                result="$.entries",
                then="Are entry files complete?",
                catch=_note_failure("$.entries_failure", "Entry files could not be synced"),
            ),
            "Are entry files complete?": _choose_continuation(
                "$.entries", "Continue entry files", "Sum up all results"
            ),
            "Continue entry files": _continue_batch(
                "$.final", "$.entries", "Sync entry files", ResultPath="$.final"
            ),
            **call_handler(
                variant,
                "Sum up all results",
                "summarize-batch-data-sync",
                request={
                    "responses.$": "States.Array($.entries.response)",
                    "results_path.$": _in_prefix("results"),
                    "response_path.$": _in_prefix("summary"),
                },
                result="$.summary",
                then="Return result",
                catch=_note_failure("$.summary_failure", "Results could not be summed up"),
            ),
            "Entry files could not be synced": _fail_with("$.entries_failure"),
            "Too many batches failed": {
                "Type": "Fail",
                "ErrorPath": "$.summary.response.error",
                "CausePath": "$.summary.response.cause",
            },
            "Batches could not be run": _fail_with("$.failure"),
            "Results could not be summed up": _fail_with("$.summary_failure"),
            "Return result": {"Type": "Pass", "OutputPath": "$.summary.response", "End": True},
        },
    }


def clean_file_system(variant: Variant) -> State:
    """Return the workflow that finds outdated paths and removes them."""
    return {
        "Comment": "Find the paths that have not been used for a number of days, and remove them",
        "TimeoutSeconds": _CLEAN_UP_SECONDS,
        "StartAt": "Choose prefix",
        "States": {
            "Choose prefix": _choose_prefix("Set response paths"),
            "Set response paths": {
                "Comment": "With a plan, paths that change after the scan are not removed",
                "Type": "Pass",
                "Parameters": {"response_path.$": _in_prefix("found"), "with_plan": True},
                "ResultPath": "$.paths",
                "Next": "Scan",
            },
            **call_handler(
                variant,
                "Scan",
                "outdated-data-path-scanner",
                request="States.JsonMerge($.request, $.paths, false)",
                result="$.scan",
                then="Remove",
            ),
            **call_handler(
                variant,
                "Remove",
                "remove-data-paths",
                request={
                    "paths.$": "$.scan.response.paths",
                    "plan.$": "$.scan.response.plan",
                    "response_path.$": _in_prefix("removed"),
                },
                result="$.removal",
                then="Return result",
            ),
            "Return result": {"Type": "Pass", "OutputPath": "$.removal.response", "End": True},
        },
    }


def demand_execution(variant: Variant) -> State:
    """Return the workflow that syncs inputs, runs a job, and syncs its outputs."""
    return {
        "Comment": "Download inputs from S3 to EFS, run a job, upload its outputs, clean up",
        "TimeoutSeconds": _DEMAND_SECONDS,
        "StartAt": "Plan",
        "States": {
            **call_handler(
                variant,
                "Plan",
                "prepare-demand-scaffolding",
                request="$",
                result="$.plan",
                then="Keep plan",
            ),
            "Keep plan": {
                "Type": "Pass",
                "Parameters": {
                    "setup.$": "$.plan.response.setup_configs",
                    "cleanup.$": "$.plan.response.cleanup_configs",
                },
                "Next": "Prepare job and inputs",
            },
            "Prepare job and inputs": {
                "Type": "Parallel",
                "Branches": [
                    {
                        "StartAt": "Create job definition",
                        "States": {
                            **call_handler(
                                variant,
                                "Create job definition",
                                "create-definition",
                                request="$.setup.batch_create_request",
                                result="$.created",
                                then="Return job arguments",
                            ),
                            "Return job arguments": {
                                "Type": "Pass",
                                "OutputPath": "$.created.response",
                                "End": True,
                            },
                        },
                    },
                    {
                        "StartAt": "Sync inputs",
                        "States": {
                            "Sync inputs": sync_each(
                                "Sync input", "setup.data_sync_requests", None, End=True
                            )
                        },
                    },
                ],
                "ResultSelector": {"job.$": "$[0]", "inputs.$": "$[1]"},
                "ResultPath": "$.ready",
                "Catch": _note_failure("$.failure", "Clean up after failure"),
                "Next": "Run job",
            },
            "Run job": run_job_with_totals(
                {
                    "JobName": "$states.input.ready.job.job_name",
                    "JobDefinition": "$states.input.ready.job.job_definition_arn",
                    "JobQueue": "$states.input.ready.job.job_queue_arn",
                    "Parameters": "$states.input.ready.job.parameters",
                    "ContainerOverrides": "$states.input.ready.job.container_overrides",
                },
                Catch=catch_in_jsonata("failure", "Are outputs wanted on failure?"),
                Next="Sync outputs",
            ),
            "Sync outputs": sync_each(
                "Sync output",
                "cleanup.data_sync_requests",
                "outputs",
                # Nothing is removed: EFS holds the only copy of the outputs.
                Catch=catch_in_jsonata("failure", "Is there a cause?"),
                Next="Clean up",
            ),
            "Clean up": remove_each(
                variant,
                "Remove paths",
                "$.cleanup.remove_data_paths_requests",
                Next="Return result",
            ),
            "Return result": {
                "Type": "Pass",
                "Parameters": {
                    "job_id.$": "$.job.job_id",
                    "job.$": "$.job.totals",
                    "inputs.$": "$.ready.inputs",
                    "outputs.$": "$.outputs",
                },
                "End": True,
            },
            "Are outputs wanted on failure?": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Variable": "$.cleanup.failure_data_sync_requests",
                        "IsPresent": True,
                        "Next": "Sync outputs on failure",
                    }
                ],
                "Default": "Clean up after failure",
            },
            "Sync outputs on failure": sync_each(
                "Sync output on failure",
                "cleanup.failure_data_sync_requests",
                "outputs",
                Catch=catch_in_jsonata("upload_failure", "Is there a cause?"),
                Next="Clean up after failure",
            ),
            "Clean up after failure": remove_each(
                variant,
                "Remove paths after failure",
                "$.cleanup.remove_data_paths_requests",
                Catch=_note_failure("$.removal_failure", "Is there a cause?"),
                Next="Is there a cause?",
            ),
            "Is there a cause?": {
                "Comment": "A timeout has no cause",
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.failure.Cause", "IsPresent": True, "Next": "Fail with cause"}
                ],
                "Default": "Fail",
            },
            "Fail with cause": {
                "Type": "Fail",
                "ErrorPath": "$.failure.Error",
                "CausePath": "$.failure.Cause",
            },
            "Fail": {"Type": "Fail", "ErrorPath": "$.failure.Error"},
        },
    }


def _choose_continuation(result: str, continued: str, done: str) -> State:
    incomplete = f"{result}.response.incomplete"
    return {
        "Type": "Choice",
        "Choices": [
            {
                "And": [
                    {"Variable": incomplete, "IsPresent": True},
                    {"Variable": incomplete, "BooleanEquals": True},
                ],
                "Next": continued,
            }
        ],
        "Default": done,
    }


def _continue_batch(batch: str, result: str, then: str, **fields: str) -> State:
    return {
        "Comment": "The deadline was reached: call again to continue",
        "Type": "Pass",
        "Parameters": {
            "requests.$": f"{batch}.requests",
            "allow_partial_failure.$": f"{batch}.allow_partial_failure",
            "deadline.$": f"{batch}.deadline",
            "continuation.$": f"{result}.response.continuation",
        },
        **fields,
        "Next": then,
    }


def _note_failure(result: str, then: str) -> list[State]:
    return [{"ErrorEquals": CATCH_ALL, "ResultPath": result, "Next": then}]


def _choose_prefix(then: str) -> State:
    return {
        "Type": "Pass",
        "Parameters": {
            "request.$": "$",
            "prefix.$": "States.Format('scratch/{}/{}', $$.Execution.Name, States.UUID())",
        },
        "Next": then,
    }


def _in_prefix(name: str) -> str:
    return f"States.Format('s3://${{BucketName}}/{{}}/{name}', $.prefix)"


def _fail_with(path: str) -> State:
    return {
        "Type": "Fail",
        "ErrorPath": f"{path}.Error",
        "CausePath": f"States.JsonToString({path})",
    }


WORKFLOWS: Final[Mapping[str, tuple[str, Callable[[Variant], State]]]] = {
    "data-sync-distributed": ("data-sync", data_sync_distributed),
    "clean-file-system": ("data-sync", clean_file_system),
    "demand-execution": ("demand", demand_execution),
}
"""The package of each workflow, and the function that builds it."""
