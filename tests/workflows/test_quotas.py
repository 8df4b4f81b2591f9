"""Executions stay within the quotas of Step Functions, with 10,000 batches as with a few.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.workflows import render_workflow
from aibs_informatics_aws_lambda.handlers.demand.workflows import (
    render_workflow as render_demand_workflow,
)
from state_machines import BUCKET, VALUES, Execution

MOST_EVENTS = 25_000
MOST_BYTES = 256 * 1024
MOST_CONCURRENT_CHILDREN = 10_000
BATCHES = 10_000


def payloads_of(execution: Execution) -> Iterator[str]:
    """Yield all inputs, outputs and causes of an execution."""
    for event in execution.events:
        for details in event.values():
            if isinstance(details, dict):
                yield from (
                    text for name, text in details.items() if name in ("input", "output", "cause")
                )


@pytest.fixture
def run_with(workshop, data_sync, functions, aws):
    """Run the workflow with so many batches; mocked handlers return responses like the real ones.

    All keys are as long as they can be.
    """

    def run(batches: int) -> Execution:
        longest = f"s3://{BUCKET}/{'k' * 1024}"

        def prepare(event: Any) -> Any:
            prefix = event["response_path"].removeprefix(f"s3://{BUCKET}/")
            requests = [
                {
                    "requests": f"{event['temporary_request_payload_path']}/request_{n}.json",
                    "allow_partial_failure": False,
                }
                for n in range(batches)
            ]
            aws.put(BUCKET, f"{prefix}/requests.json", json.dumps(requests))
            return {
                "requests": f"{event['response_path']}/requests.json",
                "parallel_batches": batches,
                "max_concurrent_batches": 2,
                "tolerated_failure_percentage": 0.0,
            }

        def sync(_: Any) -> Any:
            return {"result": {"files_transferred": 1}, "failed_requests": []}

        functions["prepare-batch-data-sync"] = prepare
        functions["batch-data-sync"] = sync
        request = {"source_path": longest, "destination_path": longest}
        return workshop.machines.run(data_sync(), request)

    return run


def test_the_history_of_the_parent_does_not_depend_on_the_number_of_batches(run_with):
    few, more = run_with(batches=1), run_with(batches=12)

    assert few.status == more.status == "SUCCEEDED"
    # Events of batches belong to child executions.
    assert len(few.events) == len(more.events) == 28 < MOST_EVENTS
    largest = [max(len(text) for text in payloads_of(run)) for run in (few, more)]
    # The number of batches has one digit more.
    assert largest[1] - largest[0] <= 8
    assert largest[1] < MOST_BYTES / 10


def test_a_batch_that_is_continued_for_days_stays_within_the_history_limit():
    definition = render_workflow("data-sync-distributed", "lambda", VALUES)
    batch = definition["States"]["Run batches"]["ItemProcessor"]["States"]
    # Entered and exited; for a task also scheduled, started and succeeded.
    events = {"Task": 5, "Choice": 2, "Pass": 2}
    events_per_lap = sum(
        events[batch[name]["Type"]]
        for name in ("Sync", "Is the batch complete?", "Continue batch")
    )
    # A call runs until shortly before the timeout of the function.
    seconds_of_a_call = 14 * 60
    laps = definition["TimeoutSeconds"] / seconds_of_a_call

    assert events_per_lap == 9
    assert laps * events_per_lap + 10 < MOST_EVENTS


def test_each_continuation_has_nine_events(workshop, functions):
    definition = render_workflow("data-sync-distributed", "lambda", VALUES)
    batch = definition["States"]["Run batches"]["ItemProcessor"]
    arn = workshop.machines.create(
        "batch", {"StartAt": batch["StartAt"], "States": batch["States"]}
    )

    def events_with(calls: int) -> int:
        responses = iter([{"incomplete": True, "continuation": {}}] * (calls - 1) + [{}])
        functions["batch-data-sync"] = lambda _: {
            "result": {},
            "failed_requests": [],
            **next(responses),
        }
        request = {"requests": [], "allow_partial_failure": False, "deadline": "auto"}
        done = workshop.machines.run(arn, request)
        assert done.status == "SUCCEEDED", done.cause
        return len(done.events)

    assert events_with(3) - events_with(2) == 9


def test_ten_thousand_batches_are_one_map_run():
    batch = {
        "requests": f"s3://{'b' * 63}/scratch/{'e' * 80}/{'u' * 36}/requests/request_9999.json",
        "allow_partial_failure": False,
        "deadline": "auto",
    }

    # The limit of an input applies to each item; the list of items may have 10 GB.
    assert len(json.dumps(batch)) < MOST_BYTES / 100
    assert BATCHES * len(json.dumps(batch)) < 10 * 2**30
    # The default concurrency of the Map does not exceed the limit.
    assert BATCHES <= MOST_CONCURRENT_CHILDREN


@pytest.mark.parametrize("variant", ["lambda", "batch"])
def test_a_demand_execution_with_the_maximum_of_syncs_stays_within_the_history_limit(variant):
    definition = render_demand_workflow("demand-execution", variant, VALUES)
    # Entered, scheduled, started, submitted, succeeded, left; iteration started and succeeded.
    a_sync = 8
    most = MOST_SYNCS * a_sync + 3 * 40 + 100

    assert "Sync inputs" in json.dumps(definition)
    assert most < MOST_EVENTS


# What the README says.
MOST_SYNCS = 250


def test_a_plan_with_the_maximum_of_syncs_fits_into_a_state(aws, lambda_context, efs, monkeypatch):
    from aibs_informatics_aws_lambda.handlers.demand.scaffolding import handler

    monkeypatch.setenv("ENV_BASE", "dev")
    names = [f"reads-{number:03}" for number in range(MOST_SYNCS)]
    prefix = "s3://a-bucket-of-the-lab/projects/a-project/2024-01-02/sequences"
    event = {
        "demand_execution": {
            "execution_type": "align",
            "execution_id": "0123456789abcdef0123456789abcdef",
            "execution_image": "123456789012.dkr.ecr.us-west-2.amazonaws.com/tools/align:1.0",
            "execution_parameters": {
                "command": ["align"],
                "params": {name: f"{prefix}/{name}.fastq @ {name}.fastq" for name in names},
                "inputs": names,
            },
            "execution_platform": {"aws_batch": {"job_queue_name": "queue"}},
        }
    }

    response = handler(event, lambda_context)

    assert len(response["setup_configs"]["data_sync_requests"]) == MOST_SYNCS
    assert len(json.dumps(response)) < MOST_BYTES
