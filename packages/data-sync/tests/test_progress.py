"""Progress of a sync."""

from __future__ import annotations

import errno
import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local.locks import held_lock
from aibs_informatics_aws_lambda.handlers.data_sync.progress import Item, NullProgress, activity
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.report import Report
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import local_copy
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

SIZE = 20 * 2**20


class RecordedProgress:
    """Records progress."""

    def __init__(self) -> None:
        self.planned: list[tuple[int, int]] = []
        self.advanced: list[tuple[int, int]] = []
        self.items: list[Item] = []

    def plan(self, files: int, size: int) -> None:
        self.planned.append((files, size))

    def advance(self, files: int, size: int) -> None:
        self.advanced.append((files, size))
        self.items += activity.items()


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("{tmp}/src", "s3://bucket/dst"),
        ("s3://bucket/src", "{tmp}/dst"),
        ("{tmp}/src", "{tmp}/dst"),
    ],
)
def test_progress_within_a_large_file_adds_up(bucket, tmp_path: Path, source, destination):
    (tmp_path / "src").mkdir()
    for name, size in (("large", SIZE), ("small", 10)):
        (tmp_path / "src" / name).write_bytes(b"x" * size)
        bucket.put(f"src/{name}", b"x" * size)
    recorded = RecordedProgress()
    Engine(recorded).sync(
        DataSyncRequest(
            source_path=source.format(tmp=tmp_path),
            destination_path=destination.format(tmp=tmp_path),
        )
    )
    assert recorded.planned == [(2, SIZE + 10)]
    assert sum(files for files, _ in recorded.advanced) == 2
    assert sum(size for _, size in recorded.advanced) == SIZE + 10
    # From and to S3, the library tells once a second, and at the end.
    assert any(files == 0 and size for files, size in recorded.advanced)
    assert {item.name for item in recorded.items} <= {"large", "small"}
    assert any(item.name == "large" and 0 < item.done <= SIZE for item in recorded.items)
    assert list(activity.items()) == []


class PhaseProgress(NullProgress):
    """Records the phases in which progress is made."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def plan(self, files: int, size: int) -> None:
        self.seen.append(activity.phase)

    def advance(self, files: int, size: int) -> None:
        self.seen.append(activity.phase)


@pytest.mark.parametrize(
    ("options", "phases"),
    [
        ({}, ["listing", "comparing", "transferring", "transferring"]),
        (
            {"local_mirror": True},
            ["listing", "comparing", "transferring", "transferring", "deleting"],
        ),
        ({"dry_run": True}, ["listing", "comparing", "comparing", "comparing"]),
        ({"verify": True}, ["listing", "verifying", "verifying", "verifying"]),
    ],
)
def test_phases_of_a_sync(tmp_path: Path, monkeypatch, options, phases):
    for name in ("src/a", "src/b", "dst/c"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    progress, scandir = PhaseProgress(), os.scandir

    class Deletions(Report):
        def add(self, route, step, action, *others, **more) -> None:
            if action == "delete":
                progress.seen.append(activity.phase)

    def seen_scandir(*path):
        if not progress.seen:
            progress.seen.append(activity.phase)
        return scandir(*path)

    monkeypatch.setattr(os, "scandir", seen_scandir)
    monkeypatch.setattr(activity, "phase", "deleting")
    before = activity.listed
    request = DataSyncRequest(
        source_path=tmp_path / "src", destination_path=tmp_path / "dst", **options
    )
    Engine(progress, listener=Deletions()).sync(request)

    assert progress.seen == phases
    assert activity.listed - before >= 3


def test_objects_listed_are_counted(bucket):
    for name in ("a", "b", "c"):
        bucket.put(f"src/{name}", "x")
    before = activity.listed
    request = DataSyncRequest(
        source_path="s3://bucket/src/", destination_path="s3://bucket/dst/", dry_run=True
    )
    Engine().sync(request)

    assert activity.listed - before == 3


def test_wait_for_the_lock_of_a_destination_is_a_phase(tmp_path: Path, monkeypatch):
    seen = []
    monkeypatch.setattr(activity, "phase", "listing")
    with ExitStack() as holder:
        holder.enter_context(held_lock(tmp_path / "dst"))

        def wait(_: float) -> None:
            seen.append(activity.phase)
            holder.close()

        monkeypatch.setattr("time.sleep", wait)
        with held_lock(tmp_path / "dst"):
            seen.append(activity.phase)

    assert seen == ["waiting for the lock", "listing"]


def test_wait_before_a_local_copy_is_repeated_is_noted(tmp_path: Path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("x")
    failures, waits = [OSError(errno.EIO, "broken")], []
    copy = local_copy.LocalCopy._copy_once

    def fail_once(*arguments):
        if failures:
            raise failures.pop()
        return copy(*arguments)

    def wait(_: float) -> None:
        waits.append(activity.retry_at > time.monotonic())

    monkeypatch.setattr(activity, "retry_at", 0.0)
    monkeypatch.setattr(local_copy.LocalCopy, "_copy_once", fail_once)
    monkeypatch.setattr(local_copy.time, "sleep", wait)
    Engine().sync(DataSyncRequest(source_path=tmp_path / "src", destination_path=tmp_path / "dst"))

    assert waits == [True]
