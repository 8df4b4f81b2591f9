from __future__ import annotations

import copy
import json
import logging
import subprocess

import pytest
from aibs_informatics_aws_lambda.common.env import EnvBase
from aibs_informatics_aws_lambda.common.exceptions import ApplicationException, ValidationError
from aibs_informatics_aws_lambda.handlers.demand import scaffolding_handler
from aibs_informatics_aws_lambda.handlers.demand.context_manager import (
    DemandExecutionContextManager,
)
from aibs_informatics_aws_lambda.handlers.demand.execution import DemandExecution
from aibs_informatics_aws_lambda.handlers.demand.scaffolding import (
    PrepareDemandScaffoldingHandler,
    handler,
)

WORKING = "/opt/efs/scratch/exec-0001"


@pytest.fixture
def prepare(make_execution, lambda_context):
    """Prepare an execution; arguments replace fields of its parameters, or of the request."""

    def run(parameters=None, configuration=None, file_systems=None, **fields):
        event = {
            "demand_execution": make_execution(parameters, **fields),
            "context_manager_configuration": configuration or {},
            "file_system_configurations": file_systems or {},
        }
        before = copy.deepcopy(event)
        response = handler(event, lambda_context)
        assert event == before
        return response

    return run


def job_of(response) -> dict:
    return response["setup_configs"]["batch_create_request"]


def test_the_handler_is_also_exported_by_the_package():
    assert scaffolding_handler is handler
    assert handler._handler_class is PrepareDemandScaffoldingHandler


def test_the_response_has_all_requests_of_an_execution(usual, prepare):
    job = job_of(prepare(execution_metadata={"user": "marmot"}))

    assert job["job_queue_name"] == "queue"
    assert job["job_definition_tags"] == {"USER": "marmot"}
    assert job["privileged"] is True
    assert job["retry_strategy"]["attempts"] == 5
    assert "job_role_arn" not in job
    assert job["resource_requirements"] == []
    assert [mount["containerPath"] for mount in job["mount_points"]] == [
        "/opt/efs/scratch",
        "/opt/efs/shared",
    ]
    assert job["environment"]["ENV_BASE"] == "dev-golden"
    assert job["environment"]["AWS_REGION"] == "us-west-2"


def test_names_are_derived_from_hashes(usual, prepare):
    job = job_of(prepare({"command": ["run"], "params": {}, "inputs": [], "outputs": []}))

    assert job["job_definition_name"] == (
        "dev-golden-align-5053f3cd97af3d5afdb2d08fef97246e926b3690ab1e64a9829dc56871448aaa"
    )
    assert job["job_name"] == (
        "dev-golden-align-84a3cdc1f17ee5b248a29ac2813fe1152943295eb83899b6774f75edc5c01bf5"
    )


def test_role_resources_and_privileges_can_be_set(usual, prepare):
    job = job_of(
        prepare(
            configuration={"privileged": False},
            execution_platform={"aws_batch": {"job_queue_name": "queue", "job_role": "role"}},
            resource_requirements={"gpu": 1, "memory": 8192, "vcpus": 4},
        )
    )

    assert (job["job_role_arn"], job["privileged"]) == ("role", False)
    assert job["resource_requirements"] == [
        {"type": "GPU", "value": "1"},
        {"type": "MEMORY", "value": "8192"},
        {"type": "VCPU", "value": "4"},
    ]


def test_a_tmp_volume_is_the_third_volume_and_holds_temporary_files(usual, prepare):
    job = job_of(prepare(file_systems={"tmp": {}}))

    assert job["environment"]["TMPDIR"] == "/opt/efs/tmp"
    assert len(job["volumes"]) == 3
    assert job_of(prepare())["environment"]["TMPDIR"] == "/opt/efs/scratch/tmp"


@pytest.mark.parametrize(
    ("match", "arguments"),
    [
        ("command is empty", {"parameters": {"command": []}, "execution_platform": {}}),
        (
            "aws_batch is missing",
            {"execution_platform": {}, "parameters": {"params": {"tmpdir": "x"}, "inputs": []}},
        ),
        (
            "'tmpdir' would change TMPDIR",
            {
                "parameters": {"params": {"tmpdir": "x"}, "inputs": [], "outputs": []},
                "execution_type": "t" * 60,
            },
        ),
        ("too long for ECS to mount its volumes", {"execution_type": "t" * 45}),
        (
            "circular reference among the variables",
            {"parameters": {"params": {"a": "$B", "b": "$A"}, "inputs": [], "outputs": []}},
        ),
    ],
)
def test_requests_are_validated_in_order_before_anything_is_written(
    scratch_here, prepare, match, arguments
):
    if "inputs" in arguments.get("parameters", {}):
        arguments["parameters"].setdefault("outputs", [])
    with pytest.raises(ValueError, match=match):
        prepare(**arguments)
    assert not scratch_here.exists()


