"""Write the alarms and the dashboards into the SAM templates.

Run `hatch run monitoring` after a function or a state machine of a template was added, renamed or
removed, or its timeout was changed. The blocks between the marks are generated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any, Final

import yaml

ROOT = Path(__file__).parents[1]

NAMESPACE: Final = "aibs-informatics-aws-lambda"
"""The namespace of the metrics that the handlers of the templates emit."""

SYNC_HANDLERS: Final = {"DataSync": "DataSyncHandler", "BatchDataSync": "BatchDataSyncHandler"}
"""The functions that emit metrics, and their handlers. They stop shortly before their timeout by
themselves, so their duration is no reason for an alarm: a timeout is an error."""

_DEAD_LETTERS: Final = "DeadLetterWidget"
_BEGIN: Final = "  # Monitoring, by tools/build_monitoring.py"
_END: Final = "  # End of monitoring"
_BLOCK: Final = re.compile(f"^{_BEGIN}\n.*?^{_END}\n", re.M | re.S)

_PARAMETERS: Final = """\
CreateAlarms:
  Type: String
  Default: "true"
  AllowedValues: ["true", "false"]
  Description: Whether alarms are created
CreateDashboard:
  Type: String
  Default: "true"
  AllowedValues: ["true", "false"]
  Description: Whether a CloudWatch dashboard is created
AlarmTopicArn:
  Type: String
  Default: ""
  Description: SNS topic for alarms; empty for none
DeadLetterQueueName:
  Type: String
  Default: ""
  Description: Dead-letter queue of an event source, to watch; empty for none
"""
_SYNC_PARAMETERS: Final = """\
MaxBatchSeconds:
  Type: Number
  Default: 21600
  MinValue: 60
  Description: Age in seconds at which an unfinished sync or batch raises an alarm
