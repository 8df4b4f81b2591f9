"""The deployment examples of READMEs match the templates, and both match the packages."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from sam_templates import read_template

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/template.yaml"))

_SECONDS = {"seconds": 1, "minutes": 60}
_ARCHITECTURES = {"ARM_64": "arm64", "X86_64": "x86_64"}


@pytest.fixture(params=PACKAGES, ids=lambda path: path.name)
def package(request) -> Path:
    return request.param


@pytest.fixture
def functions(package):
    """Properties of the functions of the template, by logical ID."""
    content = read_template(package / "template.yaml")
    common = content.get("Globals", {}).get("Function", {})
    return {
        name: {**common, **resource["Properties"]}
        for name, resource in content["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def block_of(package: Path, language: str, holding: str) -> str:
    """Return the code block of a README in a language that contains a text."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```$", (package / "README.md").read_text(), re.S | re.M
    )
    (found,) = [block for block in blocks if holding in block]
    return found


def settings_in_cdk(code: str) -> tuple[str, dict[str, object]]:
    """Return name and properties of the function defined in AWS CDK code."""
    (archive,) = re.findall(r'from_asset\("(.+)"\)', code)
    (call,) = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "aws_lambda.Function"
    ]
    given = {one.arg: one.value for one in call.keywords if one.arg}
    (runtime,) = re.findall(r"Runtime\.PYTHON_(\d)_(\d+)", code)
    (architecture,) = re.findall(r"Architecture\.(\w+)", code)
    name = ast.literal_eval(call.args[1])
    timeout = given["timeout"]
    return name, {
        "CodeUri": archive,
        "Handler": ast.literal_eval(given["handler"]),
        "Runtime": f"python{runtime[0]}.{runtime[1]}",
        "Architectures": [_ARCHITECTURES[architecture]],
        "MemorySize": ast.literal_eval(given["memory_size"]),
        "Timeout": ast.literal_eval(timeout.args[0]) * _SECONDS[timeout.func.attr],
    }


def settings_in_terraform(code: str) -> tuple[str, dict[str, object]]:
    """Return name and properties of the function defined in Terraform code."""
    (name,) = re.findall(r'resource "aws_lambda_function" "(\w+)"', code)
    given = dict(re.findall(r"^  (\w+) += (.+)$", code, re.M))
    archive = ast.literal_eval(given["filename"])
    assert given["source_code_hash"] == f'filebase64sha256("{archive}")'
    return name.replace("_", ""), {
        "CodeUri": archive,
        "Handler": ast.literal_eval(given["handler"]),
        "Runtime": ast.literal_eval(given["runtime"]),
        "Architectures": ast.literal_eval(given["architectures"]),
        "MemorySize": int(given["memory_size"]),
        "Timeout": int(given["timeout"]),
    }


def test_cdk_and_terraform_define_the_function_of_the_template(package, functions):
    name, in_cdk = settings_in_cdk(block_of(package, "py", "aws_lambda.Function"))
    short, in_terraform = settings_in_terraform(block_of(package, "terraform", "resource"))

    assert short == name.lower()
    assert in_cdk == in_terraform == {key: functions[name][key] for key in in_cdk}


def test_every_handler_of_the_package_is_deployed(package, functions):
    family = package.name.replace("-", "_")
    installed = {
        one.value
        for one in entry_points(group="aibs_informatics_aws_lambda.handlers")
        if one.value.startswith(f"aibs_informatics_aws_lambda.handlers.{family}.")
    }
    deployed = set()
    for function in functions.values():
        module, _, name = function["Handler"].rpartition(".")
        handler = getattr(import_module(module), name)._handler_class
        deployed.add(f"{handler.__module__}:{handler.__name__}")

    assert installed
    assert installed <= deployed


def test_every_function_has_a_description_and_limits(functions):
    for function in functions.values():
        assert {"Description", "Architectures", "MemorySize", "Timeout", "Policies"} <= set(
            function
        )


def test_no_policy_allows_every_action(functions):
    for function in functions.values():
        for policy in function["Policies"]:
            if isinstance(policy, dict):
                actions = re.findall(r"'([a-z0-9-]+:[A-Za-z*]+)'", str(policy))
                assert actions
                assert [action for action in actions if action.endswith(":*")] == []
