"""Syncs whose bytes, requests and retries are limited, by a clock that only waits move."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync import rate_limits
from aibs_informatics_aws_lambda.handlers.data_sync.progress import NullProgress
from aibs_informatics_aws_lambda.handlers.data_sync.rate_limits import RateLimits
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import client
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline, engine as engine_module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import local_copy
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import FaultyS3, refusal

MB = 10**6
LARGE = 20 * MB
PARTS = 3


class Clock:
    """A clock that a wait moves on at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        with self._lock:
            self.now += seconds
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    limits = partial(RateLimits, clock=clock, sleep=clock.sleep)
    monkeypatch.setattr(engine_module, "RateLimits", limits)
    return clock


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    with (folder / "large").open("wb") as file:
        file.write(bytes(range(256)) * (LARGE // 256))
    return folder


def sync(source: object, destination: object, engine: Engine | None = None, **options):
    request = DataSyncRequest(
        source_path=str(source), destination_path=str(destination), delete=False, **options
    )
    return (engine or Engine()).sync(request)


def operations(s3: FaultyS3) -> Counter[str]:
    return Counter(call.operation for call in s3.calls)


def test_bandwidth_limits_uploads_downloads_and_local_copies(s3, clock, source, tmp_path):
    content = (source / "large").read_bytes()
    took = []
    for start, end in (
        (source, "s3://bucket/up/"),
        ("s3://bucket/up/", tmp_path / "down"),
        (source, tmp_path / "copy"),
    ):
        before = clock.now
        sync(start, end, bandwidth=MB)
        took.append(clock.now - before)

    assert took == pytest.approx([20, 20, 20], rel=0.1)
    assert (tmp_path / "down/large").read_bytes() == content
    assert (tmp_path / "copy/large").read_bytes() == content
    assert s3.objects["bucket", "up/large"].content == content


def test_uploads_and_downloads_of_one_engine_share_their_bandwidth(s3, clock, source, tmp_path):
    engine = Engine()
    sync(source, "s3://bucket/up/", engine, bandwidth=MB)
    sync("s3://bucket/up/", tmp_path / "down", engine, bandwidth=MB)

    assert clock.now == pytest.approx(40, rel=0.1)


@pytest.mark.parametrize("bandwidth", [None, 10 * MB])
def test_each_request_and_part_is_taken_from_the_limit(
    s3, source, tmp_path, monkeypatch, bandwidth
):
    (source / "small").write_text("x")
    taken = []

    class Limits(RateLimits):
        def reserve(self, size: int, requests: int) -> float:
            taken.append(requests)
            super().reserve(size, requests)
            return 0.0

    monkeypatch.setattr(engine_module, "RateLimits", Limits)
    engine = Engine()
    options = {"bandwidth": bandwidth, "requests_per_second": 1000}
    sync(source, "s3://bucket/up/", engine, **options)
    sync("s3://bucket/up/", tmp_path / "down", engine, **options)
    sync("s3://bucket/up/", "s3://bucket/copy/", engine, **options)

    assert sum(taken) == sum(operations(s3).values())


def test_requests_are_counted_by_operation_as_the_service_sees_them(s3, clock, source, tmp_path):
    (source / "small").write_text("x")
    found = []
    for limits in ({}, {"bandwidth": 40 * MB}):
        for start, end in (
            (source, f"s3://bucket/{len(found)}/"),
            (f"s3://bucket/{len(found)}/", tmp_path / str(len(found))),
            (f"s3://bucket/{len(found)}/", "s3://bucket/copy/"),
        ):
            s3.calls.clear()
            before = client.sent_requests.copy()
            sync(start, end, **limits)
            found.append((client.sent_requests - before, operations(s3)))

    assert [counted for counted, _ in found] == [seen for _, seen in found]
    assert found[0][0]["UploadPart"] == PARTS


def test_failed_download_with_a_limit_names_the_file(s3, source, tmp_path, monkeypatch):
    sync(source, "s3://bucket/up/")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with pytest.raises(OSError, match=r"No space left on device.*down/large") as failure:
        sync("s3://bucket/up/", tmp_path / "down", bandwidth=40 * MB)

    assert failure.value.errno == errno.ENOSPC
    assert list((tmp_path / "down").iterdir()) == []


class TimeUpAfterAFile(NullProgress):
    """A time that passes the deadline once a file is transferred."""

    now = 0.0

    def advance(self, files: int, size: int) -> None:
        self.now += 100 * files


@pytest.mark.parametrize("direction", ["up", "down", "copy"])
def test_deadline_ends_a_transfer_that_waits_for_its_limit(
    s3, source, tmp_path, monkeypatch, direction
):
    passing = TimeUpAfterAFile()
    monkeypatch.setattr(deadline, "monotonic", lambda: passing.now)
    monkeypatch.setattr(rate_limits, "_CHECK_SECONDS", 0.01)
    sync(source, "s3://bucket/up/")
    start, end = {
        "up": (source, "s3://bucket/other/"),
        "down": ("s3://bucket/up/", tmp_path / "down"),
        "copy": (source, tmp_path / "copy"),
    }[direction]
    (source / "a").write_text("a")
    s3.objects["bucket", "up/a"] = s3.objects["bucket", "up/large"].__class__(b"a")

    response = sync(start, end, Engine(passing), bandwidth=10_000, deadline=0.2)

    assert response.incomplete
    assert response.result.files_transferred == 1


@pytest.mark.parametrize(("retries", "calls"), [(0, 1), (2, 3)])
@pytest.mark.parametrize("status", [429, 503])
def test_request_has_as_many_attempts_as_retries_and_one(
    s3, tmp_path, monkeypatch, retries, calls, status
):
    monkeypatch.setattr(client, "_FIRST_WAIT_MS", 1)
    (tmp_path / "a").write_text("a")
    s3.fault = lambda call, proceed: (
        refusal(status, "SlowDown") if call.operation == "PutObject" else proceed()
    )

    with pytest.raises(AWSError, match="cannot upload"):
        sync(tmp_path / "a", "s3://bucket/a", retries=retries)

    assert operations(s3)["PutObject"] == calls


@pytest.mark.parametrize(
    ("status", "code", "calls"), [(503, "SlowDown", 30), (500, "InternalError", 10)]
)
def test_request_that_is_throttled_has_three_times_as_many_attempts(
    s3, tmp_path, monkeypatch, status, code, calls
):
    monkeypatch.setattr(client, "_FIRST_WAIT_MS", 1)
    (tmp_path / "a").write_text("a")
    s3.fault = lambda call, proceed: (
        refusal(status, code) if call.operation == "PutObject" else proceed()
    )

    with pytest.raises(AWSError, match="cannot upload"):
        sync(tmp_path / "a", "s3://bucket/a")

    assert operations(s3)["PutObject"] == calls


@pytest.mark.parametrize("retries", [0, 3])
def test_local_copy_has_as_many_attempts_as_retries_and_one(tmp_path, monkeypatch, retries):
    (tmp_path / "a").write_text("a")
    attempts = []

    def fail(*_: object) -> None:
        attempts.append(1)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(local_copy, "check_closed", fail)
    monkeypatch.setattr("time.sleep", lambda _: None)

    with pytest.raises(OSError, match="Input/output error"):
        sync(tmp_path / "a", tmp_path / "b", retries=retries)

    assert len(attempts) == retries + 1


@pytest.mark.parametrize(
    "options", [{"bandwidth": 0}, {"requests_per_second": 0}, {"retries": -1}, {"retries": 51}]
)
def test_limits_must_be_positive(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        DataSyncRequest(source_path="a", destination_path="b", **options)


FEW_FILES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from aibs_informatics_aws_lambda.handlers.data_sync.cli.main import main
sys.exit(main())
"""


def test_download_to_many_folders_fits_in_a_limit_of_open_files(s3: FaultyS3, tmp_path: Path):
    for number in range(150):
        s3.put("bucket", f"a/{number}/file", b"content")

    command = [sys.executable, "-c", FEW_FILES, "s3://bucket/a/", str(tmp_path / "copy")]
    result = subprocess.run(command, capture_output=True, text=True)

    assert (result.returncode, result.stderr) == (0, "")
    assert len(list(tmp_path.glob("copy/*/file"))) == 150
