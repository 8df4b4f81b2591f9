"""Progress on a terminal, and none in a pipe."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli import progress as progress_module
from aibs_informatics_aws_lambda.handlers.data_sync.cli.arguments import MODULES
from aibs_informatics_aws_lambda.handlers.data_sync.cli.progress import show_progress

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
    assert "Syncing" in shown.text
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


def test_pipe_has_a_line_now_and_then_also_while_nothing_happens(capsys):
    with show_progress(seconds=0.01) as progress:
        while "comparing" not in (shown := capsys.readouterr().err):
            pass
        progress.plan(2, 2048)
        progress.advance(1, 1024)
        while "1 of 2 files, 1.0 KiB of 2.0 KiB" not in shown:
            shown += capsys.readouterr().err

    assert shown.startswith("data-sync: comparing source and destination\n")


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
