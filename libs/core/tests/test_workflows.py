from __future__ import annotations

import json
import sys

import pytest
from aibs_informatics_aws_lambda.common.workflows import Workflows

WORKFLOWS = Workflows("my_workflows")


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    """A package with one definition."""
    folder = tmp_path / "my_workflows"
    folder.mkdir()
    (folder / "__init__.py").touch()
    definition = {
        "States": {
            "Run": {
                "Resource": "arn:${Partition}:states:::lambda:invoke",
                "Parameters": {"FunctionName": "${FunctionArn}", "Key.$": "$.key"},
            }
        }
    }
    (folder / "run.lambda.asl.json").write_text(json.dumps(definition))
    policy = {"Statement": [{"Action": ["lambda:InvokeFunction"], "Resource": "${FunctionArn}"}]}
    (folder / "run.lambda.policy.json").write_text(json.dumps(policy))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("my_workflows", None)


def test_placeholders_are_filled_in():
    found = WORKFLOWS.render_workflow("run", "lambda", {"FunctionArn": "arn", "Other": ""})

    assert found["States"]["Run"] == {
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "arn", "Key.$": "$.key"},
    }


def test_policy_is_filled_in():
    found = WORKFLOWS.render_policy("run", "lambda", {"FunctionArn": "arn"})

    assert found == {"Statement": [{"Action": ["lambda:InvokeFunction"], "Resource": "arn"}]}


def test_placeholders_are_named():
    assert WORKFLOWS.placeholders_of("run", "lambda") == {"FunctionArn", "Partition"}


def test_missing_value_is_named():
    with pytest.raises(ValueError, match="placeholders without a value in run: FunctionArn"):
        WORKFLOWS.render_workflow("run", "lambda", {})


def test_unknown_workflow_is_reported_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no workflow 'run' .*: expected one of run\.lambda"):
        WORKFLOWS.render_workflow("run", "batch", {})


def test_value_cannot_break_out_of_its_text():
    found = WORKFLOWS.render_workflow("run", "lambda", {"FunctionArn": 'a", "b": "'})

    assert found["States"]["Run"]["Parameters"]["FunctionName"] == 'a", "b": "'
