"""``handle-lambda-request watch``: a running state machine as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.cli import watch as watching
from aibs_informatics_aws_lambda.common.cli.errors import CommandError, ExitCode, UsageError
from aibs_informatics_aws_lambda.common.cli.watch import Batch, View
from aibs_informatics_aws_lambda.common.exceptions import AWSError

ARN = "arn:aws:states:us-west-2:123456789012:execution:data-sync:nightly-1"
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(minutes=72, seconds=5)


def view(**fields: Any) -> View:
    return View(**{"name": "nightly-1", "status": "RUNNING", "started": START, **fields})


@pytest.mark.parametrize(
    ("status", "output", "code"),
    [
        ("SUCCEEDED", None, ExitCode.DONE),
        ("SUCCEEDED", {"result": {"failed_requests_count": 0}}, ExitCode.DONE),
        ("SUCCEEDED", {"result": {"failed_requests_count": 2}}, ExitCode.PARTLY_FAILED),
        ("SUCCEEDED", {"failed_batches_count": 1}, ExitCode.PARTLY_FAILED),
        ("SUCCEEDED", {"result": {"files_failed": 3}}, ExitCode.PARTLY_FAILED),
        ("SUCCEEDED", [1], ExitCode.DONE),
        ("FAILED", None, ExitCode.FAILED),
        ("TIMED_OUT", None, ExitCode.FAILED),
        ("ABORTED", None, ExitCode.FAILED),
    ],
)
def test_exit_status_is_that_of_the_execution(status, output, code):
    assert watching.exit_code(view(status=status, output=output)) == code


def test_lines_name_state_batches_and_error():
    counts = {"total": 1500, "succeeded": 1200, "running": 40, "pending": 258, "failed": 2}
    lines = watching.format_lines(view(state="Run batches", counts=counts), NOW)
    assert lines == [
        "nightly-1: RUNNING, 1 h 12 min",
        "state: Run batches",
        "batches: 1,500: 1,200 succeeded, 40 running, 258 pending, 2 failed",
    ]
    ended = view(status="FAILED", state="Fail", ended=START + timedelta(seconds=7), error="A:\n b")
    assert watching.format_lines(ended, NOW) == ["nightly-1: FAILED, 7 s", "error: A: b"]


def test_rows_have_the_age_of_running_batches_and_the_error_of_failed_ones():
    batches = (
        Batch("a", "RUNNING", START + timedelta(minutes=70)),
        Batch("b", "FAILED", START, "ValueError: " + "x" * 300),
    )
    first, second = watching.format_batches(view(batches=batches), NOW)
    assert first == ("a", "RUNNING", "2 min 5 s", "")
    assert second[:3] == ("b", "FAILED", "")
    assert second[3].endswith("...")


def test_execution_is_shown_until_it_ends():
    views = iter([view(), view(state="Sum up"), view(status="SUCCEEDED")])
    shown: list[View] = []
    last = watching.follow(lambda: next(views), shown.append, 0.0)
    assert last.status == "SUCCEEDED"
    assert [it.status for it in shown] == ["RUNNING", "RUNNING", "SUCCEEDED"]


@pytest.mark.parametrize(
    "arn", ["nightly-1", ARN.replace("execution", "stateMachine"), ARN.replace("states", "sqs")]
)
def test_other_arns_are_usage_errors(arn):
    with pytest.raises(UsageError, match="not the ARN of an execution"):
        watching.watch([arn])


class Client:
    """Step Functions with one execution, which has a Distributed Map with many batches."""

    def __init__(self, status: str = "RUNNING") -> None:
        self.status = status
        self.regions: list[str] = []

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        if executionArn != ARN:
            return {"error": "ValueError", "cause": f"of {executionArn}"}
        return {"name": "nightly-1", "status": self.status, "startDate": START}

    def list_map_runs(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"mapRuns": [{"mapRunArn": "run"}]}

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        return {"itemCounts": {"total": 30, "succeeded": 8, "running": 20, "failed": 2}}

    def get_execution_history(self, **_: Any) -> dict[str, Any]:
        events = [{"type": "MapRunStarted"}, {"stateEnteredEventDetails": {"name": "Run"}}]
        return {"events": events}

    def get_paginator(self, operation: str) -> Client:
        assert operation == "list_executions"
        return self

    def paginate(self, mapRunArn: str, statusFilter: str) -> list[dict[str, Any]]:  # noqa: N803
        pages = (range(10, 20), range(10))
        return [{"executions": [self._one(it, statusFilter) for it in page]} for page in pages]

    def list_executions(self, statusFilter: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"executions": [self._one(number, statusFilter) for number in (1, 2)]}

    def _one(self, number: int, status: str) -> dict[str, Any]:
        started = START + timedelta(seconds=number)
        arn = f"child-{number}"
        return {"name": arn, "executionArn": arn, "status": status, "startDate": started}


def test_oldest_running_batches_come_first_and_failed_ones_have_their_error():
    found = watching.read(Client(), ARN)
    assert found.counts == {"total": 30, "succeeded": 8, "running": 20, "failed": 2}
    assert found.state == "Run"
    assert [it.name for it in found.batches[:10]] == [f"child-{number}" for number in range(10)]
    assert [it.error for it in found.batches[10:]] == [
        "ValueError: of child-1",
        "ValueError: of child-2",
    ]


class Refusing(Client):
    def list_map_runs(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        from botocore.exceptions import ClientError

        error = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
        raise ClientError(error, "ListMapRuns")


def test_refused_request_names_the_execution():
    with pytest.raises(AWSError, match=f"cannot watch {ARN}: .*AccessDeniedException"):
        watching.read(Refusing(), ARN)


def test_refused_request_is_not_a_failure_of_a_handler(monkeypatch):
    monkeypatch.setattr(watching, "get_client", lambda service, region: Refusing())

    with pytest.raises(CommandError, match=f"cannot watch {ARN}: .*AccessDeniedException"):
        watching.watch([ARN])


def test_view_is_printed_when_anything_but_the_time_changes(capsys, monkeypatch):
    client = Client()
    monkeypatch.setattr(watching, "get_client", lambda service, region: client)
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            client.status = "SUCCEEDED"

    monkeypatch.setattr(watching.time, "sleep", sleep)
    assert watching.watch([ARN, "--interval", "2"]) == ExitCode.DONE
    assert looks == [2.0, 2.0, 2.0]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines if line.startswith("nightly-1: ")] == [
        "nightly-1: RUNNING",
        "nightly-1: SUCCEEDED",
    ]


def test_interruption_leaves_the_execution_alone_and_says_so(capsys, monkeypatch):
    monkeypatch.setattr(watching, "get_client", lambda service, region: Client())

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        watching.watch([ARN])
    assert "the execution continues" in capsys.readouterr().err


def test_table_shows_names_as_text_and_not_as_markup():
    console = pytest.importorskip("rich.console").Console(width=120, record=True, file=None)
    batches = (Batch("[red]a[/red]", "RUNNING", START),)
    with console.capture() as capture:
        console.print(watching._table(view(batches=batches)))
    assert "[red]a[/red]" in capture.get()
    assert "running for" in capture.get()
