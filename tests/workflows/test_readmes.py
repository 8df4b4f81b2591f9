"""Costs, numbers and examples of workflows in the READMEs are right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.workflows import render_workflow
from build_workflows import ROOT
from state_machines import VALUES
from workflow_checks import states_of

DATA_SYNC = ROOT / "packages" / "data-sync" / "README.md"
DEMAND = ROOT / "packages" / "demand" / "README.md"

# Dollars, in us-west-2: https://aws.amazon.com/step-functions/pricing/, .../lambda/, .../s3/.
TRANSITION = 25 / 1e6
GIGABYTE_SECOND = 0.0000133334
PUT = 5 / 1e6
GET = 0.4 / 1e6

FILES, BATCHES = 1_000_000, 1_000
FILES_A_SECOND, GIGABYTES = 300, 2
KEYS_A_PAGE = 1000

# The start and the end of an execution are transitions as well.
ENDS = 2


def path_of(machine: dict[str, Any]) -> list[str]:
    """Return the states that a successful execution passes."""
    name, passed = machine["StartAt"], []
    while name:
        passed.append(name)
        state = machine["States"][name]
        name = state.get("Default", state.get("Next"))
    return passed


@pytest.mark.parametrize(("variant", "parent", "child"), [("lambda", 10, 5), ("batch", 16, 8)])
def test_an_execution_has_the_number_of_transitions_in_the_readme(variant, parent, child):
    definition = render_workflow("data-sync-distributed", variant, VALUES)
    batch = definition["States"]["Run batches"]["ItemProcessor"]

    assert len(path_of(definition)) + ENDS == parent
    assert len(path_of(batch)) + ENDS == child


def test_a_million_files_cost_what_the_readme_says():
    text = DATA_SYNC.read_text()
    costs = {
        "state transitions": (10 + 5 * BATCHES) * TRANSITION,
        "functions": FILES / FILES_A_SECOND * GIGABYTES * GIGABYTE_SECOND,
        "PUT requests": FILES * PUT,
        "LIST requests": max(2 * FILES / KEYS_A_PAGE, 2 * BATCHES) * PUT,
    }

    for name, dollars in costs.items():
        assert re.search(rf"\| {name} \|.*\| \${dollars:.2f} \|", text), (name, dollars)
    assert f"cost ${FILES * GET:.2f} for a million GET requests" in text


def test_a_demand_execution_costs_what_the_readme_says():
    # A successful execution with one input, one output and two removals.
    states = ["Plan", "Keep plan", "Prepare job and inputs", "Create job definition"]
    states += ["Return job arguments", "Sync inputs", "Run job", "Sync outputs", "Clean up"]
    states += ["Return result"]
    nested = ["Sync input", "Sync output", "Remove paths", "Remove paths"]
    syncs = 2 * (10 + 5)
    transitions = len(states) + ENDS + len(nested) + syncs

    assert f"${transitions * TRANSITION:.3f}" in DEMAND.read_text()


@pytest.mark.parametrize("readme", [DATA_SYNC, DEMAND], ids=lambda path: path.parent.name)
def test_examples_in_python_render_a_definition(readme: Path):
    blocks = re.findall(r"^```python\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)
    [example] = [block for block in blocks if "render_workflow" in block]
    found: dict[str, Any] = {}

    exec(example, found)

    assert [name for name, _ in states_of(found["definition"])]
