"""Alarms, dashboards and queries, compared with the templates and with what is logged."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import build_monitoring
import pytest
from aibs_informatics_aws_lambda.handlers.data_sync import (
    batch_data_sync_handler,
    data_sync_handler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.metrics import METRICS
from aibs_informatics_aws_lambda.handlers.data_sync.syncs import DataSyncHandler, LoggedProgress
from sam_templates import read_template

ROOT = Path(__file__).parents[1]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
TEMPLATES = build_monitoring.template_paths()
QUERIES = re.findall(r"^(\w[^\n]*):\n\n```sql\n(.*?)```$", OPERATIONS, re.M | re.S)

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
_COMMANDS = {"fields", "filter", "limit", "sort", "stats"}
_WORDS = {"and", "or", "not", "like", "in", "as", "by", "asc", "desc"}
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"[^"]*")|(?P<pattern>/[^/]+/)|(?P<duration>\d+[smhd]\b)|(?P<number>\d+)'
    r"|(?P<function>\w+)\(|(?P<name>@?\w+)|(?P<sign><=|>=|!=|[=<>(),*]))"
)
_FUNCTIONS = {"bin", "count", "latest", "max", "sum"}


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


def tokens(query: str) -> list[list[tuple[str, str]]]:
    """Return the tokens of each command of a query, by the documented syntax."""
    commands = []
    for command in query.strip().split("\n| "):
        found, position = [], 0
        while position < len(command.rstrip()):
            match = _TOKEN.match(command, position)
            assert match, f"no token of the query language: {command[position:]}"
            found.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        commands.append(found)
    return commands


@pytest.fixture
def logged_fields(lambda_context) -> set[str]:
    """The fields of all lines that are logged by syncs that succeed, fail and are in progress."""
    output = io.StringIO()
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(output):
        folder = Path(name)
        (folder / "a").write_text("abc")
        sync = {"source_path": str(folder / "a"), "destination_path": str(folder / "b")}
        data_sync_handler(sync, lambda_context)
        missing = {**sync, "source_path": str(folder / "missing")}
        batch_data_sync_handler(
            {"requests": [missing], "allow_partial_failure": True}, lambda_context
        )
        # As records of libraries are written in AWS Lambda, where no test has handlers.
        try:
            raise ValueError("invalid")
        except ValueError:
            DataSyncHandler.get_logger("DataSyncHandler").exception("failed")
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    progress = LoggedProgress(lambda *_: None, lambda _: None)
    progress.close()
    return {key for line in lines for key in line} | progress.fields(1.0, 0).keys()


def test_there_are_queries():
    assert len(QUERIES) == 7


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_query_has_commands_of_the_language_and_fields_that_are_logged(
    title, query, logged_fields
):
    aliases: set[str] = set()
    for (kind, command), *rest in tokens(query):
        assert kind == "name"
        assert command in _COMMANDS
        for (kind, text), (_, before) in zip(rest, [("", ""), *rest], strict=False):
            if kind == "function":
                assert text in _FUNCTIONS
            elif kind == "name" and before == "as":
                aliases.add(text)
            elif kind == "name" and text not in _WORDS:
                known = logged_fields | aliases | {"@timestamp", "@message"}
                assert text in known, f"{text} of {title!r} is not logged"
