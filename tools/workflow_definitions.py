"""The workflows, each in its variants: the source of what the packages ship.

State machines in Amazon States Language with JSONPath, of the type Standard. Placeholders in the
form ``${Name}`` stand for what a deployment knows. https://states-language.net/spec.html
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
    remove_each,
    run_job,
    sync_each,
)

__all__ = ["WORKFLOWS"]

_CLEAN_UP_SECONDS: Final = 7 * 24 * 3600
_DEMAND_SECONDS: Final = 31 * 24 * 3600


def data_sync_distributed(variant: Variant) -> State:
    """Return the workflow that divides one sync into batches, and runs these at the same time."""
    return {
        "Comment": "Divide one sync into batches, run them at the same time, add up what was done",
        "TimeoutSeconds": DATA_SYNC_SECONDS,
        "StartAt": "Choose a folder",
        "States": {
            "Choose a folder": _choose_folder("Name the places"),
            "Name the places": {
                "Comment": "Lists go through S3, whatever the request says",
                "Type": "Pass",
                "Parameters": {
                    "response_path.$": _in_folder("batches"),
                    "temporary_request_payload_path.$": _in_folder("requests"),
                },
                "ResultPath": "$.places",
                "Next": "Prepare batches",
            },
            **call_handler(
                variant,
                "Prepare batches",
                "prepare-batch-data-sync",
                request="States.JsonMerge($.request, $.places, false)",
                result="$.prepared",
                then="Run batches",
            ),
            "Run batches": {
                "Type": "Map",
                "Label": "Batches",
                "ItemReader": {
                    "Resource": "arn:${Partition}:states:::s3:getObject",
                    "ReaderConfig": {"InputType": "JSON"},
                    "Parameters": {
                        "Bucket": "${BucketName}",
                        "Key.$": "States.Format('{}/batches/requests.json', $.folder)",
                    },
                },
                "ItemSelector": {
                    "requests.$": "$$.Map.Item.Value.requests",
                    "allow_partial_failure.$": "$$.Map.Item.Value.allow_partial_failure",
                    "deadline": "auto",
                },
                "MaxConcurrencyPath": "$.prepared.answer.max_concurrent_batches",
                "ToleratedFailurePercentagePath": (
                    "$.prepared.answer.tolerated_failure_percentage"
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
                            then="Is it done?",
                        ),
                        "Is it done?": {
                            "Type": "Choice",
                            "Choices": [
                                {
                                    "And": [
                                        {
                                            "Variable": "$.sync.answer.incomplete",
                                            "IsPresent": True,
                                        },
                                        {
                                            "Variable": "$.sync.answer.incomplete",
                                            "BooleanEquals": True,
                                        },
                                    ],
                                    "Next": "Go on",
                                }
                            ],
                            "Default": "Tell what was done",
                        },
                        "Go on": {
                            "Comment": "The function's time was up, and it says how far it came",
                            "Type": "Pass",
                            "Parameters": {
                                "requests.$": "$.requests",
                                "allow_partial_failure.$": "$.allow_partial_failure",
                                "deadline.$": "$.deadline",
                                "continuation.$": "$.sync.answer.continuation",
                            },
                            "Next": "Sync",
                        },
                        "Tell what was done": {
                            "Type": "Pass",
                            "Parameters": {
                                "result.$": "$.sync.answer.result",
                                "failed_requests.$": "$.sync.answer.failed_requests",
                            },
                            "End": True,
                        },
                    },
                },
                "ResultWriter": {
                    "Resource": "arn:${Partition}:states:::s3:putObject",
                    "Parameters": {
                        "Bucket": "${BucketName}",
                        "Prefix.$": "States.Format('{}/results', $.folder)",
                    },
                },
                "ResultPath": "$.results",
                "Catch": [
                    {
                        "ErrorEquals": CATCH_ALL,
                        "ResultPath": "$.failure",
                        "Next": "Add up results",
                    }
                ],
                "Next": "Add up results",
            },
            **call_handler(
                variant,
                "Add up results",
                "summarize-batch-data-sync",
                request={
                    "results_path.$": _in_folder("results"),
                    "response_path.$": _in_folder("summary"),
                },
                result="$.summary",
                then="Has it failed?",
                catch=[
                    {
                        "ErrorEquals": CATCH_ALL,
                        "ResultPath": "$.summary_failure",
                        "Next": "Has it failed?",
                    }
                ],
            ),
            "Has it failed?": {
                "Comment": "The first batch that failed says more than the Map does",
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.failure", "IsPresent": True},
                            {"Variable": "$.summary.answer.error", "IsPresent": True},
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
                        "Next": "Results could not be added up",
                    },
                ],
                "Default": "Report",
            },
            "Too many batches failed": {
                "Type": "Fail",
                "ErrorPath": "$.summary.answer.error",
                "CausePath": "$.summary.answer.cause",
            },
            "Batches could not be run": _fail_as_told("$.failure"),
            "Results could not be added up": _fail_as_told("$.summary_failure"),
            "Report": {"Type": "Pass", "OutputPath": "$.summary.answer", "End": True},
        },
    }


def clean_file_system(variant: Variant) -> State:
    """Return the workflow that finds what is stale, and removes it."""
    return {
        "Comment": "Remove from a file system what has not been modified for long",
        "TimeoutSeconds": _CLEAN_UP_SECONDS,
        "StartAt": "Choose a folder",
        "States": {
            "Choose a folder": _choose_folder("Name the places"),
            "Name the places": {
                "Comment": "What changes between the two is not removed: that is in the plan",
                "Type": "Pass",
                "Parameters": {"response_path.$": _in_folder("found"), "with_plan": True},
                "ResultPath": "$.places",
                "Next": "Scan",
            },
            **call_handler(
                variant,
                "Scan",
                "outdated-data-path-scanner",
                request="States.JsonMerge($.request, $.places, false)",
                result="$.scan",
                then="Remove",
            ),
            **call_handler(
                variant,
                "Remove",
                "remove-data-paths",
                request={
                    "paths.$": "$.scan.answer.paths",
                    "plan.$": "$.scan.answer.plan",
                    "response_path.$": _in_folder("removed"),
                },
                result="$.removal",
                then="Report",
            ),
            "Report": {"Type": "Pass", "OutputPath": "$.removal.answer", "End": True},
        },
    }


def demand_execution(variant: Variant) -> State:
    """Return the workflow that runs a job between the syncs of its inputs and its outputs."""

    def note_failure(then: str) -> list[State]:
        return [{"ErrorEquals": CATCH_ALL, "ResultPath": "$.failure", "Next": then}]

    return {
        "Comment": "Bring inputs to a file system, run a job, bring outputs to S3, clean up",
        "TimeoutSeconds": _DEMAND_SECONDS,
        "StartAt": "Plan",
        "States": {
            **call_handler(
                variant,
                "Plan",
                "prepare-demand-scaffolding",
                request="$",
                result="$.plan",
                then="Keep the plan",
            ),
            "Keep the plan": {
                "Type": "Pass",
                "Parameters": {
                    "setup.$": "$.plan.answer.setup_configs",
                    "cleanup.$": "$.plan.answer.cleanup_configs",
                },
                "Next": "Get ready",
            },
            "Get ready": {
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
                                then="Take its arguments",
                            ),
                            "Take its arguments": {
                                "Type": "Pass",
                                "OutputPath": "$.created.answer",
                                "End": True,
                            },
                        },
                    },
                    {
                        "StartAt": "Sync inputs",
                        "States": {
                            "Sync inputs": sync_each(
                                "Sync input", "$.setup.data_sync_requests", End=True
                            )
                        },
                    },
                ],
                "ResultSelector": {"job.$": "$[0]"},
                "ResultPath": "$.ready",
                "Catch": note_failure("Clean up after the failure"),
                "Next": "Run job",
            },
            "Run job": run_job(
                {
                    "JobName.$": "$.ready.job.job_name",
                    "JobDefinition.$": "$.ready.job.job_definition_arn",
                    "JobQueue.$": "$.ready.job.job_queue_arn",
                    "Parameters.$": "$.ready.job.parameters",
                    "ContainerOverrides.$": "$.ready.job.container_overrides",
                },
                ResultSelector={"job_id.$": "$.JobId"},
                ResultPath="$.job",
                Catch=note_failure("Are logs wanted?"),
                Next="Sync outputs",
            ),
            "Sync outputs": sync_each(
                "Sync output",
                "$.cleanup.data_sync_requests",
                # Nothing is removed: it would be the only copy.
                Catch=note_failure("Does it tell a cause?"),
                Next="Clean up",
            ),
            "Clean up": remove_each(
                variant, "Remove paths", "$.cleanup.remove_data_paths_requests", Next="Report"
            ),
            "Report": {"Type": "Pass", "OutputPath": "$.job", "End": True},
            "Are logs wanted?": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Variable": "$.cleanup.failure_data_sync_requests",
                        "IsPresent": True,
                        "Next": "Sync logs",
                    }
                ],
                "Default": "Clean up after the failure",
            },
            "Sync logs": sync_each(
                "Sync log",
                "$.cleanup.failure_data_sync_requests",
                Catch=[
                    {
                        "ErrorEquals": CATCH_ALL,
                        "ResultPath": "$.logs_failure",
                        "Next": "Does it tell a cause?",
                    }
                ],
                Next="Clean up after the failure",
            ),
            "Clean up after the failure": remove_each(
                variant,
                "Remove paths after the failure",
                "$.cleanup.remove_data_paths_requests",
                Catch=[
                    {
                        "ErrorEquals": CATCH_ALL,
                        "ResultPath": "$.removal_failure",
                        "Next": "Does it tell a cause?",
                    }
                ],
                Next="Does it tell a cause?",
            ),
            "Does it tell a cause?": {
                "Comment": "What has timed out tells none",
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.failure.Cause", "IsPresent": True, "Next": "Fail with a cause"}
                ],
                "Default": "Fail",
            },
            "Fail with a cause": {
                "Type": "Fail",
                "ErrorPath": "$.failure.Error",
                "CausePath": "$.failure.Cause",
            },
            "Fail": {"Type": "Fail", "ErrorPath": "$.failure.Error"},
        },
    }


def _choose_folder(then: str) -> State:
    return {
        "Type": "Pass",
        "Parameters": {
            "request.$": "$",
            "folder.$": "States.Format('scratch/{}/{}', $$.Execution.Name, States.UUID())",
        },
        "Next": then,
    }


def _in_folder(name: str) -> str:
    return f"States.Format('s3://${{BucketName}}/{{}}/{name}', $.folder)"


def _fail_as_told(path: str) -> State:
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
"""The package that each workflow belongs to, and what makes it."""
