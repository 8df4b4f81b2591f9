from __future__ import annotations

import json
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.demand.workflows import render_workflow
from state_machines import BUCKET, VALUES, Execution


@pytest.fixture
def run(workshop, data_sync, efs, monkeypatch):
    """Run a demand execution; container paths are local paths."""
    monkeypatch.setenv("ENV_BASE", "dev")
    _, folder = efs

    def start(
        *command: str, variant: str = "lambda", parameters: Any = None, **configuration: Any
    ) -> Execution:
        values = VALUES | {"DataSyncStateMachineArn": data_sync()}
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
    assert done.output == {"job_id": job.job_id}


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