"""
_CONDITIONS: Final = """\
HasAlarmTopic: !Not [!Equals [!Ref AlarmTopicArn, ""]]
HasAlarms: !Equals [!Ref CreateAlarms, "true"]
HasDashboard: !Equals [!Ref CreateDashboard, "true"]
HasDeadLetterQueue: !Not [!Equals [!Ref DeadLetterQueueName, ""]]
HasDeadLetterAlarm: !And [!Condition HasAlarms, !Condition HasDeadLetterQueue]
"""
_QUEUE_CONDITIONS: Final = """\
HasQueueAlarms: !And [!Condition HasAlarms, !Condition HasQueue]
"""


@dataclass(frozen=True)
class Stack:
    """What is monitored of a template.

    Args:
        functions: the timeouts of the functions in seconds, by logical ID.
        machines: the names of the state machines, with placeholders, by logical ID.
        has_queue: whether there are state machines that exist only with a job queue.
    """

    functions: Mapping[str, int]
    machines: Mapping[str, str]
    has_queue: bool

    @property
    def syncs(self) -> list[str]:
        """The logical IDs of the functions that emit metrics of syncs."""
        return [name for name in self.functions if name in SYNC_HANDLERS]


@dataclass(frozen=True)
class Alarm:
    """An alarm.

    Args:
        name: its logical ID.
        description: what has happened, and where to look.
        expression: a metric math expression.
        metrics: the metrics that it is about, by ID: namespace, name, statistic and dimensions.
        threshold: the alarm is raised above it, a number or an intrinsic function.
        condition: the condition of the template.
    """

    name: str
    description: str
    expression: str
    metrics: Mapping[str, tuple[str, str, str, Mapping[str, str]]]
    threshold: str = "0"
    condition: str = "HasAlarms"


def read_stack(template: Mapping[str, Any]) -> Stack:
    """Return what is monitored of a template, given as data."""
    defaults = template.get("Globals", {}).get("Function", {})
    resources = template["Resources"]
    return Stack(
        {
            name: resource["Properties"].get("Timeout", defaults.get("Timeout"))
            for name, resource in resources.items()
            if resource["Type"] == "AWS::Serverless::Function"
        },
        {
            name: resource["Properties"]["Name"]["Fn::Sub"]
            for name, resource in resources.items()
            if resource["Type"] == "AWS::Serverless::StateMachine"
        },
        "HasQueue" in (template.get("Conditions") or {}),
    )


def alarms(stack: Stack) -> Iterator[Alarm]:
    """Yield the alarms of a stack, but for those of its state machines."""
    yield _of_functions(stack, "Errors", "A function failed, or timed out")
    yield _of_functions(stack, "Throttles", "Invocations of a function were throttled")
    limited = {name: it for name, it in stack.functions.items() if name not in SYNC_HANDLERS}
    if limited:
        shares = (f"m{number} / {it * 10}" for number, it in enumerate(limited.values()))
        yield Alarm(
            "FunctionDurationAlarm",
            "A function took more than 90 % of its timeout",
            f"MAX([{', '.join(shares)}])",
            _function_metrics(limited, "Duration", "Maximum"),
            "90",
        )
    for name, metric, description in (
        ("FilesFailedAlarm", "FilesFailed", "Files could not be synced"),
        ("SyncsFailedAlarm", "SyncsFailed", "Syncs of a batch failed"),
    ):
        if stack.syncs:
            metrics = _sync_metrics(stack, metric, "Sum")
            filled = (f"FILL({key}, 0)" for key in metrics)
            yield Alarm(name, description, f"SUM([{', '.join(filled)}])", metrics)
    if stack.syncs:
        metrics = _sync_metrics(stack, "UnfinishedSeconds", "Maximum")
        yield Alarm(
            "OldestBatchAlarm",
            "The oldest unfinished sync or batch runs longer than MaxBatchSeconds",
            f"MAX([{', '.join(metrics)}])",
            metrics,
            "!Ref MaxBatchSeconds",
        )
    depth = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum")
    yield Alarm(
        "DeadLetterAlarm",
        "Messages are in the dead-letter queue",
        "m0",
        {"m0": (*depth, {"QueueName": "!Ref DeadLetterQueueName"})},
        condition="HasDeadLetterAlarm",
    )


def _of_functions(stack: Stack, metric: str, description: str) -> Alarm:
    metrics = _function_metrics(stack.functions, metric, "Sum")
    filled = (f"FILL({key}, 0)" for key in metrics)
    name = f"Function{metric}Alarm"
    return Alarm(name, description, f"SUM([{', '.join(filled)}])", metrics)


def _function_metrics(
    functions: Mapping[str, int], metric: str, statistic: str
) -> dict[str, tuple[str, str, str, Mapping[str, str]]]:
    return {
        f"m{number}": ("AWS/Lambda", metric, statistic, {"FunctionName": f"!Ref {name}"})
        for number, name in enumerate(functions)
    }


def _sync_metrics(
    stack: Stack, metric: str, statistic: str
) -> dict[str, tuple[str, str, str, Mapping[str, str]]]:
    return {
        f"m{number}": (
            NAMESPACE,
            metric,
            statistic,
            {"handler_name": SYNC_HANDLERS[name], "service": "!Ref AWS::StackName"},
        )
        for number, name in enumerate(stack.syncs)
    }


def _format_alarm(alarm: Alarm) -> str:
    lines = [
        f"{alarm.name}:",
        "  Type: AWS::CloudWatch::Alarm",
        f"  Condition: {alarm.condition}",
        "  Properties:",
        f'    AlarmDescription: !Sub "${{AWS::StackName}}: {alarm.description}"',
        "    ComparisonOperator: GreaterThanThreshold",
        "    EvaluationPeriods: 1",
        f"    Threshold: {alarm.threshold}",
        "    TreatMissingData: notBreaching",
        "    AlarmActions: !If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]",
        "    Metrics:",
        "      - Id: result",
        f"        Expression: {alarm.expression}",
        f"        Label: {alarm.description}",
    ]
    for key, (namespace, name, statistic, dimensions) in alarm.metrics.items():
        lines += [
            f"      - Id: {key}",
            "        ReturnData: false",
            "        MetricStat:",
            "          Period: 300",
            f"          Stat: {statistic}",
            "          Metric:",
            f"            Namespace: {namespace}",
            f"            MetricName: {name}",
            "            Dimensions:",
        ]
        for dimension, value in dimensions.items():
            lines += [
                f"              - Name: {dimension}",
                f"                Value: {value}",
            ]
    return "\n".join(lines) + "\n"


def _format_dashboard(stack: Stack) -> str:
    *widgets, dead_letters = _place([*_widgets(stack), _dead_letters()])
    rows = ",\n".join(map(_format_widget, widgets))
    body = f'{{"widgets": [\n{indent(rows, "  ")}${{{_DEAD_LETTERS}}}\n]}}'
    return (
        "Dashboard:\n"
        "  Type: AWS::CloudWatch::Dashboard\n"
        "  Condition: HasDashboard\n"
        "  Properties:\n"
        "    DashboardName: !Sub ${AWS::StackName}-${AWS::Region}\n"
        "    DashboardBody: !Sub\n"
        "      - |\n"
        f"{indent(body, ' ' * 8)}\n"
        f"      - {_DEAD_LETTERS}: !If\n"
        "          - HasDeadLetterQueue\n"
        f"          - !Sub ', {json.dumps(dead_letters)}'\n"
        '          - ""\n'
    )


def _format_widget(widget: dict[str, Any]) -> str:
    """Return a widget as JSON, with each metric on its own line."""
    metrics = ",\n".join(map(json.dumps, widget["properties"]["metrics"]))
    rest = {**widget, "properties": {**widget["properties"], "metrics": []}}
    return json.dumps(rest).replace("[]", f"[\n{indent(metrics, '  ')}\n]")


def _widgets(stack: Stack) -> Iterator[dict[str, Any]]:
    """Yield the properties of the widgets, in order."""
    for metric, statistic in (("Errors", "Sum"), ("Throttles", "Sum"), ("Invocations", "Sum")):
        yield _graph(
            f"{metric} of functions",
            [
                ["AWS/Lambda", metric, "FunctionName", f"${{{name}}}", {"label": name}]
                for name in stack.functions
            ],
            statistic,
        )
    yield _graph("Longest duration, in % of the timeout", list(_durations(stack)), "Maximum")
    for title, names, statistic in (
        ("Bytes moved", ("BytesTransferred",), "Sum"),
        ("Files moved", ("FilesTransferred", "FilesUnchanged", "FilesDeleted"), "Sum"),
        ("Failed files and syncs", ("FilesFailed", "SyncsFailed"), "Sum"),
        ("Stopped at the deadline, to be continued", ("SyncsIncomplete",), "Sum"),
        ("Oldest unfinished sync or batch, in seconds", ("UnfinishedSeconds",), "Maximum"),
    ):
        if stack.syncs:
            yield _graph(
                title,
                [
                    [
                        *(NAMESPACE, name, "handler_name", SYNC_HANDLERS[function]),
                        *("service", "${AWS::StackName}", {"label": f"{function}: {name}"}),
                    ]
                    for name in names
                    for function in stack.syncs
                ],
                statistic,
            )
    for name, pattern in stack.machines.items():
        arn = (
            "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"
            f"{pattern}"
        )
        outcomes = ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
        yield _graph(
            f"Executions of {name}",
            [["AWS/States", f"Executions{it}", "StateMachineArn", arn] for it in outcomes],
            "Sum",
        )
        yield _graph(
            f"Longest execution of {name}, in milliseconds",
            [["AWS/States", "ExecutionTime", "StateMachineArn", arn]],
            "Maximum",
        )


def _dead_letters() -> dict[str, Any]:
    """Return the widget of a dead-letter queue, which is left out of stacks without one."""
    metric = "ApproximateNumberOfMessagesVisible"
    return _graph(
        "Messages in the dead-letter queue",
        [["AWS/SQS", metric, "QueueName", "${DeadLetterQueueName}"]],
        "Maximum",
    )


def _durations(stack: Stack) -> Iterator[list[Any]]:
    for number, (name, timeout) in enumerate(stack.functions.items()):
        yield [{"expression": f"m{number} / {timeout * 10}", "label": name, "id": f"e{number}"}]
        hidden = {"id": f"m{number}", "visible": False}
        yield ["AWS/Lambda", "Duration", "FunctionName", f"${{{name}}}", hidden]


def _graph(title: str, metrics: Sequence[Sequence[Any]], statistic: str) -> dict[str, Any]:
    return {
        "title": title,
        "region": "${AWS::Region}",
        "view": "timeSeries",
        "stat": statistic,
        "period": 300,
        "metrics": metrics,
    }


def _place(widgets: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, properties in enumerate(widgets):
        place = {"x": 12 * (number % 2), "y": 6 * (number // 2), "width": 12, "height": 6}
        yield {"type": "metric", **place, "properties": properties}


def blocks(stack: Stack) -> list[str]:
    """Return the parameters, the conditions and the resources of a stack, as YAML."""
    parameters = _PARAMETERS + (_SYNC_PARAMETERS if stack.syncs else "")
    conditions = _CONDITIONS + (_QUEUE_CONDITIONS if stack.has_queue else "")
    resources = [*map(_format_alarm, alarms(stack)), _format_dashboard(stack)]
    return [parameters, conditions, "\n".join(resources)]


def expected_text(path: Path) -> str:
    """Return the text of a template with its generated blocks."""
    text = path.read_text()
    template = yaml.load(text, _TemplateLoader)  # noqa: S506 - it is a safe loader
    rest = iter(blocks(read_stack(template)))
    return _BLOCK.sub(lambda _: f"{_BEGIN}\n{indent(next(rest), '  ')}{_END}\n", text)


class _TemplateLoader(yaml.SafeLoader):
    """Reads YAML with the short forms of intrinsic functions."""


def _intrinsic(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        return {f"Fn::{name}": loader.construct_sequence(node, deep=True)}
    return {f"Fn::{name}": loader.construct_object(yaml.ScalarNode(_TEXT, node.value))}


_TEXT: Final = "tag:yaml.org,2002:str"
_TemplateLoader.add_multi_constructor("!", _intrinsic)


def template_paths() -> list[Path]:
    """Return the paths of all templates."""
    return sorted(
        [*ROOT.glob("packages/*/template*.yaml"), *ROOT.glob("templates/*/template.yaml")]
    )


def main() -> None:
    """Write all templates."""
    for path in template_paths():
        path.write_text(expected_text(path))


if __name__ == "__main__":
    main()
