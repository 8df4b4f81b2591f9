from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.cli import watch
from aibs_informatics_aws_lambda.common.cli.errors import ExitCode
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline
from aibs_informatics_aws_lambda.handlers.data_sync.syncs import LoggedProgress
from state_machines import BUCKET, ThrottledError


@pytest.fixture
def tree(tmp_path):
    """Write files into folders; return the source and the expected digests in S3."""

    def write(folders: int, files: int) -> tuple[Path, dict[str, str]]:
        source = tmp_path / "source"
        digests = {}
        for folder in range(folders):
            (source / f"{folder:02}").mkdir(parents=True)
            for number in range(files):
                content = f"{folder:02}/{number:03}".encode() * 2
                (source / f"{folder:02}" / f"{number:03}").write_bytes(content)
                key = f"to/{folder:02}/{number:03}"
                digests[key] = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return source, digests

    return write


@pytest.fixture
def arrived(aws):
    """Return the digests of the objects at the destination."""

    def digests() -> dict[str, str]:
        pages = aws.client("s3").get_paginator("list_objects_v2")
        listing = pages.paginate(Bucket=BUCKET, Prefix="to/")
        found = [item for page in listing for item in page.get("Contents", [])]
        return {item["Key"]: item["ETag"].strip('"') for item in found}

    return digests


class Clock:
    """A clock that advances by a second for each file that is transferred or compared."""

    def __init__(self) -> None:
        self.now = 0.0

    def advance(self, files: int, size: int) -> None:
        self.now += files


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(LoggedProgress, "advance", clock.advance)
    monkeypatch.setattr(deadline, "monotonic", lambda: clock.now)
    return clock


def request_for(source: Path, files: int, **fields: Any) -> dict[str, Any]:
    """Return a request that makes a batch of each folder with so many files."""
    return {
        "source_path": str(source),
        "destination_path": f"s3://{BUCKET}/to/",
        "batch_size_bytes_limit": 12 * files,
        **fields,
    }


@pytest.fixture
def remove_after_planning(functions):
    """Remove folders as soon as the batches are planned."""

    def remove(*folders: Path) -> None:
        plan = functions["prepare-batch-data-sync"]

        def plan_and_remove(event: Any) -> Any:
            response = plan(event)
            for folder in folders:
                shutil.rmtree(folder)
            return response

        functions["prepare-batch-data-sync"] = plan_and_remove

    return remove


def test_a_hundred_files_are_synced_in_ten_batches(workshop, data_sync, tree, arrived):
    source, digests = tree(folders=10, files=10)

    done = workshop.machines.run(data_sync(), request_for(source, 10))

    assert done.status == "SUCCEEDED", done.cause
    assert len(digests) == 100
    assert arrived() == digests
    assert done.output["total_batches_count"] == 10
    assert done.output["result"]["files_transferred"] == 100
    assert done.output["result"]["bytes_transferred"] == 100 * 12
    assert done.output["failed_batches_count"] == 0
    assert done.output["failed_requests"] == []
    assert [name for name, _ in workshop.functions.events].count("batch-data-sync") == 10


def test_a_failed_batch_is_reported_and_the_others_succeed(
    workshop, data_sync, tree, arrived, remove_after_planning, aws
):
    source, digests = tree(folders=10, files=2)
    remove_after_planning(source / "07")

    done = workshop.machines.run(
        data_sync(), request_for(source, 2, tolerated_failure_percentage=10)
    )

    assert done.status == "SUCCEEDED", done.cause
    assert arrived() == {
        key: digest for key, digest in digests.items() if not key.startswith("to/07/")
    }
    [batch] = done.output["failed_batches"]
    assert batch["error"] == "FileNotFoundError"
    assert str(source / "07") in batch["cause"]
    [sync] = done.output["failed_requests"]
    assert sync["source_path"] == str(source / "07")
    stored = aws.get(BUCKET, done.output["failed_requests_path"].removeprefix(f"s3://{BUCKET}/"))
    assert json.loads(stored) == [sync]
    assert done.output["result"]["failed_requests_count"] == 1
    assert done.output["result"]["successful_requests_count"] == 9


def test_more_failed_batches_than_tolerated_fail_the_execution_with_the_first_error(
    workshop, data_sync, tree, remove_after_planning, aws
):
    source, _ = tree(folders=10, files=2)
    remove_after_planning(source / "03", source / "04")

    done = workshop.machines.run(
        data_sync(),
        request_for(source, 2, tolerated_failure_percentage=10, max_concurrent_batches=1),
    )

    assert done.status == "FAILED"
    assert done.error == "FileNotFoundError"
    # The two that failed, and those that did not start.
    assert done.cause.startswith("7 of 10 batches failed. Retry the requests in s3://")
    assert str(source / "03") in done.cause
    [stored] = [key for key in aws.keys(BUCKET) if key.endswith("/failed_requests.json")]
    assert stored in done.cause
    assert len(json.loads(aws.get(BUCKET, stored))) == 7


