"""Alarms, dashboards and queries, compared with the templates and with what is logged."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import build_monitoring
import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.metrics import METRICS
from sam_templates import read_template

ROOT = Path(__file__).parents[1]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
TEMPLATES = build_monitoring.template_paths()


def names(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.fixture(params=TEMPLATES, ids=names)
def path(request) -> Path:
    return request.param


def read_widgets(dashboard: dict[str, Any], *, has_queue: bool = True) -> list[dict[str, Any]]:
    body, values = dashboard["Properties"]["DashboardBody"]["Fn::Sub"]
    condition, with_queue, without = values["DeadLetterWidget"]["Fn::If"]
    assert condition == "HasDeadLetterQueue"
    widget = with_queue["Fn::Sub"] if has_queue else without
    return json.loads(body.replace("${DeadLetterWidget}", widget))["widgets"]


def test_blocks_of_templates_are_those_that_the_tool_writes(path):
    assert path.read_text() == build_monitoring.expected_text(path)
    assert path.read_text().count("tools/build_monitoring.py") == 3


def test_parameters_leave_out_alarms_and_dashboards(path):
    for resource in read_template(path)["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Dashboard":
            assert resource["Condition"] == "HasDashboard"
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            assert resource["Condition"] in {"HasAlarms", "HasQueueAlarms", "HasDeadLetterAlarm"}


def test_alarms_have_at_most_ten_metrics(path):
    # The limit of CloudWatch for alarms on metric math.
    for resource in read_template(path)["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            metrics = resource["Properties"]["Metrics"]
            assert 1 <= sum("MetricStat" in metric for metric in metrics) <= 10


def test_alarms_and_dashboards_name_metrics_that_are_emitted(path):
    template = read_template(path)
    found = set()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            metrics = (it.get("MetricStat") for it in resource["Properties"]["Metrics"])
            named = (it["Metric"] for it in metrics if it)
            found |= {(it["Namespace"], it["MetricName"]) for it in named}
        if resource["Type"] == "AWS::CloudWatch::Dashboard":
            widgets = read_widgets(resource)
            series = [it for widget in widgets for it in widget["properties"]["metrics"]]
            found |= {(it[0], it[1]) for it in series if isinstance(it[0], str)}
    own = {name for namespace, name in found if namespace == build_monitoring.NAMESPACE}
    assert own <= METRICS.keys()
    variables = template.get("Globals", {}).get("Function", {}).get("Environment", {})
    if own:
        namespace = variables["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
        assert namespace == build_monitoring.NAMESPACE


@pytest.mark.parametrize("has_queue", [True, False])
def test_widgets_fit_into_the_columns_of_a_dashboard(path, has_queue):
    placed = read_widgets(read_template(path)["Resources"]["Dashboard"], has_queue=has_queue)
    assert len({(widget["x"], widget["y"]) for widget in placed}) == len(placed)
    assert all(widget["x"] + widget["width"] <= 24 for widget in placed)


def test_dead_letters_are_on_the_dashboard_if_there_is_a_queue(path):
    def titles(*, has_queue: bool) -> set[str]:
        widgets = read_widgets(read_template(path)["Resources"]["Dashboard"], has_queue=has_queue)
        return {widget["properties"]["title"] for widget in widgets}

    assert titles(has_queue=True) - titles(has_queue=False) == {
        "Messages in the dead-letter queue"
    }


def test_every_alarm_has_its_row_in_the_documentation():
    rows = re.findall(r"^\| (`\w+Alarm`.*?) \|", OPERATIONS, re.M)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    found = {
        name
        for path in TEMPLATES
        for name, resource in read_template(path)["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert documented == found


def test_no_policy_allows_all_actions_of_a_service(path):
    def statements(value: Any):
        if isinstance(value, dict):
            if "Effect" in value and "Action" in value:
                yield value
            for inner in value.values():
                yield from statements(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from statements(inner)

    for statement in statements(read_template(path)):
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert "*" not in action
