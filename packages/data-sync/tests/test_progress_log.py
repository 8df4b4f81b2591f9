"""Structured log lines and metrics of running and finished syncs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from threading import Event

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync import (
    batch_data_sync_handler,
    data_sync_handler,
    syncs,
)
from aibs_informatics_aws_lambda.handlers.data_sync.metrics import METRICS, emit_age, emit_result
from aibs_informatics_aws_lambda.handlers.data_sync.syncs import DataSyncHandler, LoggedProgress
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncCounts

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


@pytest.fixture
def logged(capsys):
    """Return the JSON lines on stdout since the last call."""

    def read() -> list[dict]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read


def blobs(lines: list[dict]) -> list[dict]:
    return [line for line in lines if "_aws" in line]


def test_progress_line_has_counts_rate_and_estimate(monkeypatch):
    lines, ages, done = [], [], Event()

    def log(message, fields):
        lines.append((message % fields, fields))
        done.set()

    clock = iter([100.0, *[140.0] * 100])
    monkeypatch.setattr(syncs.time, "monotonic", lambda: next(clock))
    progress = LoggedProgress(log, ages.append, seconds=0.01)
    progress.plan(10, 1000)
    progress.advance(4, 250)
    assert done.wait(10)
    progress.close()
    text, fields = lines[-1]
    assert (fields["files_done"], fields["files_planned"]) == (4, 10)
    assert (fields["bytes_done"], fields["bytes_planned"]) == (250, 1000)
    assert (fields["seconds_elapsed"], fields["seconds_left"]) == (40.0, 120)
    assert ages[-1] == 40.0
    assert text.startswith("Syncing: 4 of 10 files, 250 of 1000 bytes, ")


def test_rate_is_that_since_the_previous_line():
    progress = LoggedProgress(lambda *_: None, seconds=30)
    progress.advance(1, 900)
    assert progress.fields(60.0, before=300)["bytes_per_second"] == 20
    progress.close()


def test_time_left_is_unknown_before_anything_is_done():
    progress = LoggedProgress(lambda *_: None)
    progress.plan(3, 10)
    assert progress.fields(5.0, 0)["seconds_left"] is None
    progress.close()


def test_thread_ends_with_the_sync():
    progress = LoggedProgress(lambda *_: None)
    progress.close()
    assert not progress._writer.is_alive()


def test_sync_logs_a_summary(tmp_path, lambda_context, logged):
    (tmp_path / "a").write_text("abc")
    data_sync_handler(
        {"source_path": str(tmp_path / "a"), "destination_path": str(tmp_path / "b")},
        lambda_context,
    )
    [line] = [line for line in logged() if line.get("record") == "sync_summary"]
    assert (line["files_transferred"], line["bytes_transferred"], line["files_failed"]) == (
        1,
        3,
        0,
    )
    assert line["seconds_elapsed"] >= 0
    assert line["function_request_id"]


def test_batch_logs_a_summary_with_its_failed_syncs(tmp_path, lambda_context, logged):
    (tmp_path / "a").write_text("abc")
    requests = [
        {"source_path": str(tmp_path / name), "destination_path": str(tmp_path / f"to-{name}")}
        for name in ("a", "nothing")
    ]
    batch_data_sync_handler({"requests": requests, "allow_partial_failure": True}, lambda_context)
    [line] = [line for line in logged() if line.get("record") == "sync_summary"]
    assert (line["files_transferred"], line["syncs_failed"]) == (1, 1)


def test_running_sync_logs_progress_with_the_keys_of_its_invocation(
    tmp_path, lambda_context, logged, monkeypatch
):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    monkeypatch.setattr(LoggedProgress.__init__, "__defaults__", (lambda _: None, 0.01))
    written = Event()
    write = LoggedProgress.fields

    def fields(progress, seconds, before):
        if before or progress._files_planned:
            written.set()
        return write(progress, seconds, before)

    monkeypatch.setattr(LoggedProgress, "fields", fields)
    plan = LoggedProgress.plan

    def plan_and_wait(progress, files, size):
        plan(progress, files, size)
        assert written.wait(10)

    monkeypatch.setattr(LoggedProgress, "plan", plan_and_wait)
    (tmp_path / "a").write_text("abc")
    request = {"source_path": str(tmp_path / "a"), "destination_path": str(tmp_path / "b")}
    data_sync_handler(request, lambda_context)
    lines = logged()
    line = [line for line in lines if line.get("record") == "sync_progress"][-1]
    assert (line["files_planned"], line["bytes_planned"]) == (1, 3)
    assert line["function_request_id"]
    assert any("UnfinishedSeconds" in blob for blob in blobs(lines))


def test_metrics_of_a_sync_are_emitted_with_a_namespace(
    tmp_path, lambda_context, logged, monkeypatch
):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    (tmp_path / "a").write_text("abc")
    request = {"source_path": str(tmp_path / "a"), "destination_path": str(tmp_path / "b")}
    data_sync_handler(request, lambda_context)
    [blob] = blobs(logged())
    assert (blob["FilesTransferred"], blob["BytesTransferred"]) == ([1], [3])
    assert blob["SyncsIncomplete"] == [0]
    assert blob["handler_name"] == "DataSyncHandler"


def test_no_metric_and_no_warning_without_a_namespace(tmp_path, lambda_context, logged):
    (tmp_path / "a").write_text("abc")
    request = {"source_path": str(tmp_path / "a"), "destination_path": str(tmp_path / "b")}
    data_sync_handler(request, lambda_context)
    assert [line["level"] for line in logged()] == ["INFO"]


def emitted(logged) -> dict[str, str]:
    """Return the names and units of all metrics that a sync emits."""
    handler = DataSyncHandler()
    emit_result(handler, DataSyncCounts(), seconds=1.0)
    handler.flush_metrics()
    emit_age(handler, 1.0)
    return {
        metric["Name"]: metric["Unit"]
        for blob in blobs(logged())
        for directive in blob["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }


def test_documented_metrics_are_those_that_are_emitted(logged, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    found = emitted(logged)
    assert found == {name: unit for name, (unit, _) in METRICS.items()}
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", OPERATIONS.read_text(), re.M)
    documented = {
        name: (unit, text) for name, unit, text in rows if unit in ("Count", "Bytes", "Seconds")
    }
    assert documented == dict(METRICS)


def test_counts_of_an_incomplete_call_are_left_to_the_call_that_continues_it(logged, monkeypatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    handler = DataSyncHandler()
    emit_result(handler, DataSyncCounts(files_transferred=3), seconds=1.0, is_incomplete=True)
    handler.flush_metrics()
    [blob] = blobs(logged())
    assert blob["SyncsIncomplete"] == [1]
    assert "FilesTransferred" not in blob
