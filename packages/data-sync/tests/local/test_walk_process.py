"""Walks of slow file systems in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.constants import AWS_LAMBDA_FUNCTION_NAME_KEY
from aibs_informatics_aws_lambda.handlers.data_sync.local import walk_process
from aibs_informatics_aws_lambda.handlers.data_sync.local.walk_process import (
    begin_walk,
    is_worthwhile,
)
from tables import table

START = """
import logging, os, signal, sys, time
from functools import partial
from pathlib import Path
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.local.walk import list_destination, list_source
from aibs_informatics_aws_lambda.handlers.data_sync.local.walk_process import WalkProcess

folder, failures = Path(sys.argv[1]), []
note = lambda path, error: failures.append((path, type(error), str(error)))
many = (Entry(f"{number:06}", number, 1.5) for number in range(100_000))
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python code after the start, in a process with a single thread."""
    command = [sys.executable, "-W", "error", "-c", START + code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def check(code: str, folder: Path) -> str:
    """Run code that must succeed, and return what it writes to stderr."""
    result = run(code, folder)
    assert result.returncode == 0, result.stderr
    return result.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a", "b/c", "b/d/e", "é", "z/last"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b/\xff")).touch()
    (tmp_path / "link").symlink_to("b")
    return tmp_path


@pytest.mark.parametrize("walk", ["list_source", "list_destination"])
def test_entries_are_those_of_a_walk_in_this_process(tree: Path, walk: str):
    check(
        f"""
process = WalkProcess(folder, lambda _: {walk}(folder))
expected = list({walk}(folder))
assert list(process.entries(note)) == expected
assert len(expected) > 5
process.close()
""",
        tree,
    )


def test_what_cannot_be_read_is_reported_and_what_is_skipped_is_logged(tree: Path):
    (tree / "dangling").symlink_to("nothing")
    os.mkfifo(tree / "b" / "pipe")
    logged = check(
        """
logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
process = WalkProcess(folder, partial(list_source, folder))
names = [entry.relative for entry in process.entries(note)]
assert "a" in names and "dangling" not in names
[(path, kind, message)] = failures
assert path == f"{folder}/dangling" and kind is ValueError and "dangling symlink" in message
process.close()
""",
        tree,
    )
    name = "aibs_informatics_aws_lambda.handlers.data_sync.local.walk"
    expected = f"WARNING {name}: {tree}/b/pipe is neither a file nor a directory: skipped\n"
    assert logged == expected


def test_error_of_a_walk_is_raised(tmp_path: Path):
    result = run(
        """
process = WalkProcess(folder, lambda _: list_source(folder / "gone"))
list(process.entries(note))
""",
        tmp_path,
    )
    assert f"FileNotFoundError: [Errno 2] No such file or directory: '{tmp_path}/gone'" in (
        result.stderr.splitlines()
    )


def test_listing_of_a_process_that_was_killed_is_not_complete(tmp_path: Path):
    result = run(
        """
process = WalkProcess(folder, lambda _: many)
entries = process.entries(note)
next(entries)
os.kill(process._pid, 9)
for entry in entries:
    pass
""",
        tmp_path,
    )
    assert f"ChildProcessError: cannot list {tmp_path}: the process that lists it was killed" in (
        result.stderr
    )


@table(
    "code",
    {
        "nothing was read": "",
        "something was read": "next(process.entries(note))",
        "everything was read": "assert len(list(process.entries(note))) == 100_000",
    },
)
def test_process_ends_when_it_is_closed(tmp_path: Path, code: str):
    check(
        f"""
process = WalkProcess(folder, lambda _: many)
pid = process._pid
{code}
process.close()
process.close()
assert not Path(f"/proc/{{pid}}").exists()
""",
        tmp_path,
    )


@pytest.mark.parametrize("is_ended", [False, True])
def test_process_ends_where_sigchld_is_ignored(tmp_path: Path, is_ended: bool):
    check(
        f"""
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
process = WalkProcess(folder, lambda _: many)
pid = process._pid
if {is_ended}:
    list(process.entries(note))
    while Path(f"/proc/{{pid}}").exists():
        time.sleep(0.001)
process.close()
assert not Path(f"/proc/{{pid}}").exists()
""",
        tmp_path,
    )


def test_signal_to_both_processes_is_for_the_first_one(tmp_path: Path):
    check(
        """