def test_a_type_may_have_44_characters(usual, prepare):
    assert len(job_of(prepare(execution_type="t" * 44))["job_definition_name"]) == 120


def test_an_invalid_request_writes_nothing(scratch_here, prepare):
    with pytest.raises(ValidationError, match="execution_id"):
        prepare(execution_id="..")
    assert not scratch_here.exists()


def test_an_environment_base_is_required(usual, prepare, monkeypatch):
    monkeypatch.delenv("ENV_BASE")
    with pytest.raises(ApplicationException, match="ENV_BASE"):
        prepare()
    monkeypatch.setenv("ENV_BASE", "dev-a-b")
    with pytest.raises(ValidationError, match="dev-a-b"):
        prepare()


def test_an_access_point_of_another_environment_is_not_used(file_systems, prepare):
    file_system = file_systems.make()
    file_systems.make_access_point(file_system, "scratch", env_base="dev-other")

    with pytest.raises(ValueError, match=r"access point 'scratch'.*env_base=dev-golden"):
        prepare()


def test_variables_that_the_command_does_not_use_are_in_a_file(scratch_here, prepare):
    job = job_of(prepare())

    assert job["command"] == [
        "/bin/bash",
        "-c",
        "mkdir -p ${WORKING_DIR} && mkdir -p ${TMPDIR} && cd ${WORKING_DIR} && "
        ". ${_ENVIRONMENT_FILE} && align --in ${IN}",
    ]
    assert job["environment"] == {
        "WORKING_DIR": WORKING,
        "TMPDIR": "/opt/efs/scratch/tmp",
        "IN": f"{WORKING}/tmp9d4ae859",
        "_ENVIRONMENT_FILE": f"{WORKING}/.demand.env",
        "ENV_BASE": "dev-golden",
        "AWS_REGION": "us-west-2",
    }
    [file] = (scratch_here / "exec-0001").iterdir()
    assert file.name == ".demand.env"
    assert file.read_text() == (
        f'export EXECUTION_ID="exec-0001"\nexport OUT="{WORKING}/aligned"\nexport THREADS="8"'
    )


def test_the_command_of_the_job_sees_every_value(scratch_here, prepare, tmp_path):
    values = {
        "quotes": "say \"hi\" 'x'",
        "shell": "$(date) `date` $5 $$ \\ !x",
        "lines": "a\nb\té€",
        "direct": "a b",
    }
    words = ["env", "-0", ">", f"{tmp_path}/seen", "#", "${DIRECT}"]
    job = job_of(prepare({"command": words, "params": values, "inputs": [], "outputs": []}))

    # What is in the container is here below the folder of the test.
    environment = {
        name: value.replace("/opt/efs/scratch", str(scratch_here))
        for name, value in job["environment"].items()
    }
    subprocess.run(job["command"], env={**environment, "PATH": "/usr/bin:/bin"}, check=True)

    seen = dict(pair.split("=", 1) for pair in (tmp_path / "seen").read_text().split("\0") if pair)
    assert {name: seen[name.upper()] for name in values} == values
    assert seen["PWD"] == str(scratch_here / "exec-0001")


@pytest.mark.parametrize("size", [7200, 7600])
def test_if_required_writes_a_file_for_large_environments_only(scratch_here, prepare, size):
    prepare(
        {"params": {"big": "x" * size}, "inputs": [], "outputs": []},
        {"env_file_write_mode": "IF_REQUIRED"},
    )

    assert (scratch_here / "exec-0001" / ".demand.env").exists() is (size == 7600)


def test_never_discovers_no_mounts_and_writes_nothing(scratch_here, prepare, monkeypatch):
    # A function that does not exist: asking for its configuration would fail.
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "missing")

    job = job_of(prepare(configuration={"env_file_write_mode": "NEVER"}))

    assert job["environment"]["THREADS"] == "8"
    assert "_ENVIRONMENT_FILE" not in job["environment"]
    assert not scratch_here.exists()


def test_without_a_mounted_scratch_volume_all_variables_are_in_the_request(usual, prepare, caplog):
    job = job_of(prepare())

    assert job["environment"]["EXECUTION_ID"] == "exec-0001"
    assert ". ${_ENVIRONMENT_FILE}" not in job["command"][2]
    assert f"{usual}:/scratch/exec-0001/.demand.env is not mounted here" in caplog.text


