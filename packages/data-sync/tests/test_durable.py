"""The durable function runs in the SDK's own test runner, with S3 in a local AWS emulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.data_sync import durable
from aibs_informatics_aws_lambda.handlers.data_sync.sync import batch, engine
from aibs_informatics_aws_lambda.storage.data_sync.batch import (
    BatchContinuation,
    BatchDataSyncResponse,
    BatchDataSyncResult,
)
from aws_durable_execution_sdk_python.execution import InvocationStatus
from aws_durable_execution_sdk_python_testing import DurableFunctionTestRunner
from aws_durable_execution_sdk_python_testing.executor import Executor

CHECKPOINT_LIMIT = 256 * 1024


class Run:
    """An execution, with what it recorded.

    Args:
        result: the result of the runner.
        checkpoints: the updates that the function sent, in order.
    """

    def __init__(self, result, checkpoints: list) -> None:
        self.status = result.status
        self.error = result.error
        self.response = json.loads(result.result) if result.result else None
        self.checkpoints = checkpoints
        self.names = [operation.name for operation in result.get_all_operations()]


@pytest.fixture
def run(aws, monkeypatch) -> Callable[..., Run]:
    """Run the durable function on an event until its end."""
    aws.make_bucket()
    monkeypatch.setattr(Executor, "RETRY_BACKOFF_SECONDS", 0)

    def execute(event: dict, after_checkpoint: Callable[[int], None] = lambda number: None) -> Run:
        with DurableFunctionTestRunner(durable.handler, poll_interval=0.01) as runner:
            checkpoints = []
            send = runner._service_client.checkpoint

            def record(*, updates, **options):
                response = send(updates=updates, **options)
                checkpoints.extend(updates)
                after_checkpoint(len(checkpoints))
                return response

            runner._service_client.checkpoint = record
            found = Run(runner.run(json.dumps(event), execution_timeout=600), checkpoints)
        # The runner leaves it open.
        runner._scheduler._loop.close()
        return found

    return execute


@pytest.fixture
def event(tmp_path: Path) -> dict:
    """A sync of five files in batches of two."""
    (tmp_path / "in").mkdir()
    for number in range(5):
        (tmp_path / "in" / f"{number}").write_text("x" * 100)
    return {
        "source_path": str(tmp_path / "in"),
        "destination_path": "s3://bucket/out/",
        "batch_size_bytes_limit": 200,
        "temporary_request_payload_path": "s3://bucket/scratch/run-1/",
    }


def synced(aws) -> list[str]:
    return [key for key in aws.keys("bucket") if key.startswith("out/")]


FILES = [f"out/{number}" for number in range(5)]


def test_batches_are_prepared_synced_and_summarized(run, event, aws):
    found = run(event)

    assert found.status is InvocationStatus.SUCCEEDED, found.error
    assert found.response["total_batches_count"] == 3
    assert found.response["result"]["files_transferred"] == 5
    assert found.response["failed_batches"] == []
    assert synced(aws) == FILES
    assert sorted(found.names) == [
        "batches",
        "prepare",
        "summarize",
        "sync-0-0",
        "sync-1-0",
        "sync-2-0",
    ]


def test_batch_goes_on_in_the_next_invocation_after_its_deadline(run, event, aws, monkeypatch):
    sync_batch, requests = batch.sync_batch, []
    stopped = BatchContinuation(requests_done=0, result=BatchDataSyncResult(), failed_requests=[])

    def stop_first(engine, request):
        requests.append(request)
        if len(requests) == 1:
            return BatchDataSyncResponse(result=stopped.result, continuation=stopped)
        return sync_batch(engine, request)

    monkeypatch.setattr(batch, "sync_batch", stop_first)

    found = run({**event, "batch_size_bytes_limit": 10_000})

    assert found.status is InvocationStatus.SUCCEEDED, found.error
    assert {"sync-0-0", "continue-0-0", "sync-0-1"} <= set(found.names)
    assert [request.deadline for request in requests] == ["auto", "auto"]
    assert [request.continuation for request in requests] == [None, stopped]
    assert "scratch/run-1/continuation_0_0.json" in aws.keys("bucket")
    assert synced(aws) == FILES


def test_execution_that_is_interrupted_after_any_checkpoint_ends_alike(
    run, event, aws, monkeypatch
):
    event = {**event, "batch_size_bytes_limit": 300}
    whole = run(event)
    steps = []
    prepare = durable._prepare
    monkeypatch.setattr(durable, "_prepare", lambda request: steps.append(1) or prepare(request))

    for last in range(1, len(whole.checkpoints) + 1):
        for key in aws.keys("bucket"):
            aws.client("s3").delete_object(Bucket="bucket", Key=key)
        steps.clear()
        interrupted = []

        def interrupt(number: int, last=last, interrupted=interrupted) -> None:
            # As a process that dies: what it has sent is recorded, and the next replays that.
            if number >= last and not interrupted:
                interrupted.append(number)
                raise ConnectionResetError("the process died")

        found = run(event, interrupt)

        assert interrupted
        assert found.status is InvocationStatus.SUCCEEDED, (last, found.error)
        # A step that was interrupted is repeated, and finds what it has transferred.
        result, expected = found.response.pop("result"), dict(whole.response["result"])
        expected["files_transferred"] -= result["files_unchanged"]
        expected["bytes_transferred"] -= result["bytes_unchanged"]
        assert {**result, "files_unchanged": 0, "bytes_unchanged": 0} == expected, last
        assert {**found.response, "result": whole.response["result"]} == whole.response
        assert synced(aws) == FILES
        assert len(steps) <= 2


def test_error_is_retried_after_some_time(run, event, monkeypatch):
    failures = iter([AWSError("throttled"), AWSError("throttled")])
    sync = engine.Engine.sync

    def fail_twice(self, *arguments):
        for error in failures:
            raise error
        return sync(self, *arguments)

    monkeypatch.setattr(engine.Engine, "sync", fail_twice)

    found = run(event)

    assert found.status is InvocationStatus.SUCCEEDED, found.error
    assert found.response["result"]["files_transferred"] == 5


@pytest.mark.parametrize(
    ("error", "attempts", "seconds"),
    [
        (AWSError("x"), 1, 10),
        (OSError("x"), 2, 30),
        (TimeoutError("x"), 3, 90),
        (AWSError("x"), 4, None),
        (ValueError("x"), 1, None),
        (FileNotFoundError("x"), 1, None),
        (ResourceNotFoundError("x"), 1, None),
    ],
)
def test_only_errors_that_may_pass_are_retried(error, attempts, seconds):
    decision = durable.decide_retry(error, attempts)

    assert decision.should_retry is (seconds is not None)
    if seconds is not None:
        assert decision.delay_seconds == seconds


def fail_second_batch(monkeypatch) -> None:
    sync = engine.Engine.sync

    def fail(self, request, *arguments):
        if str(request.source_path).endswith(("/2", "/3")):
            raise ValueError("no such format")
        return sync(self, request, *arguments)

    monkeypatch.setattr(engine.Engine, "sync", fail)


def test_execution_fails_if_more_batches_fail_than_are_tolerated(run, event, monkeypatch):
    fail_second_batch(monkeypatch)

    found = run(event)

    assert found.status is InvocationStatus.FAILED
    assert found.error.type.endswith("BatchesFailedError")
    assert "no such format" in found.error.message
    assert "s3://bucket/scratch/run-1/failed_requests.json" in found.error.message


def test_tolerated_failures_are_in_the_summary(run, event, aws, monkeypatch):
    fail_second_batch(monkeypatch)

    found = run({**event, "tolerated_failure_percentage": 50})

    assert found.status is InvocationStatus.SUCCEEDED, found.error
    assert found.response["failed_batches_count"] == 1
    assert len(found.response["failed_requests"]) == 2
    assert len(synced(aws)) == 3


def test_failed_syncs_of_a_batch_are_stored_in_s3(run, event, monkeypatch):
    fail_second_batch(monkeypatch)

    found = run({**event, "allow_partial_failure": True})

    assert found.status is InvocationStatus.SUCCEEDED, found.error
    assert found.response["failed_batches_count"] == 0
    assert len(found.response["failed_requests"]) == 2
    path = found.response["failed_requests_path"]
    assert path == "s3://bucket/scratch/run-1/failed_requests.json"


@pytest.fixture
def store(event) -> Path:
    """An array that is split into several batches, beside the five files."""
    array = Path(event["source_path"]) / "a"
    for number in range(3):
        (array / f"{number}").mkdir(parents=True)
        (array / f"{number}" / "0").write_text("x" * 150)
    (array / ".zarray").write_text("{}")
    return array


def test_entry_files_of_split_stores_are_synced_after_all_batches(run, event, store, aws):
    found = run(event)

    assert found.status is InvocationStatus.SUCCEEDED, found.error
    assert found.response["result"]["files_transferred"] == 9
    assert "out/a/.zarray" in synced(aws)
    done = [update.name for update in found.checkpoints if update.name]
    assert done.index("batches") < done.index("sync-6-0") < done.index("summarize")


def test_no_entry_file_is_synced_if_another_sync_has_failed(run, event, store, aws, monkeypatch):
    fail_second_batch(monkeypatch)

    found = run({**event, "allow_partial_failure": True})

    assert found.status is InvocationStatus.SUCCEEDED, found.error
    assert found.response["error"] == "NotStarted"
    assert found.response["failed_requests"][-1]["entry_files"] == "finish"
    assert "out/a/.zarray" not in synced(aws)


def test_checkpoints_of_many_batches_are_within_the_limit(run, tmp_path):
    (tmp_path / "in").mkdir()
    batches = 24
    for number in range(batches):
        (tmp_path / "in" / f"{number:03}{'x' * 200}").write_text("x")
    event = {
        "source_path": str(tmp_path / "in"),
        "destination_path": str(tmp_path / "out"),
        "batch_size_bytes_limit": 1,
        "temporary_request_payload_path": "s3://bucket/scratch/",
        "max_concurrent_batches": 4,
    }

    found = run(event)

    assert found.status is InvocationStatus.SUCCEEDED, found.error
    assert found.response["total_batches_count"] == batches
    sizes = [len(update.payload or "") for update in found.checkpoints]
    # The largest has something of each batch: it has room for more than 240.
    assert max(sizes) / batches < CHECKPOINT_LIMIT / 240
    # A step for each batch, and three operations around them.
    assert len(found.names) == batches + 3


def test_invalid_request_fails_the_execution(run, event):
    del event["temporary_request_payload_path"]

    found = run(event)

    assert found.status is InvocationStatus.FAILED
    assert found.error.type.endswith("ValidationError")
    assert "temporary_request_payload_path" in found.error.message


def test_sdk_is_imported_by_no_other_handler(modules_loaded_by):
    package = "aibs_informatics_aws_lambda.handlers.data_sync"
    loaded = modules_loaded_by(f"{package}.operations, {package}.syncs")

    assert not {name for name in loaded if name.startswith("aws_durable")}
