from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.demand.workflows import render_workflow
from aibs_informatics_aws_lambda.storage.data_sync.batch import BatchDataSyncResult
from state_machines import BUCKET, SECONDS_QUEUED, VALUES, Execution, Job
from workflow_states import COUNTS, OPTIONAL_COUNTS

README = Path(__file__).parents[2] / "packages" / "demand" / "README.md"
JSON_BLOCKS = re.findall(r"```json\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.fixture
def run(workshop, data_sync, efs, monkeypatch):
    """Run a demand execution; container paths are local paths."""
    monkeypatch.setenv("ENV_BASE", "dev")
    _, folder = efs

    def start(
        *command: str,
        variant: str = "lambda",
        parameters: Any = None,
        values: Any = None,
        **configuration: Any,
    ) -> Execution:
        values = VALUES | (values or {"DataSyncStateMachineArn": data_sync()})
        definition = render_workflow("demand-execution", variant, values)
        execution = {
            "execution_type": "count",
            "execution_id": "run-0001",
            "execution_image": "public.ecr.aws/tools/count:1.0",
            "execution_parameters": {
                "command": list(command),
                "params": {
                    "text": f"s3://{BUCKET}/raw/text.txt @ text.txt",
                    "count": f"count.txt @ s3://{BUCKET}/results/count.txt",
                    "log": f"log.txt @ s3://{BUCKET}/results/log.txt",
                },
                "inputs": ["text"],
                "outputs": ["count", "log"],
                **(parameters or {}),
            },
            "execution_platform": {"aws_batch": {"job_queue_name": "queue"}},
            "resource_requirements": {"memory": 1024, "vcpus": 1},
        }
        request = {
            "demand_execution": execution,
            "file_system_configurations": {
                "scratch": {"container_path": str(folder / "scratch")},
                "shared": [{"container_path": str(folder / "shared")}],
            },
            "context_manager_configuration": configuration,
        }
        arn = workshop.machines.create(f"demand-{variant}", definition)
        return workshop.machines.run(arn, request)

    return start


@pytest.fixture
def other_sync(workshop):
    """Create a state machine of a single state in place of the data sync, and return its ARN."""

    def create(**state: Any) -> str:
        definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **state}}}
        # With the name of the data sync: the definition of executions, parsed once, has it too.
        return workshop.machines.create("data-sync-lambda", definition)

    return create


@pytest.fixture
def working(efs):
    return efs[1] / "scratch" / "run-0001"


@pytest.fixture(autouse=True)
def text(workshop, aws) -> None:
    aws.put(BUCKET, "raw/text.txt", "four")


@pytest.fixture
def results(aws):
    """Return the results by name."""
    return lambda: {
        key.removeprefix("results/"): aws.get(BUCKET, key).decode()
        for key in aws.keys(BUCKET)
        if key.startswith("results/")
    }


COUNT = ("wc", "-c", "<", "${TEXT}", ">", "${COUNT}", "&&", "echo", "counted", ">", "${LOG}")
FAIL = ("echo", "cannot", "count", ">", "${LOG}", "&&", "exit", "7")


def test_a_job_runs_between_its_syncs_and_is_cleaned_up(run, results, working, workshop):
    done = run(*COUNT)

    assert done.status == "SUCCEEDED", done.cause
    assert results() == {"count.txt": "4\n", "log.txt": "counted\n"}
    assert working.parent.exists()
    assert not working.exists()
    [job] = workshop.jobs.jobs.values()
    assert done.output == {
        "job_id": job.job_id,
        "job": {
            "seconds_queued": SECONDS_QUEUED,
            "seconds_running": (job.stopped_at - job.created_at) / 1000,
            "attempts": 1,
        },
        "inputs": counts(1, files_transferred=1, bytes_transferred=len("four")),
        "outputs": counts(
            2, files_transferred=2, bytes_transferred=len("4\ncounted\n"), files_removed=2
        ),
    }
    [shown] = [text for text in JSON_BLOCKS if '"job_id"' in text]
    assert keys(json.loads(shown)) == keys(done.output)


def keys(document: Any) -> Any:
    """Return a document with its keys alone."""
    return {k: keys(v) for k, v in document.items()} if isinstance(document, dict) else None


def counts(syncs: int, **values: int) -> dict[str, int]:
    """Return the totals of successful syncs as JSON; what is not given is 0."""
    result = BatchDataSyncResult(
        total_requests_count=syncs, successful_requests_count=syncs, **values
    )
    return result.to_dict()


def test_an_execution_without_inputs_and_outputs_has_totals_of_zero(run, workshop):
    done = run("true", parameters={"params": {}, "inputs": [], "outputs": []})

    assert done.status == "SUCCEEDED", done.cause
    assert done.output["inputs"] == done.output["outputs"] == counts(0)


def test_totals_are_left_out_of_what_other_state_machines_and_services_do_not_return(
    other_sync, run, monkeypatch
):
    # Such as another implementation of the data sync, whose output is its own.
    arn = other_sync(Result={"copied": 1})
    describe = Job.describe
    monkeypatch.setattr(
        Job,
        "describe",
        lambda job: {k: v for k, v in describe(job).items() if k not in ("stoppedAt", "attempts")},
    )

    done = run("true", values={"DataSyncStateMachineArn": arn})

    assert done.status == "SUCCEEDED", done.cause
    assert done.output["job"] == {"seconds_queued": SECONDS_QUEUED, "attempts": 0}
    assert done.output["inputs"] == done.output["outputs"] == counts(0)


