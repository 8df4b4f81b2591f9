"""Syncs with a file system that takes its time, as NFS and EFS do: side by side, and complete."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.local.descent import Pace
from aibs_informatics_aws_lambda.handlers.data_sync.progress import NullProgress
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline, executor, latency
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.latency import Latency
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table

CONTENT = {f"d{number % 5}/f{number:02}": f"content {number}".encode() for number in range(40)}
OLD = 1_000_000_000.0


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file system count as slow, from the first operation on."""
    monkeypatch.setattr(latency, "_SLOW_SECONDS", 0.0)
    monkeypatch.setattr(latency, "_MEASURED", 0)
    monkeypatch.setattr(Pace, "is_slow", lambda _: True)


def write_all(folder: Path) -> None:
    for name, content in CONTENT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (OLD, OLD))


def read_all(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def request(source, destination, **options) -> DataSyncRequest:
    return DataSyncRequest(source_path=source, destination_path=destination, **options)


@pytest.mark.parametrize("concurrency", [1, 25])
def test_files_are_uploaded_downloaded_mirrored_and_copied(bucket, tmp_path: Path, concurrency):
    write_all(tmp_path / "src")
    options = {"max_concurrency": concurrency}
    up = Engine().sync(request(tmp_path / "src", "s3://bucket/up", **options))
    assert up.result.files_transferred == len(CONTENT)
    assert bucket.read("up/") == CONTENT
    write_all(tmp_path / "down" / "extra")
    down = Engine().sync(request("s3://bucket/up", tmp_path / "down", **options))
    assert (down.result.files_transferred, down.result.files_deleted) == (40, 40)
    copy = Engine().sync(request(tmp_path / "src", tmp_path / "copy", **options))
    assert copy.result.files_transferred == len(CONTENT)
    assert read_all(tmp_path / "down") == read_all(tmp_path / "copy") == CONTENT
    again = Engine().sync(request(tmp_path / "src", tmp_path / "copy", **options))
    assert (again.result.files_transferred, again.result.files_unchanged) == (0, 40)


@pytest.mark.parametrize("umask", [0o022, 0o077])
@pytest.mark.parametrize("mode", [0o400, 0o640, 0o666, 0o4755])
def test_copies_have_the_permissions_of_their_sources(tmp_path: Path, umask, mode):
    write_all(tmp_path / "src")
    for file in (tmp_path / "src").rglob("f*"):
        file.chmod(mode)
    before = os.umask(umask)
    try:
        Engine().sync(request(tmp_path / "src", tmp_path / "dst"))
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o7777 for file in (tmp_path / "dst").rglob("f*")} == {mode}


def test_files_of_several_folders_are_written_side_by_side(tmp_path: Path, monkeypatch):
    write_all(tmp_path / "src")
    together, replace = threading.Barrier(5), os.replace
    waited = set()

    def wait_for_others(name, target, **options):
        if target in ("f00", "f01", "f02", "f03", "f04"):
            waited.add(target)
            # Broken if files of five folders are not renamed at the same time.
            together.wait(timeout=180)
        replace(name, target, **options)

    monkeypatch.setattr(os, "replace", wait_for_others)
    Engine().sync(request(tmp_path / "src", tmp_path / "dst", max_concurrency=5))
    assert len(waited) == 5


def test_file_that_cannot_be_touched_is_named_and_the_others_are_touched(tmp_path: Path):
    write_all(tmp_path / "src")
    Engine().sync(request(tmp_path / "src", tmp_path / "dst"))
    write_all(tmp_path / "dst")
    touch = os.utime

    def fail_at_one(name, *arguments, **options):
        if name == "f07":
            raise OSError(5, "Input/output error")
        touch(name, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "utime", fail_at_one)
        response = Engine().sync(
            request(tmp_path / "src", tmp_path / "dst", size_only=True, continue_on_error=True)
        )
    assert [file.path for file in response.result.failed_files] == [f"{tmp_path}/src/d2/f07"]
    times = {file.name: file.stat().st_mtime for file in (tmp_path / "dst").rglob("f*")}
    assert [name for name, modified in times.items() if modified == OLD] == ["f07"]


@table(
    "seconds, expected",
    {
        "a network file system is slow": ([0.006] * 16, True),
        "a busy processor is not": ([0.05] * 15 + [0.0002], False),
        "a few slow files decide nothing": ([0.05] * 15, False),
    },
)
def test_are_all_long(monkeypatch, seconds, expected):
    monkeypatch.undo()
    average = Latency()
    for value in seconds:
        average.add(value)
    assert average.are_all_long() is expected


@table(
    "seconds, expected",
    {
        "the first values count alike": ([0.003, 0.001], 0.002),
        "later ones count more": ([0.001] * 20 + [0.011], 0.002),
    },
)
def test_average(seconds, expected):
    average = Latency()
    for value in seconds:
        average.add(value)
    assert average.seconds == pytest.approx(expected)


class Time(NullProgress):
    """A time that goes on by a second with each entry that is transferred."""

    now = 0.0

    def advance(self, files: int, size: int) -> None:
        self.now += files


@pytest.mark.parametrize("direction", ["local-local", "s3-local", "local-s3"])
def test_sync_in_several_calls_does_what_one_does(bucket, tmp_path: Path, monkeypatch, direction):
    source, _, destination = direction.partition("-")
    write_all(tmp_path / "src")
    bucket.put_all({f"src/{name}": content for name, content in CONTENT.items()}, 100)
    passing, calls = Time(), 0
    monkeypatch.setattr(deadline, "monotonic", lambda: passing.now)
    monkeypatch.setattr(executor, "_IN_TURNS_UNTIL_A_DEADLINE", 12)
    paths = {"local": tmp_path, "s3": "s3://bucket"}
    one = request(
        f"{paths[source]}/src", f"{paths[destination]}/dst", deadline=9, max_concurrency=2
    )
    response = Engine(passing).sync(one)
    while response.incomplete:
        calls += 1
        assert calls < 20
        assert len(response.continuation.unfinished or ()) < 20
        one = one.model_copy(update={"continuation": response.continuation})
        response = Engine(passing).sync(one)
    assert calls > 1
    done = response.result.files_transferred + response.result.files_unchanged
    assert done == len(CONTENT)
    found = bucket.read("dst/") if destination == "s3" else read_all(tmp_path / "dst")
    assert found == CONTENT


def test_file_that_cannot_be_read_is_named(bucket, tmp_path: Path, monkeypatch):
    write_all(tmp_path / "src")
    (tmp_path / "src" / "d3" / "f03").unlink()
    listing = iter([Entry("d3/f03", 9, OLD)])
    monkeypatch.setattr(
        "aibs_informatics_aws_lambda.handlers.data_sync.local.walk.list_source",
        lambda *_: listing,
    )
    with pytest.raises(OSError, match="src/d3/f03"):
        Engine().sync(request(tmp_path / "src", "s3://bucket/up"))
    assert bucket.read("up/") == {}
