"""What a service may do to a sync is bounded: throttling, silence, redirects, endless bodies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import attempts, client, listing
from aibs_informatics_aws_lambda.handlers.data_sync.sync import (
    deadline as deadline_module,
    engine as engine_module,
    window,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.result import NoProgressError
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResponse
from faulty_s3 import Call, Fault, FaultyS3, Reply, refusal

TOO_MANY = refusal(429, "TooManyRequests")
LARGE = 20 * 2**20


@pytest.fixture
def s3(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> FaultyS3:
    monkeypatch.setattr(client, "_FIRST_WAIT_MS", 1)
    monkeypatch.setattr(client, "_RETRIES", 4)
    return s3


def sync(source: object, destination: object, **options) -> DataSyncResponse:
    return Engine().sync(
        DataSyncRequest(source_path=str(source), destination_path=str(destination), **options)
    )


def first_of(operation: str, count: int, reply: Reply) -> Fault:
    """Respond to the first requests of an operation in another way."""
    return lambda call, proceed: (
        reply if call.operation == operation and call.number <= count else proceed()
    )


def write_source(s3: FaultyS3, tmp_path: Path, size: int = 10) -> Path:
    source = tmp_path / "src"
    source.mkdir()
    (source / "a").write_bytes(bytes(size))
    return source


OPERATIONS = {
    "ListObjectsV2": lambda s3, tmp_path: ("s3://bucket/src/", tmp_path / "dst"),
    "GetObject": lambda s3, tmp_path: ("s3://bucket/src/", tmp_path / "dst"),
    "CopyObject": lambda s3, tmp_path: ("s3://bucket/src/", "s3://bucket/dst/"),
    "PutObject": lambda s3, tmp_path: (write_source(s3, tmp_path), "s3://bucket/dst/"),
    "UploadPart": lambda s3, tmp_path: (write_source(s3, tmp_path, LARGE), "s3://bucket/dst/"),
}


@pytest.mark.parametrize("reply", [TOO_MANY, refusal(400, "Throttling"), Reply(502)], ids=str)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_throttled_request_is_sent_again(s3: FaultyS3, tmp_path: Path, caplog, operation, reply):
    s3.put("bucket", "src/a", b"content")
    locations = OPERATIONS[operation](s3, tmp_path)
    s3.fault = first_of(operation, 2, reply)
    assert sync(*locations).result.files_transferred == 1
    assert "does not support" not in caplog.text


def test_request_that_is_throttled_for_ever_is_an_error_with_a_remedy(s3, tmp_path: Path):
    s3.put("bucket", "src/a", b"content")
    s3.fault = first_of("GetObject", 1000, TOO_MANY)
    with pytest.raises(AWSError, match=r"TooManyRequests.*send fewer in parallel"):
        sync("s3://bucket/src/", tmp_path / "dst")
    assert sum(call.operation == "GetObject" for call in s3.calls) == 5


class Deadline:
    """The deadline of a sync, which comes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self._stop: Callable[[], None] = lambda: None

    def __call__(self) -> float:
        return self.now

    def timer(self, seconds: float, stop: Callable[[], None]) -> Deadline:
        """Take the place of a timer."""
        self._stop = stop
        return self

    def start(self) -> None:
        """Do nothing: the timer does not run."""

    def cancel(self) -> None:
        """Stop nothing any more."""
        self._stop = lambda: None

    def come(self) -> None:
        """Let the time be up."""
        self.now = 1000.0
        self._stop()


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch) -> Deadline:
    deadline = Deadline()
    monkeypatch.setattr(deadline_module, "monotonic", deadline)
    monkeypatch.setattr(engine_module, "Timer", deadline.timer)
    return deadline


def silent_from(operation: str, number: int, is_due: Callable[[], bool], end: Deadline) -> Fault:
    """Leave requests of an operation without a response, until the deadline and after it.

    A request that is sent again, as on a busy machine, has the number that it had at first.
    """
    come, lock = threading.Event(), threading.Lock()
    numbers: dict[tuple[str, str], int] = {}

    def fault(call: Call, proceed: Callable[[], Reply]) -> Reply:
        if call.operation != operation:
            return proceed()
        request = (call.key, call.query.get("continuation-token", ""))
        with lock:
            is_silent = numbers.setdefault(request, len(numbers) + 1) >= number
        if is_silent:
            while not is_due() and not come.is_set():
                time.sleep(0.01)
            if not come.is_set():
                come.set()
                end.come()
            # The client has gone away.
            time.sleep(0.1)
        return proceed()

    return fault