def test_all_batches_may_fail_if_the_request_tolerates_it(
    workshop, data_sync, tree, remove_after_planning
):
    source, _ = tree(folders=2, files=2)
    remove_after_planning(source)

    done = workshop.machines.run(
        data_sync(), request_for(source, 2, tolerated_failure_percentage=100)
    )

    assert done.status == "SUCCEEDED"
    assert done.output["failed_batches_count"] == 2


def test_an_invalid_request_fails_with_its_own_error(workshop, data_sync):
    done = workshop.machines.run(data_sync(), {"source_path": "s3://bucket/"})

    assert (done.status, done.error) == ("FAILED", "ValidationError")
    assert "destination_path" in done.cause


def test_a_missing_source_is_the_error_of_the_execution(workshop, data_sync, tmp_path):
    done = workshop.machines.run(data_sync(), request_for(tmp_path / "missing", 1))

    assert (done.status, done.error) == ("FAILED", "FileNotFoundError")
    assert str(tmp_path / "missing") in done.cause


def test_a_failed_summary_fails_the_execution(workshop, data_sync, tree, arrived, functions):
    source, digests = tree(folders=2, files=2)

    def fail(_: Any) -> Any:
        raise OSError("out of memory")

    functions["summarize-batch-data-sync"] = fail
    done = workshop.machines.run(data_sync(), request_for(source, 2))

    assert (done.status, done.error) == ("FAILED", "OSError")
    assert "out of memory" in done.cause
    assert arrived() == digests


def test_throttling_is_retried(workshop, data_sync, tree, arrived, functions):
    source, digests = tree(folders=1, files=2)
    plan, refusals = functions["prepare-batch-data-sync"], iter([ThrottledError()])

    def throttled(event: Any) -> Any:
        for refusal in refusals:
            raise refusal
        return plan(event)

    functions["prepare-batch-data-sync"] = throttled
    done = workshop.machines.run(data_sync(), request_for(source, 2))

    assert done.status == "SUCCEEDED", done.cause
    assert arrived() == digests


