"""Documented queries, run over what handlers log: an operator sees what the title promises."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from contextlib import closing, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.handlers.data_sync import BatchDataSyncHandler, syncs
from logs_insights import LogEvent, fields_of, run_query

OPERATIONS = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
# By the first words before each.
QUERIES = dict(
    re.findall(r"^(\w[^:\n]*):[^\n]*(?:\n[^\n]+)*\n\n```sql\n(.*?)```$", OPERATIONS, re.M | re.S)
)
DAY = datetime(2026, 1, 2, tzinfo=UTC)


class Context:
    """The context of an invocation."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-west-2:123456789012:function:function"

    def __init__(self, request_id: str) -> None:
        self.aws_request_id = request_id

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Running(syncs.DataSyncHandler):
    """Logs the progress of a sync, which may end."""

    lines: tuple[tuple[float, int, int], ...] = ()
    ends = False

    def handle(self, request: Any) -> Any:
        with closing(syncs.logged_progress(self)) as progress:
            progress.plan(10, 9000)
            before = 0
            for seconds, files, size in self.lines:
                progress.advance(files, size)
                progress.log_line(seconds, before)
                before += size
        if self.ends:
            return super().handle(request)
        raise TimeoutError("the log ends here")


class Log:
    """A log group: what functions log, at the minute at which they are invoked."""

    def __init__(self, folder: Path) -> None:
        self.events: list[LogEvent] = []
        self._folder = folder

    def add(self, minute: float, text: str) -> None:
        """Add lines."""
        moment = DAY + timedelta(minutes=minute)
        self.events += [
            LogEvent(moment + timedelta(milliseconds=number), line)
            for number, line in enumerate(text.splitlines())
        ]

    def invoke(
        self, minute: float, request_id: str, handler: type[LambdaHandler[Any, Any]], request: Any
    ) -> Exception | None:
        """Add what a function logs; return its error."""
        output = io.StringIO()
        with redirect_stdout(output), mock.patch.object(logging.getLogger(), "handlers", []):
            try:
                handler.get_handler()(request, Context(request_id))
            except Exception as error:
                return error
            finally:
                self.add(minute, output.getvalue())
        return None

    def sync(self, minute: float, request_id: str, files: dict[str, str], **fields: Any) -> Any:
        """Sync a folder of these files."""
        source = self._folder / request_id
        source.mkdir()
        for name, text in files.items():
            (source / name).write_text(text)
        request = {"source_path": str(source), "destination_path": f"{source}-copy", **fields}
        return self.invoke(minute, request_id, syncs.DataSyncHandler, request)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A day of syncs that succeed, fail, run and hang, and of errors of all kinds."""
    tmp_path = tmp_path_factory.mktemp("syncs")
    log = Log(tmp_path)

    # What was moved: from 8 to 9, and after 9.
    assert log.sync(8 * 60 + 5, "first", {"a": "abc", "b": "d"}) is None
    assert log.sync(8 * 60 + 40, "second", {"c": "12345"}) is None
    assert log.sync(9 * 60 + 1, "third", {"d": "1234567"}) is None

    # A file, and a sync of a batch, that fail.
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / "dangling").symlink_to("missing")
    paths = {"source_path": str(tmp_path / "partial"), "destination_path": str(tmp_path / "to")}
    some = {**paths, "continue_on_error": True}
    assert log.invoke(9 * 60 + 10, "partial", syncs.DataSyncHandler, some) is None
    missing = {**paths, "source_path": str(tmp_path / "missing")}
    batch = {"requests": [missing], "allow_partial_failure": True}
    assert log.invoke(9 * 60 + 20, "batch", BatchDataSyncHandler, batch) is None

    # Two that run, one at 100 bytes a second, the other without progress for 100 seconds; one that
    # has ended.
    for request_id, ends, lines in (
        ("running", False, ((30.0, 2, 3000), (60.0, 2, 3000))),
        ("hanging", False, ((60.0, 1, 600), (130.0, 0, 0), (160.0, 0, 0))),
        ("ended", True, ((30.0, 2, 3000),)),
    ):
        handler = type("Running", (Running,), {"lines": lines, "ends": ends})
        log.invoke(10 * 60, request_id, handler, {**paths, "source_path": str(tmp_path / "first")})

    # The runtime logs an error that ends an invocation, and the command one that ends a job.
    failure = log.invoke(10 * 60 + 30, "raised", syncs.DataSyncHandler, missing)
    assert failure is not None
    log.events.append(LogEvent(DAY + timedelta(hours=10, minutes=31), line_of_runtime(failure)))
    command = [sys.executable, "-m", "aibs_informatics_aws_lambda.main"]
    options = ["--handler", "data-sync", "--payload", json.dumps(missing)]
    job = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert job.returncode == 1
    log.add(10 * 60 + 40, job.stderr)
    log.add(
        10 * 60 + 50,
        "2026-01-02T10:50:00.000Z 0a5c9d2e-9c0b-4f0e-8d59-6a4d0f3d7e11 Task timed out after "
        "900.05 seconds",
    )
    return log


def line_of_runtime(error: Exception) -> str:
    """Return the line that the runtime client of AWS logs for an error of a handler."""
    from awslambdaric import bootstrap

    output = io.StringIO()
    with redirect_stdout(output):
        fault = bootstrap.build_fault_result((type(error), error, error.__traceback__), None)
        bootstrap.log_error(fault, bootstrap.StandardLogSink())
    return output.getvalue()


def rows(log: Log, title: str) -> list[dict[str, str]]:
    return run_query(QUERIES[title], log.events)


def test_syncs_that_have_not_ended_have_their_latest_rate_and_estimate(log):
    hanging, running = rows(log, "Running syncs, with rate and estimate")

    # At 600 bytes in 160 seconds, the remaining 8,400 take 2,240.
    of_hanging = {
        "state": "sync_progress",
        "files": "1",
        "planned": "10",
        "rate": "0",
        "left": "2240",
    }
    assert hanging == {"function_request_id": "hanging", **of_hanging}
    of_running = {
        "state": "sync_progress",
        "files": "4",
        "planned": "10",
        "rate": "100",
        "left": "30",
    }
    assert running == {"function_request_id": "running", **of_running}


def test_a_transfer_that_hangs_is_found_and_one_that_runs_is_not(log):
    assert rows(log, "Transfers that hang") == [
        {"function_request_id": "hanging", "lines": "2", "seconds": "160"}
    ]


def test_totals_by_hour(log):
    found = sorted(rows(log, "What was moved, by hour"), key=lambda row: row["bin(1h)"])

    assert found == [
        {"bin(1h)": "2026-01-02 08:00:00.000", "files": "3", "bytes": "9", "deleted": "0"},
        {"bin(1h)": "2026-01-02 09:00:00.000", "files": "1", "bytes": "7", "deleted": "0"},
        {"bin(1h)": "2026-01-02 10:00:00.000", "files": "2", "bytes": "4", "deleted": "0"},
    ]


def test_failed_syncs_are_shown_newest_first(log):
    found = rows(log, "Failed syncs")

    assert [row["function_request_id"] for row in found] == ["batch", "partial"]
    assert [row.get("syncs_failed") for row in found] == ["1", None]
    assert [row.get("files_failed") for row in found] == [None, "1"]
    assert found[0]["@timestamp"].startswith("2026-01-02 09:20:00")
    assert "0 of 1 syncs succeeded" in found[0]["message"]


def test_slowest_calls_have_their_durations_and_sizes(log):
    found = rows(log, "Slowest calls")

    seconds = [float(row["seconds_elapsed"]) for row in found]
    assert seconds == sorted(seconds, reverse=True)
    assert sorted(int(row["bytes_transferred"]) for row in found) == [0, 0, 4, 4, 5, 7]


def test_errors_of_handlers_runtime_and_jobs_are_shown(log):
    found = rows(log, "Errors")

    job, runtime, batch = found
    assert job["error"].startswith("handle-lambda-request: error: ")
    assert runtime["error"].startswith("[ERROR] ")
    assert "missing" in runtime["error"].splitlines()[0]
    assert batch["function_request_id"] == "batch"
    assert batch["exception_name"] in runtime["error"]


def test_timeouts_by_hour(log):
    assert rows(log, "Timeouts") == [{"bin(1h)": "2026-01-02 10:00:00.000", "timeouts": "1"}]


def test_every_query_has_its_test():
    tested = set(re.findall(r'rows\(log, "(.+?)"\)', Path(__file__).read_text()))

    assert tested == set(QUERIES)


def test_queries_name_fields_that_are_logged(log):
    logged = {name for event in log.events for name in fields_of(event)}
    for title, query in QUERIES.items():
        aliases = set(re.findall(r" as (\w+)", query))
        text = re.sub(r'"[^"]*"|/(?:\\.|[^/])+/|\bbin\(\w+\)', "", query)
        named = set(re.findall(r"(?<![\w@])@?[a-z_]{3,}(?![\w(])", text)) - aliases - _WORDS
        assert named <= logged, title


_WORDS = {"filter", "stats", "sort", "limit", "fields", "and", "desc", "asc", "like", "not"}
