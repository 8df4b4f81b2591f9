"""Progress on a terminal, and none in a pipe."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from importlib import import_module

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli import progress as progress_module
from aibs_informatics_aws_lambda.handlers.data_sync.cli.arguments import MODULES
from aibs_informatics_aws_lambda.handlers.data_sync.cli.progress import (
    Waiting,
    WatchedProgress,
    find_phase,
    item_lines,
    show_progress,
)
from aibs_informatics_aws_lambda.handlers.data_sync.progress import Activity, Item

PACKAGE = "aibs_informatics_aws_lambda.handlers.data_sync.cli"


@pytest.fixture
def bucket(aws) -> str:
    return aws.make_bucket()


@pytest.fixture
def data(disk):
    disk.write({f"data/{folder}/{name}": "x" * 1000 for folder in "abcde" for name in range(20)})


def test_terminal_shows_a_bar_with_files_bytes_and_rate(run_on_terminal, data, bucket):
    shown = run_on_terminal("data", "s3://bucket/data/")

    assert shown.status == 0
    assert "Transferring" in shown.text
    assert "100/100 files" in shown.text
    assert "97.7 KiB of 97.7 KiB" in shown.text
    assert "100 files (97.7 KiB) transferred in " in shown.text


def test_bar_sums_up_all_processes(run_on_terminal, data, bucket):
    shown = run_on_terminal("-j", "2", "--batch-bytes", "20kB", "data", "s3://bucket/data/")

    assert shown.status == 0
    assert "100/100 files" in shown.text
    assert "97.7 KiB of 97.7 KiB" in shown.text


def test_bar_is_full_if_nothing_differs(run_on_terminal, data, bucket, run):
    run("data", "s3://bucket/data/")

    shown = run_on_terminal("-j", "2", "--batch-bytes", "20kB", "data", "s3://bucket/data/")

    assert "100/100 files" in shown.text


def test_quiet_shows_no_bar_on_a_terminal(run_on_terminal, data, bucket):
    assert run_on_terminal("--quiet", "data", "s3://bucket/data/").text == ""


def test_without_rich_a_terminal_shows_plain_lines(run_on_terminal, data, bucket, disk):
    # A module of that name that cannot be imported, in front of the real one.
    disk.write({"hidden/rich/__init__.py": "raise ModuleNotFoundError('none', name='rich')"})

    shown = run_on_terminal("data", "s3://bucket/data/", PYTHONPATH=str(disk.root / "hidden"))

    assert shown.status == 0
    assert "100 files (97.7 KiB) transferred in " in shown.text
    assert "\x1b" not in shown.text


def test_pipe_has_a_line_now_and_then_also_while_nothing_happens(capsys, monkeypatch):
    monkeypatch.setattr(progress_module, "activity", Activity())
    with show_progress(seconds=0.01) as progress:
        while "listing" not in (shown := capsys.readouterr().err):
            pass
        monkeypatch.setattr(progress_module.activity, "phase", "comparing")
        progress.plan(2, 2048)
        progress.advance(1, 1024)
        while "1 of 2 files, 1.0 KiB of 2.0 KiB" not in shown:
            shown += capsys.readouterr().err

    assert shown.startswith("data-sync: listing: 0 found\n")


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def activity(monkeypatch) -> Activity:
    """What the process does, as far as its progress is shown."""
    activity = Activity()
    monkeypatch.setattr(progress_module, "activity", activity)
    return activity


@pytest.mark.parametrize(
    ("phase", "line"),
    [
        ("listing", "listing: 12,000 found"),
        ("comparing", "comparing: 2 of 5 files, 4.0 MiB of 10.0 MiB, 2.0 MiB/s, 3 s left"),
        ("transferring", "transferring: 2 of 5 files, 4.0 MiB of 10.0 MiB, 2.0 MiB/s, 3 s left"),
        ("verifying", "verifying: 2 of 5 files, 4.0 MiB of 10.0 MiB, 2.0 MiB/s, 3 s left"),
        ("deleting", "deleting"),
        ("waiting for the lock", "waiting for the lock"),
    ],
)
def test_line_names_the_phase_and_what_is_done_of_it(activity, phase, line):
    clock = Clock()
    progress = WatchedProgress(clock)
    activity.listed += 12_000
    progress.plan(5, 10 * 2**20)
    clock.now += 2
    progress.advance(2, 4 * 2**20)
    activity.phase = phase

    assert progress.line() == line


def test_line_says_that_nothing_comes_forward_before_a_retry(activity):
    clock = Clock()
    progress = WatchedProgress(clock)
    progress.plan(2, 2048)
    activity.phase = "transferring"
    lines = []
    for done, retry_at in [(1, 0), (0, 120), (0, 120), (1, 150)]:
        activity.retry_at = retry_at
        progress.advance(done, 0)
        lines.append(progress.line())
        clock.now += 15

    amount = "1 of 2 files, 0 B of 2.0 KiB"
    assert lines == [
        f"transferring: {amount}",
        f"waiting to retry: {amount}",
        f"transferring: {amount}",
        "transferring: 2 of 2 files, 0 B of 2.0 KiB",
    ]


@pytest.mark.parametrize(
    ("phase", "waits_to_retry", "is_idle", "shown"),
    [
        ("listing", False, True, "listing"),
        ("listing", True, True, "waiting to retry"),
        ("transferring", True, False, "transferring"),
        ("comparing", True, True, "waiting to retry"),
        ("waiting for the lock", True, True, "waiting for the lock"),
        ("deleting", True, True, "waiting to retry"),
    ],
)
def test_retry_is_a_phase_where_nothing_else_happens(phase, waits_to_retry, is_idle, shown):
    assert find_phase(phase, waits_to_retry=waits_to_retry, is_idle=is_idle) == shown


def test_action_without_progress_is_shown_with_its_time_and_what_it_has_found(activity):
    clock = Clock()
    waiting = Waiting("listing data", clock)
    clock.now += 15
    lines = [waiting.line()]
    activity.listed += 2000
    clock.now += 15
    lines.append(waiting.line())
    activity.retry_at = clock.now + 1
    lines.append(waiting.line())

    assert lines == [
        "listing data for 15 s",
        "listing data for 30 s: 2,000 found",
        "listing data for 30 s: 2,000 found, waiting to retry",
    ]


@pytest.mark.parametrize(
    ("items", "lines"),
    [
        ([], []),
        ([Item("a/b", 0, 2**20)], [" * a/b: 0 B of 1.0 MiB"]),
        ([Item("a", 3 * 2**19, 2**21)], [" * a: 1.5 MiB of 2.0 MiB"]),
        ([Item("a\x1b[2J", 1, 2)], [r" * a\x1b[2J: 1 B of 2 B"]),
        ([Item("b" * 70, 1, 2)], [f" * …{'b' * 59}: 1 B of 2 B"]),
        ([Item(f"{n}", 0, 1) for n in range(9)], [f" * {n}: 0 B of 1 B" for n in range(5)]),
    ],
)
def test_current_entries_are_shown_with_their_bytes(items, lines):
    assert item_lines(items) == lines


def test_verbose_terminal_shows_the_current_entries(disk, bucket, run_on_terminal):
    disk.write({"data/large.bin": b"x" * 30_000_000})

    shown = run_on_terminal("-v", "--bandwidth", "30MB", "data", "s3://bucket/data/")

    assert shown.status == 0
    assert re.search(r" \* large.bin: .* of 28.6 MiB", shown.text)


def test_pipe_can_be_without_lines(capsys):
    with show_progress(seconds=0) as progress:
        progress.plan(1, 1)

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["stats", "data"], "data-sync: listing data for 0 s"),
        (["stale", "data", "--days", "0"], "data-sync: scanning data for 0 s"),
        (["ls", "-r", "--json", "data"], "data-sync: listing data for 0 s"),
        (["ls", "-r", "--include", "none", "data"], "data-sync: listing data for 0 s"),
        (["ls", "data"], "data-sync: listing data for 0 s"),
        (["ls", "--stores", "data"], "data-sync: listing data for 0 s"),
        (["stats", "--stores", "data"], "data-sync: listing data for 0 s"),
        (["rm", "--dry-run", "data"], "data-sync: listing what would be removed for 0 s"),
        (["rm", "--yes", "data"], "data-sync: removing files for 0 s"),
    ],
)
def test_verbs_that_take_long_are_not_silent(data, disk, monkeypatch, capsys, arguments, line):
    scandir = os.scandir

    def slow_scandir(*path: object) -> object:
        time.sleep(0.05)
        return scandir(*path)

    monkeypatch.chdir(disk.root)
    monkeypatch.setattr(os, "scandir", slow_scandir)
    monkeypatch.setattr(progress_module, "_LINE_SECONDS", 0.01)

    import_module(f"{PACKAGE}.{MODULES[arguments[0]]}").run(arguments[1:])

    assert line in capsys.readouterr().err


def test_rich_is_not_imported_in_a_pipe(run_command, data, bucket):
    code = (
        "import sys\n"
        "from aibs_informatics_aws_lambda.handlers.data_sync.cli.main import main\n"
        "sys.argv = ['data-sync', '--json', 'data', 's3://bucket/data/']\n"
        "assert main() == 0\n"
        "print('rich' in sys.modules)"
    )

    result = run_command(sys.executable, "-c", code)

    answer, loaded = result.stdout.splitlines()
    assert json.loads(answer)["result"]["files_transferred"] == 100
    assert loaded == "False"
