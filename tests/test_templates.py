"""The SAM templates are valid and match the packages."""

from __future__ import annotations

import subprocess
import sysconfig
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from sam_templates import read_template
from workspace import find_projects

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted(ROOT.glob("packages/*/template*.yaml"))


@pytest.fixture(params=TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def path(request) -> Path:
    return request.param


@pytest.fixture
def template(path):
    return read_template(path)


@pytest.fixture
def functions(template):
    """Properties of each function, including the globals."""
    common = template.get("Globals", {}).get("Function", {})
    return [
        {**common, **resource["Properties"]}
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def test_every_package_with_a_zip_has_a_template():
    packages = {project.folder for project in find_projects(ROOT).values() if project.has_zip}

    assert packages == {path.parent for path in TEMPLATES}


def test_cfn_lint_finds_nothing():
    # All at once: most of its time goes into its own start.
    result = subprocess.run(
        [
            str(Path(sysconfig.get_path("scripts"), "cfn-lint")),
            "--include-checks",
            "I",
            "--",
            *map(str, [*TEMPLATES, *ROOT.glob("examples/*/template.yaml")]),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_roles_trust_services_only_on_behalf_of_the_account(template, functions):
    roles = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    ]

    for trusting in (*functions, *roles):
        for statement in trusting["AssumeRolePolicyDocument"]["Statement"]:
            account = statement["Condition"]["StringEquals"]["aws:SourceAccount"]
            assert account == {"Ref": "AWS::AccountId"}


def test_functions_can_pass_only_roles_with_a_name_pattern(template):
    parameters = template["Parameters"]

    for name, parameter in parameters.items():
        if name.endswith("RolePattern"):
            assert not parameter["Default"].startswith("*")


def test_handlers_exist(functions):
    assert functions
    for function in functions:
        module, _, name = function["Handler"].rpartition(".")
        assert callable(getattr(import_module(module), name))


def test_code_uri_is_the_archive_that_the_build_writes(functions, path):
    project = tomllib.loads((path.parent / "pyproject.toml").read_text())["project"]
    archive = f"{project['name'].replace('-', '_')}-{project['version']}.zip"

    assert {function["CodeUri"] for function in functions} == {f"dist/{archive}"}


def test_runtime_and_architecture_are_those_of_the_build(functions, path):
    tool = tomllib.loads((path.parent / "pyproject.toml").read_text())["tool"]
    target = tool["hatch"]["build"]["targets"]["lambda"]

    for function in functions:
        assert function["Runtime"] == target["runtime"]
        assert function["Architectures"] == [target["architecture"]]


def test_functions_have_a_timeout_memory_and_policies(functions, template):
    for function in functions:
        assert function["Timeout"] <= 900
        assert default_of(function["MemorySize"], template) >= 128
        assert function["Policies"]


def test_functions_on_managed_instances_have_the_network_of_their_capacity_provider(functions):
    # SAM rejects both, and a condition instead of the configuration; cfn-lint accepts them.
    for function in functions:
        provider = function.get("CapacityProviderConfig")
        assert not (provider and "VpcConfig" in function)
        assert provider is None or "Arn" in provider


def default_of(value, template):
    """Return a value, or the default of the parameter that it refers to."""
    return template["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value