def test_reserved_parameters_are_overwritten_with_a_warning(scratch_here, prepare, caplog):
    params = {"env-base": "x", "aws_region": "y", "_environment_file": "z"}
    job = job_of(prepare({"params": params, "inputs": [], "outputs": []}))

    assert job["environment"]["ENV_BASE"] == "dev-golden"
    assert job["environment"]["AWS_REGION"] == "us-west-2"
    assert job["environment"]["_ENVIRONMENT_FILE"] == f"{WORKING}/.demand.env"
    text = (scratch_here / "exec-0001" / ".demand.env").read_text()
    assert text == 'export EXECUTION_ID="exec-0001"'
    for name in ("ENV_BASE", "AWS_REGION", "_ENVIRONMENT_FILE"):
        assert name in caplog.text


def test_a_parameter_may_repeat_the_value_of_a_reserved_variable(usual, prepare):
    params = {"execution-id": "exec-0001"}

    job = job_of(prepare({"params": params, "inputs": [], "outputs": []}))

    assert job["environment"]["EXECUTION_ID"] == "exec-0001"


def test_no_values_of_parameters_are_logged(scratch_here, prepare, caplog):
    caplog.set_level(logging.DEBUG, logger="aibs_informatics_aws_lambda")
    prepare({"params": {"token": "hunter2"}, "inputs": [], "outputs": []})

    assert "hunter2" not in caplog.text
    assert "Planned the execution exec-0001" in caplog.text


def test_the_response_is_valid_as_a_request(usual, prepare):
    response = prepare()

    again = prepare(response["demand_execution"]["execution_parameters"])

    assert again == response
    json.dumps(response)


def test_the_batch_handler_registers_the_job_and_reuses_it(usual, prepare, lambda_context, aws):
    from aibs_informatics_aws_lambda.handlers.batch.create import handler as create

    resources = {"memory": 2048, "vcpus": 1}
    jobs = [
        create(
            job_of(prepare(execution_id=execution_id, resource_requirements=resources)),
            lambda_context,
        )
        for execution_id in ("exec-0001", "exec-0002")
    ]

    assert jobs[0]["job_definition_arn"] == jobs[1]["job_definition_arn"]
    assert jobs[0]["job_name"] != jobs[1]["job_name"]
    [definition] = aws.client("batch").describe_job_definitions()["jobDefinitions"]
    assert definition["containerProperties"]["privileged"] is True
    assert len(definition["containerProperties"]["volumes"]) == 2


def test_three_volumes_need_one_listing(usual, prepare, monkeypatch):
    from aibs_informatics_aws_lambda.storage.efs_inventory import EfsInventory

    asked = []
    ask = EfsInventory._describe
    monkeypatch.setattr(
        EfsInventory, "_describe", lambda *arguments: asked.append(arguments[1]) or ask(*arguments)
    )
    prepare(file_systems={"tmp": {}})

    assert asked == ["access_points"]


def test_the_example_is_a_valid_request():
    description = PrepareDemandScaffoldingHandler.description

    assert PrepareDemandScaffoldingHandler.get_request_cls().is_valid(description.example)


def test_outputs_of_a_failed_job_may_be_missing_and_delete_nothing(usual, prepare):
    cleanup = prepare(configuration={"outputs_on_failure": ["OUT"]})["cleanup_configs"]

    [output] = cleanup["data_sync_requests"]
    assert cleanup["failure_data_sync_requests"] == [
        output | {"fail_if_missing": False, "delete": False}
    ]


def test_no_outputs_of_a_failed_job_are_uploaded_by_default(usual, prepare):
    assert "failure_data_sync_requests" not in prepare()["cleanup_configs"]


def test_an_unknown_output_is_an_error_before_anything_is_written(scratch_here, prepare):
    with pytest.raises(ValueError, match=r"outputs_on_failure lists 'in'"):
        prepare(configuration={"outputs_on_failure": ["in"]})

    assert not scratch_here.exists()


def test_the_working_directory_can_be_created_in_advance(scratch_here, make_execution):
    execution = DemandExecution.from_dict(make_execution())
    manager = DemandExecutionContextManager.from_demand_execution(execution, EnvBase("dev-golden"))

    PrepareDemandScaffoldingHandler().setup_file_system(manager)

    assert (scratch_here / "exec-0001").is_dir()


def test_the_working_directory_is_not_created_where_it_is_not_mounted(usual, make_execution):
    execution = DemandExecution.from_dict(make_execution())
    manager = DemandExecutionContextManager.from_demand_execution(execution, EnvBase("dev-golden"))

    PrepareDemandScaffoldingHandler().setup_file_system(manager)
