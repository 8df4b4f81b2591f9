"""Syncs with a switch: a reader of the destination finds the old tree or the new one."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import exchange, mounts
from aibs_informatics_aws_lambda.handlers.data_sync.local.new_tree import SwitchError
from aibs_informatics_aws_lambda.handlers.data_sync.progress import NullProgress
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.result import NoProgressError
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResponse
from fault_worlds import Verb
from killable import Runner, killable_runs
from tables import table
from trees import read_tree as read, write_tree

SOURCE = {"a": "same", "b/c": "new c", "b/d/e": "e", "log": "of the source", "z/0": "0"}
OLD = {"a": "same", "b/c": "old", "b/x": "extraneous", "log": "of the destination", "y/z": "z"}
MORE = {f"more/{number}": "m" for number in range(5)}
MIRROR = {"local_mirror": True}


write = partial(write_tree, age=1000)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "src", SOURCE, age=500)
    return tmp_path / "src"


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    write(tmp_path / "dst", OLD)
    os.utime(tmp_path / "dst/a")
    return tmp_path / "dst"


@pytest.fixture
def engine() -> Engine:
    return Engine()


def sync(source: object, destination: object, engine: Engine | None = None, **options: object):
    paths = {"source_path": str(source), "destination_path": str(destination)}
    request = DataSyncRequest.from_dict({"switch": True, **paths, **options})
    return (engine or Engine()).sync(request)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def hidden(destination: Path) -> list[Path]:
    return sorted(destination.parent.glob(".*"))


@table(
    "options",
    {
        "files that only the destination has stay": {},
        "a mirror deletes extraneous files": MIRROR,
        "a mirror deletes what is excluded": {**MIRROR, "filter_config": {"exclude": "log|b/.*"}},
        "excluded files are protected": {
            **MIRROR,
            "filter_config": {"exclude": "log|b/.*"},
            "protect_excluded": True,
        },
        "all files are transferred": {"force": True},
        "existing files stay": {"existing": "ignore"},
        "sizes decide": {**MIRROR, "size_only": True},
        "a move": {"retain_source_data": False},
    },
)
@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_switch_leaves_what_a_sync_leaves(
    source, destination, tmp_path, monkeypatch, options, can_exchange
):
    if not can_exchange:
        monkeypatch.setattr(exchange, "_rename", lambda *_: False)
    for name in ("src", "dst"):
        shutil.copytree(tmp_path / name, tmp_path / f"{name}-2")
    plain = sync(tmp_path / "src-2", tmp_path / "dst-2", switch=None, **options).result
    result = sync(source, destination, **options).result
    assert read(destination) == read(tmp_path / "dst-2")
    assert result == plain
    assert hidden(destination) == []
    assert source.exists() == (tmp_path / "src-2").exists()


def test_objects_are_downloaded_to_a_new_tree(bucket, destination):
    bucket.put_all({f"src/{name}": text.encode() for name, text in SOURCE.items()}, 500)
    before = destination.stat().st_ino
    result = sync("s3://bucket/src/", destination).result
    assert read(destination) == SOURCE
    assert (result.files_unchanged, result.files_deleted) == (1, 2)
    assert destination.stat().st_ino != before
    assert hidden(destination) == []


def test_missing_destination_appears_when_it_is_complete(source, tmp_path):
    seen = []
    engine = Engine(Observed(lambda: seen.append((tmp_path / "new/dst").exists())))
    sync(source, tmp_path / "new/dst", engine)
    assert read(tmp_path / "new/dst") == SOURCE
    assert len(seen) == len(SOURCE)
    assert not any(seen)
    assert names(tmp_path / "new") == ["dst"]


def test_empty_source_makes_no_destination(tmp_path):
    (tmp_path / "src").mkdir()
    sync(tmp_path / "src", tmp_path / "dst")
    assert names(tmp_path) == ["src"]


class Observed(NullProgress):
    """Calls a function at each file that is done."""

    def __init__(self, observe: Callable[[], None]) -> None:
        self._observe = observe

    def advance(self, files: int, size: int) -> None:
        if files:
            self._observe()


def test_nothing_is_seen_before_the_end(source, destination):
    seen: list[dict[str, str]] = []
    with (destination / "b/c").open() as opened:
        sync(
            source, destination, Engine(Observed(lambda: seen.append(read(destination)))), **MIRROR
        )
        assert opened.read() == "old"
    assert seen == [OLD] * len(SOURCE)
    assert read(destination) == SOURCE


def test_unchanged_files_take_no_space_and_belong_to_one_tree_afterwards(source, destination):
    before = (destination / "a").stat().st_ino
    sync(source, destination)
    assert (destination / "a").stat().st_ino == before
    assert {path.stat().st_nlink for path in destination.rglob("*") if path.is_file()} == {1}


def test_folders_keep_mode_owner_and_attributes(source, destination):
    destination.chmod(0o2750)
    (destination / "y").chmod(0o555)
    if not os.geteuid():
        os.chown(destination, 12345, 54321)
    os.setxattr(destination, "user.name", b"value")
    before = destination.stat()
    sync(source, destination)
    after = destination.stat()
    names = ("st_mode", "st_uid", "st_gid")
    assert [getattr(after, n) for n in names] == [getattr(before, n) for n in names]
    assert os.getxattr(destination, "user.name") == b"value"
    assert stat.S_IMODE((destination / "y").stat().st_mode) == 0o555


def test_owner_that_cannot_be_kept_is_an_error(source, destination, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    real = os.lstat
    monkeypatch.setattr(os, "fchown", refuse)
    monkeypatch.setattr(os, "lstat", lambda path, **more: Foreign(real(path, **more)))
    with pytest.raises(PermissionError, match=r"cannot keep its owner \(99999:99999\)"):
        sync(source, destination)
    assert read(destination) == OLD
    monkeypatch.undo()
    assert hidden(destination) == []


class Foreign:
    """The state of a file, as if another user owned it."""

    def __init__(self, found: os.stat_result) -> None:
        self._found = found
        self.st_uid = self.st_gid = 99999

    def __getattr__(self, name: str) -> object:
        return getattr(self._found, name)


def test_files_are_copied_where_they_cannot_be_linked(source, destination, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")

    (destination / "link").symlink_to("a")
    (destination / "y/z").chmod(0o640)
    before = (destination / "y/z").stat()
    monkeypatch.setattr(os, "link", refuse)
    sync(source, destination)
    after = (destination / "y/z").stat()
    assert read(destination) == {**OLD, **SOURCE, "link": "same"}
    assert after.st_ino != before.st_ino
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    assert (destination / "link").readlink() == Path("a")
    assert hidden(destination) == []


def test_symlink_to_the_destination_stays(source, destination, tmp_path):
    (tmp_path / "link").symlink_to("dst")
    sync(source, tmp_path / "link", **MIRROR)
    assert (tmp_path / "link").readlink() == Path("dst")
    assert read(destination) == SOURCE


def test_nothing_is_switched_without_a_change(source, destination):
    sync(source, destination)
    before = destination.stat().st_ino
    assert sync(source, destination).result.files_unchanged == len(SOURCE)
    assert destination.stat().st_ino == before


def test_dry_run_changes_nothing(source, destination):
    before = destination.stat().st_ino
    assert sync(source, destination, dry_run=True).result.files_transferred == 4
    assert (read(destination), destination.stat().st_ino) == (OLD, before)


def test_report_names_the_destination(source, destination, tmp_path):
    report = tmp_path / "report.jsonl"
    sync(source, destination, report_path=str(report), **MIRROR)
    assert f'"destination": "{destination}/b/c"' in report.read_text()
    assert ".tmp" not in report.read_text()


def test_folders_are_flushed_before_the_switch(source, destination, monkeypatch):
    flushed: list[Path] = []

    def note(fd: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{fd}").readlink())

    monkeypatch.setattr(os, "fsync", note)
    sync(source, destination, fsync=True)
    assert flushed[-1] == destination.parent
    assert {path.name for path in flushed} >= {"dst", "b", "d", "y", "z"}


@table(
    "options, message",
    {
        "the parts of a split store": (
            {"entry_files": "skip"},
            "switch and entry_files are mutually",
        ),
        "deletions alone": ({"delete_only": ["x"]}, "switch and delete_only are mutually"),
        "archived objects": ({"skip_archived": True}, "switch and skip_archived are mutually"),
    },
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_a_switch_is_not_for(source, destination, options, message, dry_run):
    with pytest.raises(ValueError, match=message):
        sync(source, destination, dry_run=dry_run, **options)
    assert read(destination) == OLD


def test_file_in_place_of_the_destination_is_an_error(source, tmp_path):
    (tmp_path / "dst").write_text("x")
    with pytest.raises(FileExistsError, match="is a file"):
        sync(source, tmp_path / "dst")
    assert (tmp_path / "dst").read_text() == "x"


@table(
    "mounted, message",
    {
        "the destination": ("dst", "is a mount point, which cannot be renamed"),
        "a folder in it": ("dst/b", "a file system is mounted at .*/dst/b, in the destination"),
    },
)
def test_mount_points_are_refused(source, destination, monkeypatch, mounted, message):
    path = str(destination.parent / mounted)
    monkeypatch.setattr(mounts, "list_mounts", lambda: iter(["/", path]))
    with pytest.raises(SwitchError, match=message):
        sync(source, destination)
    assert read(destination) == OLD
    assert hidden(destination) == []


def test_mount_points_are_those_of_the_system():
    found = list(mounts.list_mounts())
    assert "/" in found
    assert "/proc" in found


def change(destination: Path, kind: str) -> None:
    if kind == "another folder":
        destination.rename(destination.with_name("moved"))
        write(destination, {"other": "folder"})
    elif kind == "deleted":
        (destination / "y/z").unlink()
    elif kind == "empty folder":
        (destination / "empty").mkdir()
    else:
        (destination / "y" / "new").write_text("by another process")
        (destination / "y" / "new").rename(destination / "y" / kind)


KINDS = ("added", "z", "deleted", "another folder", "empty folder")


@pytest.mark.parametrize("kind", KINDS)
def test_change_of_the_destination_meanwhile_is_kept(source, destination, kind):
    changes = iter([kind])
    engine = Engine(Observed(lambda: [change(destination, each) for each in changes]))
    with pytest.raises(SwitchError, match=r"changed while the new tree of .*dst was built"):
        sync(source, destination, engine)
    expected = {"other": "folder"} if kind == "another folder" else dict(OLD)
    if kind == "deleted":
        del expected["y/z"]
    elif kind in ("added", "z"):
        expected[f"y/{kind}"] = "by another process"
    assert read(destination) == expected
    assert hidden(destination) == []


def test_write_to_a_file_that_both_trees_share_is_in_both(source, destination):
    def write_in_place() -> None:
        with (destination / "y/z").open("a") as file:
            file.write("!")

    sync(source, destination, Engine(Observed(write_in_place)))
    assert (destination / "y/z").read_text() == "z" + "!" * len(SOURCE)


@pytest.mark.parametrize("can_exchange", [True, False])
def test_file_that_comes_just_before_the_switch_is_kept(
    source, destination, monkeypatch, caplog, can_exchange
):
    def late(name: str, one: object, other: object) -> bool:
        if not (destination / "late").exists() and destination.exists():
            (destination / "late").write_text("late")
        return can_exchange and real(name, one, other)

    real = exchange.exchange
    monkeypatch.setattr(exchange, "exchange", late)
    if not can_exchange:
        monkeypatch.setattr(exchange, "_rename", lambda *_: False)
    sync(source, destination, **MIRROR)
    assert read(destination) == SOURCE
    [folder] = hidden(destination)
    assert [path.read_text() for path in folder.rglob("late")] == ["late"]
    assert "1 of the files that were at the destination before the switch came" in caplog.text
    monkeypatch.undo()
    caplog.clear()
    # The next run leaves it there as well, and says so.
    sync(source, destination, **MIRROR)
    assert hidden(destination) == [folder]
    assert str(folder) in caplog.text
    [late_file] = folder.rglob("late")
    late_file.unlink()
    sync(source, destination, **MIRROR)
    assert hidden(destination) == []


def test_failed_rename_of_the_new_tree_brings_the_old_one_back(source, destination, monkeypatch):
    moves: list[str] = []
    real = exchange.move

    def fail_second(name: str, one: object, other: object) -> None:
        moves.append(name)
        if len(moves) == 2:
            raise OSError(errno.EIO, "broken")
        real(name, one, other)

    monkeypatch.setattr(exchange, "_rename", lambda *_: False)
    monkeypatch.setattr(exchange, "move", fail_second)
    with pytest.raises(OSError, match="broken"):
        sync(source, destination)
    assert read(destination) == OLD
    monkeypatch.undo()
    sync(source, destination, **MIRROR)
    assert read(destination) == SOURCE
    assert hidden(destination) == []


def test_failed_file_leaves_the_old_tree_and_the_next_run_completes(source, destination, caplog):
    (source / "dangling").symlink_to("missing")
    with caplog.at_level(logging.WARNING):
        result = sync(source, destination, continue_on_error=True).result
    assert (result.files_failed, result.files_transferred) == (1, 4)
    assert read(destination) == OLD
    [folder] = hidden(destination)
    assert f"the new tree, which is in {folder}" in caplog.text
    (source / "dangling").unlink()
    assert sync(source, destination, continue_on_error=True).result.files_transferred == 0
    assert read(destination) == {**OLD, **SOURCE}
    assert hidden(destination) == []


def test_new_tree_for_other_options_is_built_anew(source, destination):
    (source / "dangling").symlink_to("missing")
    sync(source, destination, continue_on_error=True, **MIRROR)
    (source / "dangling").unlink()
    assert sync(source, destination).result.files_transferred == 4
    assert read(destination) == {**OLD, **SOURCE}
    assert hidden(destination) == []


def test_new_tree_of_an_older_destination_is_built_anew(source, destination):
    (source / "dangling").symlink_to("missing")
    sync(source, destination, continue_on_error=True)
    (source / "dangling").unlink()
    write(destination, {"y/added": "later"})
    assert sync(source, destination).result.files_transferred == 4
    assert read(destination) == {**OLD, **SOURCE, "y/added": "later"}
    assert hidden(destination) == []


class Time(NullProgress):
    """A time that goes on by a second with each entry."""

    def __init__(self) -> None:
        self.now = 0.0

    def advance(self, files: int, size: int) -> None:
        self.now += files


@pytest.fixture
def timed(monkeypatch) -> Engine:
    passing = Time()
    monkeypatch.setattr(deadline, "monotonic", lambda: passing.now)
    return Engine(passing)


def calls(
    engine: Engine, source: Path, destination: Path, **options: object
) -> Iterator[DataSyncResponse]:
    continuation = None
    for _ in range(10):
        options = {**options, "continuation": continuation, "max_concurrency": 1}
        response = sync(source, destination, engine, deadline=2, **options)
        yield response
        if not response.incomplete:
            return
        continuation = response.continuation and response.continuation.to_dict()
    pytest.fail("it does not end")


def test_sync_in_several_calls_continues_its_new_tree(timed, source, destination):
    write(source, MORE, age=500)
    seen, folders = [], set()
    for response in calls(timed, source, destination, **MIRROR):
        if response.incomplete:
            seen.append(read(destination))
            folders.update(hidden(destination))
    assert seen == [OLD] * len(seen)
    assert len(seen) > 1
    assert len(folders) == 1
    assert read(destination) == {**SOURCE, **MORE}
    assert hidden(destination) == []
    counts = response.result
    assert counts.files_transferred + counts.files_unchanged == len(SOURCE) + len(MORE)
    assert counts.files_deleted == 2


def test_same_command_again_continues_the_new_tree(timed, source, destination):
    options = {"deadline": 2, "max_concurrency": 1, "size_only": True, **MIRROR}
    counts = [sync(source, destination, timed, **options).incomplete for _ in range(5)]
    assert counts[0]
    assert not counts[-1]
    assert read(destination) == SOURCE
    assert hidden(destination) == []


def test_calls_start_again_if_the_new_tree_is_gone(timed, source, destination):
    responses = calls(timed, source, destination)
    assert next(responses).incomplete
    [folder] = hidden(destination)
    shutil.rmtree(folder)
    *_, response = responses
    assert response.result.files_transferred + response.result.files_unchanged == len(SOURCE)
    assert read(destination) == {**OLD, **SOURCE}


def test_time_that_is_up_while_files_are_linked_is_an_error(
    timed, source, destination, monkeypatch
):
    def slowly(*arguments: object, **more: object) -> None:
        timed._progress.advance(1, 0)
        real(*arguments, **more)

    real = os.link
    monkeypatch.setattr(os, "link", slowly)
    with pytest.raises(NoProgressError, match=r"the deadline passed before .*dst was listed"):
        sync(source, destination, timed, deadline=2)
    assert read(destination) == OLD
    assert hidden(destination) == []


def test_second_sync_does_not_begin_while_one_builds(source, destination):
    errors = []

    def again() -> None:
        if not errors:
            with pytest.raises(
                SwitchError, match="another sync with --switch is building"
            ) as found:
                sync(source, destination)
            errors.append(found.value)

    sync(source, destination, Engine(Observed(again)))
    assert len(errors) == 1
    assert read(destination) == {**OLD, **SOURCE}


def test_lock_of_the_destination_is_held(bucket, destination):
    bucket.put_all({"src/a": b"1"}, 10)
    lock = destination.with_name("dst.lock")
    seen: list[bool] = []
    sync(
        "s3://bucket/src/",
        destination,
        Engine(Observed(lambda: seen.append(lock.exists()))),
        require_lock=True,
    )
    assert seen == [True]
    assert names(destination.parent) == ["dst"]


def test_sync_of_the_folder_above_leaves_a_new_tree_alone(source, destination, tmp_path):
    above = tmp_path / "above"
    write(above / "src/in", {"x": "1"})
    write(above / "dst/in", {"y": "2"})

    def mirror() -> None:
        options = {**MIRROR, "protect_excluded": True, "filter_config": {"exclude": "store/.*"}}
        sync(above / "src", above / "dst", switch=None, **options)
        sync(above / "dst", above / "copy", switch=None)

    write(above / "dst/store", OLD)
    sync(source, above / "dst/store", Engine(Observed(mirror)))
    assert read(above / "dst/store") == {**OLD, **SOURCE}
    assert not list((above / "copy").rglob("*.tmp"))


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with killable_runs() as made:
        yield made


# The first changes make the new tree, the last ones delete the old one.
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.75, 0.95])
def test_killed_run_leaves_the_old_tree_or_the_new_one(
    runner, source, destination, tmp_path, share
):
    verb, request = (
        Verb("local", "local"),
        {
            "source_path": str(source),
            "destination_path": str(destination),
            "switch": True,
            "local_mirror": True,
        },
    )
    folder = tmp_path / "counted"
    write(folder / "src", SOURCE, age=500)
    write(folder / "dst", OLD)
    counted = {
        **request,
        "source_path": str(folder / "src"),
        "destination_path": str(folder / "dst"),
    }
    changes = runner.run(verb, counted, folder, {}).changes
    shutil.rmtree(folder)
    point = 1 + int(share * changes)
    assert runner.run(verb, request, tmp_path, {}, kill_at_change=point).was_killed
    assert read(destination) in (OLD, SOURCE)
    ended = runner.run(verb, request, tmp_path, {})
    assert ended.error == ""
    assert read(destination) == SOURCE
    assert names(tmp_path) == ["dst", "src"]


_WITHOUT_EXCHANGE = """
import os, sys
from aibs_informatics_aws_lambda.handlers.data_sync.local import exchange
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