def test_optional_counts_of_syncs_are_summed_up(other_sync, run):
    counted = {"files_archived": 2, "bytes_archived": 5, "files_backed_up": 1}
    arn = other_sync(Result={"result": counted})

    done = run("true", values={"DataSyncStateMachineArn": arn})

    assert done.status == "SUCCEEDED", done.cause
    expected = {"files_archived": 4, "bytes_archived": 10, "files_backed_up": 2}
    assert done.output["outputs"] == counts(0) | expected


def test_totals_have_all_counts_of_a_result():
    always = {n for n, f in BatchDataSyncResult.model_fields.items() if f.default is not None}

    assert set(COUNTS) == always
    assert set(OPTIONAL_COUNTS) == set(BatchDataSyncResult.model_fields) - always


def test_a_request_reaches_the_data_sync_as_it_was_planned(workshop, other_sync, run):
    arn = other_sync(Parameters={"got.$": "$"})
    text = {
        "local": "te\"x't.txt",
        "remote": f"s3://{BUCKET}/raw/",
        # A list of one, and what has a meaning in JSON and in expressions.
        "include": [r"a\d+\$"],
    }
    parameters = {"params": {"text": text}, "inputs": ["text"], "outputs": []}

    done = run("true", values={"DataSyncStateMachineArn": arn}, parameters=parameters)

    assert done.status == "SUCCEEDED", done.cause
    [planned] = json.loads(
        next(
            details["output"]
            for event in done.events
            if (details := event.get("stateExitedEventDetails", {})).get("name") == "Keep plan"
        )
    )["setup"]["data_sync_requests"]
    [synced] = workshop.machines.executions(arn)
    parent = synced.output["got"].pop("AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")
    assert synced.output["got"] == planned
    assert ":execution:demand-lambda:" in parent


def test_files_are_kept_without_cleanup(run, results, working):
    done = run(*COUNT, cleanup_inputs=False, cleanup_working_dir=False)

    assert done.status == "SUCCEEDED", done.cause
    assert (working / "text.txt").read_text() == "four"
    # The sync of outputs removes them from the source.
    assert not (working / "count.txt").exists()
    assert results()["count.txt"] == "4\n"


def test_a_failed_job_is_cleaned_up_and_is_the_error_of_the_execution(
    run, results, working, workshop
):
    done = run(*FAIL)

    assert (done.status, done.error) == ("FAILED", "States.TaskFailed")
    cause = json.loads(done.cause)
    [job] = workshop.jobs.jobs.values()
    assert cause["JobId"] == job.job_id
    assert cause["Container"]["ExitCode"] == 7
    assert results() == {}
    assert not working.exists()


def test_outputs_on_failure_of_a_failed_job_are_uploaded(run, results, working):
    done = run(*FAIL, outputs_on_failure=["log", "count"])

    assert (done.status, done.error) == ("FAILED", "States.TaskFailed")
    assert json.loads(done.cause)["Container"]["ExitCode"] == 7
    assert results() == {"log.txt": "cannot count\n"}
    assert not working.exists()


@pytest.mark.heavy
def test_a_failed_job_is_cleaned_up_as_configured(run, working):
    done = run(*FAIL, cleanup_working_dir=False)

    assert done.status == "FAILED"
    assert (working / "log.txt").read_text() == "cannot count\n"
    assert not (working / "text.txt").exists()


def test_a_missing_input_is_an_error_and_no_job_runs(run, working, workshop):
    missing = {"text": f"s3://{BUCKET}/raw/missing.txt", "count": "c", "log": "l"}
    done = run(*COUNT, parameters={"params": missing, "output_s3_prefix": f"s3://{BUCKET}/out"})

    assert done.status == "FAILED"
    assert "FileNotFoundError" in done.cause
    assert f"s3://{BUCKET}/raw/missing.txt" in done.cause
    assert workshop.jobs.jobs == {}
    assert not working.exists()


def test_an_output_that_cannot_be_uploaded_is_kept(run, results, working, aws):
    elsewhere = "s3://bucket-that-is-not-there/count.txt"
    params = {
        "text": f"s3://{BUCKET}/raw/text.txt @ text.txt",
        "count": f"count.txt @ {elsewhere}",
        "log": f"log.txt @ s3://{BUCKET}/results/log.txt",
    }
    done = run(*COUNT, parameters={"params": params})

    assert done.status == "FAILED"
    assert "bucket-that-is-not-there" in done.cause
    assert (working / "count.txt").read_text() == "4\n"


@pytest.mark.heavy
def test_a_failed_removal_does_not_replace_the_error_of_the_job(run, functions):
    def fail(_: Any) -> Any:
        raise OSError("busy")

    functions["remove-data-paths"] = fail
    done = run(*FAIL)

    assert (done.status, done.error) == ("FAILED", "States.TaskFailed")
    assert json.loads(done.cause)["Container"]["ExitCode"] == 7


def test_an_invalid_execution_fails_before_anything_else(run, workshop):
    done = run()

    assert (done.status, done.error) == ("FAILED", "ValueError")
    assert "command" in done.cause
    assert [name for name, _ in workshop.functions.events] == ["prepare-demand-scaffolding"]


@pytest.mark.heavy
def test_handlers_run_as_jobs_too(run, results, working, workshop):
    done = run(*COUNT, variant="batch")

    assert done.status == "SUCCEEDED", done.cause
    assert results() == {"count.txt": "4\n", "log.txt": "counted\n"}
    assert not working.exists()
    names = sorted(job.name for job in workshop.jobs.jobs.values())
    assert names[:2] == ["create-definition", names[1]]
    assert names[2:] == ["prepare-demand-scaffolding", "remove-data-paths", "remove-data-paths"]