process = WalkProcess(folder, lambda _: many)
entries = process.entries(note)
next(entries)
os.kill(process._pid, signal.SIGTERM)
os.kill(process._pid, signal.SIGINT)
assert len(list(entries)) == 99_999
process.close()
""",
        tmp_path,
    )


def test_error_leaves_no_pipe_if_there_are_too_many_processes(tmp_path: Path):
    check(
        """
def fail():
    raise BlockingIOError(11, "Resource temporarily unavailable")

os.fork = fail
before = os.listdir("/proc/self/fd")
try:
    WalkProcess(folder, lambda _: many)
except BlockingIOError:
    pass
else:
    raise AssertionError
assert os.listdir("/proc/self/fd") == before
""",
        tmp_path,
    )


def test_process_without_entries_ends_if_the_first_one_is_killed(tmp_path: Path):
    # Its output ends with the last process that has it.
    run(
        """
def endless():
    while True:
        time.sleep(0.01)
    yield

process = WalkProcess(folder, lambda _: endless())
os.kill(os.getpid(), 9)
""",
        tmp_path,
    )


def test_nothing_is_left_of_a_process_whose_entries_were_read(tmp_path: Path):
    check(
        """
before = os.listdir("/proc/self/fd")
process = WalkProcess(folder, lambda _: many)
pid = process._pid
assert len(list(process.entries(note))) == 100_000
assert not Path(f"/proc/{pid}").exists()
assert os.listdir("/proc/self/fd") == before
""",
        tmp_path,
    )


def test_process_ends_if_the_first_one_is_killed(tmp_path: Path):
    started = run(
        """
process = WalkProcess(folder, lambda _: many)
next(process.entries(note))
print(process._pid, flush=True)
os.kill(os.getpid(), 9)
""",
        tmp_path,
    )
    # Its output ends with the last process that has it.
    assert started.stdout.strip().isdigit()


@pytest.fixture
def single_threaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process with one thread, on a machine with two CPUs and a slow file system."""
    threads = tmp_path / "threads"
    (threads / "1").mkdir(parents=True)
    monkeypatch.setattr(walk_process, "_THREADS", threads)
    monkeypatch.setattr(walk_process, "_count_cpus", lambda: 2)
    monkeypatch.setattr(walk_process, "SLOW_SECONDS", -1.0)
    monkeypatch.delenv(AWS_LAMBDA_FUNCTION_NAME_KEY, raising=False)
    return threads


def test_process_of_its_own_is_worthwhile_on_a_slow_file_system(single_threaded: Path):
    assert is_worthwhile(single_threaded)


@table(
    "change",
    {
        "a fast file system": lambda patch, _: patch.setattr(walk_process, "SLOW_SECONDS", 60.0),
        "one CPU": lambda patch, _: patch.setattr(walk_process, "_count_cpus", lambda: 1),
        "another thread": lambda _, threads: (threads / "2").mkdir(),
        "no way to count threads": lambda patch, threads: patch.setattr(
            walk_process, "_THREADS", threads / "none"
        ),
        "a function": lambda patch, _: patch.setenv(AWS_LAMBDA_FUNCTION_NAME_KEY, "sync"),
    },
)
def test_process_of_its_own_is_not_worthwhile(single_threaded: Path, monkeypatch, change):
    change(monkeypatch, single_threaded)
    assert not is_worthwhile(single_threaded)


def test_folder_that_cannot_be_read_is_an_error(single_threaded: Path):
    with pytest.raises(FileNotFoundError):
        is_worthwhile(single_threaded / "gone")


def test_interrupt_at_the_start_of_a_process_leaves_none(monkeypatch, tmp_path: Path):
    closed = []

    class Interrupted:
        entries = None

        def __init__(self, *_: object) -> None:
            signal.raise_signal(signal.SIGINT)

        def close(self) -> None:
            closed.append(self)

    monkeypatch.setattr(walk_process, "is_worthwhile", lambda _: True)
    monkeypatch.setattr(walk_process, "WalkProcess", Interrupted)
    with pytest.raises(KeyboardInterrupt), ExitStack() as stack:
        begin_walk(tmp_path, lambda _: (), stack)
    assert len(closed) == 1