source, destination, point = sys.argv[1:]
real, moves = exchange.move, []

def move(*arguments):
    real(*arguments)
    moves.append(arguments)
    if len(moves) == int(point):
        os._exit(9)

exchange.move, exchange._rename = move, lambda *_: False
request = {"source_path": source, "destination_path": destination, "switch": True}
Engine().sync(DataSyncRequest(**request, local_mirror=True))
"""


@table(
    "point, left, expected",
    {
        "between both renames nothing is there, and the next run completes": (1, {}, SOURCE),
        "after both the new tree is": (2, SOURCE, SOURCE),
    },
)
def test_killed_run_without_an_exchange_is_completed(
    source, destination, tmp_path, point, left, expected
):
    command = [sys.executable, "-c", _WITHOUT_EXCHANGE, source, destination, str(point)]
    assert subprocess.run(command, check=False).returncode == 9
    assert read(destination) == left
    assert sync(source, destination, **MIRROR).result.files_transferred == 0
    assert read(destination) == expected
    assert names(tmp_path) == ["dst", "src"]


def test_another_folder_in_place_of_a_half_done_switch_is_an_error(source, destination, tmp_path):
    command = [sys.executable, "-c", _WITHOUT_EXCHANGE, source, destination, "1"]
    subprocess.run(command, check=False)
    write(destination, {"other": "folder"})
    with pytest.raises(SwitchError, match="move away one of them"):
        sync(source, destination)
    [folder] = hidden(destination)
    assert read(folder / "old/dst") == OLD
    assert read(destination) == {"other": "folder"}


def test_reader_sees_one_tree_or_the_other(source, destination, tmp_path):
    sync(source, destination, **MIRROR)
    versions = [SOURCE, {name: f"{text}, again" for name, text in SOURCE.items()}]
    write(tmp_path / "src-1", versions[1])
    stop, found = threading.Event(), [SOURCE]

    def look() -> None:
        while not stop.is_set():
            with suppress(FileNotFoundError):
                found.append(read_at_once(destination, list(SOURCE)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for number in range(6):
            sync(tmp_path / ("src-1", "src")[number % 2], destination, force=True)
    finally:
        stop.set()
        thread.join()
    assert len(found) > 1
    assert [each for each in found if each not in versions] == []


def read_at_once(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Read files of a folder that is opened once, as a reader does that holds a store open."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        return {name: content(fd, name) for name in names}
    finally:
        os.close(fd)


def content(folder: int, name: str) -> str:
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder)) as file:
        return file.read()