def test_wait_that_a_service_asks_for_does_not_outlast_the_deadline(s3, tmp_path: Path, end):
    s3.put("bucket", "src/a", b"content")
    asks = Reply(429, TOO_MANY.body, {**TOO_MANY.headers, "Retry-After": "3600"})

    def fault(call: Call, _: Callable[[], Reply]) -> Reply:
        threading.Timer(0.2, end.come).start()
        return asks

    s3.fault = fault
    with pytest.raises(
        NoProgressError, match="deadline passed before s3://bucket/src/ was listed"
    ):
        sync("s3://bucket/src/", tmp_path / "dst", deadline=500)
    assert len(s3.calls) == 1


@pytest.mark.parametrize("number", [1, 2])
def test_silence_while_the_source_is_listed_ends_at_the_deadline(s3, tmp_path, end, number):
    s3.page = 1
    for key in "abc":
        s3.put("bucket", f"src/{key}", b"content")
    s3.fault = silent_from("ListObjectsV2", number, lambda: True, end)
    try:
        with pytest.raises(NoProgressError):
            sync("s3://bucket/src/", tmp_path / "dst", deadline=500)
    finally:
        s3.page = 1000


@pytest.mark.parametrize("concurrency", [1, 8])
def test_silence_of_all_transfers_ends_at_the_deadline(s3, tmp_path: Path, end, concurrency):
    for number in range(50):
        s3.put("bucket", f"src/{number:02}", b"content")
    arrived = tmp_path / "dst"
    # Of three that have been sent, the library may hold back some until others end.
    s3.fault = silent_from("GetObject", 4, lambda: any(arrived.glob("[0-9]*")), end)
    options = {"report_path": "s3://bucket/report.jsonl", "max_concurrency": concurrency}
    response = sync("s3://bucket/src/", arrived, deadline=500, **options)
    assert response.incomplete
    count = len(list(arrived.glob("[0-9]*")))
    assert 1 <= count <= 3
    assert response.result.files_transferred == count
    # The report is written after the deadline.
    assert len(s3.read("bucket", "report.jsonl")[""].splitlines()) == count


def test_silence_is_said(s3, tmp_path: Path, monkeypatch, caplog):
    for module in (client, listing, window):
        monkeypatch.setattr(module, "SILENCE_SECONDS", 0.05)
    s3.put("bucket", "src/a", b"content")

    said = {
        "ListObjectsV2": "ListObjectsV2 s3://bucket/src/ is tried again",
        "GetObject": "Nothing has ended for",
    }

    def fault(call: Call, proceed: Callable[[], Reply]) -> Reply:
        while said[call.operation] not in caplog.text:
            time.sleep(0.01)
        return proceed()

    s3.fault = fault
    assert sync("s3://bucket/src/", tmp_path / "dst").result.files_transferred == 1


def test_redirects_between_regions_end(s3, tmp_path: Path):
    s3.put("bucket", "src/a", b"content")

    def fault(call: Call, _: Callable[[], Reply]) -> Reply:
        region = "us-east-1" if "/us-west-2/" in call.headers["authorization"] else "us-west-2"
        moved = refusal(301, "PermanentRedirect")
        return Reply(301, moved.body, {**moved.headers, "x-amz-bucket-region": region})

    s3.fault = fault
    with pytest.raises(AWSError, match="PermanentRedirect"):
        sync("s3://bucket/src/", tmp_path / "dst")
    assert len(s3.calls) <= 10


def test_page_without_an_end_is_an_error(s3, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(attempts, "_MAX_BODY_BYTES", 2**20)
    s3.fault = first_of("ListObjectsV2", 1000, Reply(body=bytes(4 * 2**20)))
    with pytest.raises(AWSError, match="the response has more than 1048576 bytes"):
        sync("s3://bucket/src/", tmp_path / "dst")


def test_transfers_at_a_time_fit_in_the_limit_of_open_files(s3, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(engine_module, "MOST_CONCURRENCY", 2)
    monkeypatch.setattr(client, "MOST_CONCURRENCY", 2)
    source = write_source(s3, tmp_path)

    sync(source, "s3://bucket/dst/", max_concurrency=1000)
    sync(source, "s3://bucket/other/")

    [message] = [record.getMessage() for record in caplog.records if "at a time" in record.message]
    assert message.startswith("2 transfers at a time instead of 1,000: no more fit")
    assert client.S3(1000)._connections == 2