def test_a_batch_that_reaches_its_deadline_is_continued(
    workshop, data_sync, tree, arrived, lambda_context, monkeypatch, clock
):
    source, digests = tree(folders=2, files=50)
    # Files of the second in which they are uploaded are compared again by the next call.
    for file in source.rglob("*/*"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    # Enough for about 40 files in each call.
    monkeypatch.setattr(type(lambda_context), "get_remaining_time_in_millis", lambda _: 50_000)

    done = workshop.machines.run(data_sync(), request_for(source, 100))

    assert done.status == "SUCCEEDED", done.cause
    assert arrived() == digests
    calls = [event for name, event in workshop.functions.events if name == "batch-data-sync"]
    assert len(calls) > 1
    assert {call["deadline"] for call in calls} == {"auto"}
    assert ["continuation" in call for call in calls] == [False] + [True] * (len(calls) - 1)
    # Counts add up over the calls.
    result = done.output["result"]
    assert result["files_transferred"] + result["files_unchanged"] >= 100
    assert result["files_transferred"] > 40
    assert result["successful_requests_count"] == result["total_requests_count"] == 1


def test_handlers_run_as_jobs_of_one_job_definition(workshop, data_sync, tree, arrived, aws):
    source, digests = tree(folders=2, files=2)

    done = workshop.machines.run(data_sync("batch"), request_for(source, 2))

    assert done.status == "SUCCEEDED", done.cause
    assert arrived() == digests
    assert done.output["total_batches_count"] == 2
    names = [job.name for job in workshop.jobs.jobs.values()]
    assert sorted(names) == [
        "batch-data-sync",
        "batch-data-sync",
        "prepare-batch-data-sync",
        "summarize-batch-data-sync",
    ]
    folders = {key.rpartition("/")[0] for key in aws.keys(BUCKET) if key.endswith("request.json")}
    assert len(folders) == 4
    for folder in folders:
        assert folder.startswith("scratch/")
        assert json.loads(aws.get(BUCKET, f"{folder}/response.json"))


@pytest.mark.heavy
def test_a_failed_job_is_reported_with_its_log(workshop, data_sync, tree, arrived, containers):
    source, _ = tree(folders=2, files=2)
    [container] = containers.values()
    script = (
        "import os, runpy, sys; "
        "os.environ['AWS_LAMBDA_FUNCTION_HANDLER'].endswith('.batch_data_sync_handler') "
        "and sys.exit(3); runpy.run_module('aibs_informatics_aws_lambda.main', "
        "run_name='__main__')"
    )
    container["command"] = [container["command"][0], "-c", script]

    done = workshop.machines.run(data_sync("batch"), request_for(source, 2))

    assert (done.status, done.error) == ("FAILED", "States.TaskFailed")
    assert "exit code 3" in done.cause
    assert "log stream batch-data-sync/default/" in done.cause
    assert arrived() == {}


@pytest.fixture
def store(tmp_path) -> Path:
    """A store above the size of a batch, whose entry file is the first by name."""
    source = tmp_path / "source"
    for name in ("x/.zarray", "x/0/0", "x/1/0", "y"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name * 3)
    return source


def test_entry_files_of_stores_are_synced_after_the_map(
    workshop, data_sync, store, arrived, aws, functions
):
    aws.put(BUCKET, "to/x/2/0", "old")
    seen: list[set[str]] = []
    run = functions["batch-data-sync"]

    def noted(event: Any) -> Any:
        response = run(event)
        seen.append(set(arrived()))
        return response

    functions["batch-data-sync"] = noted
    done = workshop.machines.run(data_sync(), request_for(store, 1))

    assert done.status == "SUCCEEDED", done.cause
    data = {"to/x/0/0", "to/x/1/0", "to/y"}
    assert seen[-2] == data | {"to/x/2/0"}
    assert seen[-1] == data | {"to/x/.zarray"}
    assert done.output["result"]["files_transferred"] == 4
    assert done.output["result"]["files_deleted"] == 1
    assert done.output["total_batches_count"] == len(seen)
    assert done.output["failed_requests"] == []


def test_no_entry_file_is_synced_after_a_tolerated_failure(
    workshop, data_sync, store, arrived, remove_after_planning
):
    remove_after_planning(store / "x" / "1")
    request = request_for(store, 1, tolerated_failure_percentage=90)

    done = workshop.machines.run(data_sync(), request)

    assert done.status == "SUCCEEDED", done.cause
    assert set(arrived()) == {"to/x/0/0", "to/y"}
    failed = [sync["source_path"] for sync in done.output["failed_requests"]]
    assert failed == [str(store / "x" / "1" / "0"), str(store / "x")]
    assert done.output["failed_batches_count"] == 2


def test_entry_files_that_cannot_be_synced_fail_the_execution(
    workshop, data_sync, store, arrived, functions
):
    run = functions["batch-data-sync"]

    def fail_at_last(event: Any) -> Any:
        if len(arrived()) == 3:
            raise PermissionError("no access")
        return run(event)

    functions["batch-data-sync"] = fail_at_last
    done = workshop.machines.run(data_sync(), request_for(store, 1))

    assert (done.status, done.error) == ("FAILED", "PermissionError")
    assert "no access" in done.cause


def test_final_batch_that_reaches_its_deadline_is_continued(
    workshop, data_sync, store, arrived, functions
):
    run = functions["batch-data-sync"]
    continuation = {"requests_done": 0, "result": {}, "failed_requests": []}
    stops = iter([True, False])

    def stop_once(event: Any) -> Any:
        if len(arrived()) < 3 or not next(stops):
            return run(event)
        stopped = {"result": {}, "failed_requests": [], "incomplete": True}
        return {**stopped, "continuation": continuation}

    functions["batch-data-sync"] = stop_once
    done = workshop.machines.run(data_sync(), request_for(store, 1))

    assert done.status == "SUCCEEDED", done.cause
    assert len(arrived()) == 4
    *_, last = (event for name, event in workshop.functions.events if name == "batch-data-sync")
    assert last["continuation"] == continuation


def test_running_execution_is_watched_with_its_batches(workshop, data_sync, tree, functions):
    source, _ = tree(folders=3, files=2)
    sync, client, arn = functions["batch-data-sync"], workshop.machines.client, data_sync()
    views = []

    def look_and_sync(event: Any) -> Any:
        [execution] = client.list_executions(stateMachineArn=arn)["executions"]
        views.append(watch.read(client, execution["executionArn"]))
        return sync(event)

    functions["batch-data-sync"] = look_and_sync
    done = workshop.machines.run(arn, {**request_for(source, 2), "max_concurrent_batches": 1})

    assert done.status == "SUCCEEDED", done.cause
    assert [view.status for view in views] == ["RUNNING"] * 3
    assert [view.counts["running"] for view in views] == [1, 1, 1]
    assert [[batch.status for batch in view.batches] for view in views] == [["RUNNING"]] * 3
    [execution] = client.list_executions(stateMachineArn=arn)["executions"]
    ended = watch.read(client, execution["executionArn"])
    assert (ended.status, watch.exit_code(ended)) == ("SUCCEEDED", ExitCode.DONE)
    assert ended.counts["succeeded"] == 3
    assert ended.output["result"]["files_transferred"] == 6
