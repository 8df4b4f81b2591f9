"""Requests and responses of state machines that are already deployed."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import pytest

HANDLERS = "aibs_informatics_aws_lambda.handlers"
FUNCTIONS = [
    f"{HANDLERS}.data_sync.data_sync_handler",
    f"{HANDLERS}.data_sync.prepare_batch_data_sync_handler",
    f"{HANDLERS}.data_sync.batch_data_sync_handler",
    f"{HANDLERS}.data_sync.outdated_data_path_scanner_handler",
    f"{HANDLERS}.data_sync.remove_data_paths_handler",
    f"{HANDLERS}.data_sync.get_data_path_stats_handler",
    f"{HANDLERS}.demand.scaffolding.handler",
    f"{HANDLERS}.batch.create.handler",
]
# Step Functions adds this to the state if the payload is the whole result.
ON_THE_WAY = {"taskResult": {"SdkHttpMetadata": {"HttpStatusCode": 200}}}


@pytest.fixture
def call(lambda_context):
    def run(name: str, event: Any) -> Any:
        module, _, attribute = f"{HANDLERS}.{name}".rpartition(".")
        return getattr(import_module(module), attribute)(event, lambda_context)

    return run


@pytest.fixture
def run_as_job(run_command, aws):
    """Run the command line with environment variables only, and return the response."""

    def run(name: str, event: Any) -> Any:
        payload = aws.put("bucket", "scratch/run/1/request.json", json.dumps(event))
        done = run_command(
            sys.executable,
            "-m",
            "aibs_informatics_aws_lambda.main",
            AWS_LAMBDA_FUNCTION_HANDLER=name,
            AWS_LAMBDA_EVENT_PAYLOAD=payload,
            AWS_LAMBDA_EVENT_RESPONSE_LOCATION="s3://bucket/scratch/run/1/response.json",
        )
        assert done.returncode == 0, done.stderr
        return json.loads(aws.get("bucket", "scratch/run/1/response.json"))

    return run


@pytest.fixture(autouse=True)
def source(aws, tmp_path):
    aws.make_bucket()
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("content")
    return tmp_path / "source"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_handlers_have_the_names_of_deployed_functions(name):
    module, _, attribute = name.rpartition(".")

    assert callable(getattr(import_module(module), attribute))


def prepared(source: Any) -> dict[str, Any]:
    return {
        "source_path": str(source),
        "destination_path": "s3://bucket/to/",
        "batch_size_bytes_limit": 10**9,
        "temporary_request_payload_path": "s3://bucket/payload",
        **ON_THE_WAY,
    }


def test_a_request_to_prepare_is_also_a_sync_and_a_batch(call, source):
    assert (
        call("data_sync.data_sync_handler", prepared(source))["result"]["files_transferred"] == 1
    )

    batch = call("data_sync.batch_data_sync_handler", prepared(source))

    assert batch["result"]["total_requests_count"] == 1
    assert batch["result"]["files_unchanged"] == 1


def test_stored_batches_are_run(call, source, aws):
    batches = call("data_sync.prepare_batch_data_sync_handler", prepared(source))["requests"]

    done = [call("data_sync.batch_data_sync_handler", batch | ON_THE_WAY) for batch in batches]

    assert [one["result"]["files_transferred"] for one in done] == [1]
    assert aws.get("bucket", "to/file") == b"content"


def test_a_schedule_can_use_an_efs_path(call, efs):
    file_system, folder = efs
    (folder / "scratch").mkdir()
    request = {"path": f"{file_system}:/scratch", "days_since_last_accessed": 3.0, **ON_THE_WAY}

    found = call("data_sync.outdated_data_path_scanner_handler", request)

    assert found == {"paths": []}
    removed = call("data_sync.remove_data_paths_handler", found | ON_THE_WAY)
    assert removed == {"size_bytes_removed": 0, "paths_removed": []}


@pytest.mark.parametrize(
    ("form", "strategy"),
    [
        pytest.param(lambda one: one, {}, id="objects"),
        pytest.param(lambda one: [one], {"selection_strategy": "RANDOM"}, id="lists"),
    ],
)
def test_file_systems_are_objects_or_lists(call, efs, monkeypatch, form, strategy):
    monkeypatch.setenv("ENV_BASE", "dev")
    file_systems = {name: form({"access_point": name}) for name in ("shared", "scratch", "tmp")}
    execution = {
        "execution_type": "align",
        "execution_id": "run-0001",
        "execution_image": "public.ecr.aws/tools/align:1.0",
        "execution_parameters": {"command": ["align"]},
        "execution_platform": {"aws_batch": {"job_queue_name": "queue"}},
        "resource_requirements": {"memory": 1024, "vcpus": 1},
    }
    request = {
        "demand_execution": execution,
        "file_system_configurations": file_systems | strategy,
        **ON_THE_WAY,
    }

    plan = call("demand.scaffolding.handler", request)
    job = call("batch.create.handler", plan["setup_configs"]["batch_create_request"] | ON_THE_WAY)

    assert len(plan["setup_configs"]["batch_create_request"]["volumes"]) == 3
    removals = plan["cleanup_configs"]["remove_data_paths_requests"]
    assert [set(removal) for removal in removals] == [{"paths"}, {"paths"}]
    assert set(job["container_overrides"]) == {"Environment", "ResourceRequirements"}
    assert {"Name": "ENV_BASE", "Value": "dev"} in job["container_overrides"]["Environment"]


def test_a_job_is_configured_by_environment_variables(run_as_job, source):
    response = run_as_job(f"{HANDLERS}.data_sync.data_sync_handler", prepared(source))

    assert response["result"]["files_transferred"] == 1
