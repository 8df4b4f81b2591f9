"""Listings that begin before the models and the engine are imported."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli import sync
from aibs_informatics_aws_lambda.handlers.data_sync.cli.begun_listings import (
    begin_listings,
    find_folders,
    find_prefixes,
)
from aibs_informatics_aws_lambda.handlers.data_sync.cli.sync_arguments import make_parser
from aibs_informatics_aws_lambda.handlers.data_sync.local import walk_process
from faulty_s3 import Call, FaultyS3, Reply
from tables import table

PACKAGE = "aibs_informatics_aws_lambda.handlers.data_sync"


@table(
    "arguments, expected",
    {
        "upload": ("folder s3://bucket/key", ["s3://bucket/key/"]),
        "to a bucket": ("folder s3://bucket", ["s3://bucket/"]),
        "download": ("s3://bucket/key folder", ["s3://bucket/key/"]),
        "copy": ("s3://bucket/a/ s3://bucket/b", ["s3://bucket/a/", "s3://bucket/b/"]),
        "the source may be an object": ("s3://bucket/a s3://bucket/b", ["s3://bucket/a/"]),
        "a file goes to a key": ("file s3://bucket/key/", []),
        "the source is missing": ("missing s3://bucket/key/", []),
        "local paths": ("folder copy", []),
        "nothing is compared": ("--force folder s3://bucket/key", []),
        "a plan compares": ("--force --plan p folder s3://bucket/key", ["s3://bucket/key/"]),
        "all is deleted": ("--force --delete folder s3://bucket/key", ["s3://bucket/key/"]),
        "another client": ("--retries 3 folder s3://bucket/key", []),
        "another service": ("--destination-region x folder s3://bucket/key", []),
        "several processes": ("-j 2 s3://bucket/key folder", []),
        "no listing": ("--files-from list s3://bucket/key folder", []),
    },
)
def test_listings_that_any_sync_with_the_options_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, expected: list[str]
):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()

    assert list(find_prefixes(make_parser().parse_args(arguments.split()))) == expected


@table(
    "arguments, expected",
    {
        "upload": ("folder s3://bucket/key", ("folder", None)),
        "download": ("s3://bucket/key/ folder", (None, "folder")),
        "download of what may be an object": ("s3://bucket/key folder", (None, None)),
        "copy": ("folder link", ("folder", "other")),
        "a file": ("file folder", (None, None)),
        "to what is not there yet": ("folder missing", ("folder", None)),
        "the first error ends the sync": ("--fail-fast folder other", ("folder", "other")),
        "several processes": ("-j 2 folder other", (None, None)),
        "no listing": ("--files-from list folder other", (None, None)),
        "a new tree": ("--switch folder other", (None, None)),
        "others may hold the lock": ("--require-lock s3://bucket/key/ folder", (None, None)),
        "a folder and itself": ("{root}/folder folder", (None, None)),
    },
)
def test_folders_that_any_sync_with_the_options_walks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, expected
):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("other").mkdir()
    Path("link").symlink_to("other")
    Path("file").touch()

    given = arguments.format(root=tmp_path.resolve()).split()
    source, destination = find_folders(make_parser().parse_args(given))
    below = destination and str(destination.relative_to(tmp_path.resolve()))
    assert (source and str(source), below) == expected


def test_sync_walks_folders_itself_if_there_are_too_many_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(walk_process, "is_worthwhile", lambda _: True)
    monkeypatch.setattr(os, "fork", fail)
    options = make_parser().parse_args([str(tmp_path), str(tmp_path / "copy")])
    with ExitStack() as stack:
        assert begin_listings(options, stack).walks == {}


SLOW = f"""
import sys
from {PACKAGE}.cli.main import main
from {PACKAGE}.local import walk_process

walk_process.SLOW_SECONDS = -1.0
walk_process._count_cpus = lambda: 2
started, Process = [], walk_process.WalkProcess
walk_process.WalkProcess = lambda path, walk: started.append(path.name) or Process(path, walk)
status = main()
print(*started)
sys.exit(status)
"""


def test_folders_of_slow_file_systems_are_walked_in_processes_of_their_own(
    tmp_path: Path, run_command
):
    source, copy = tmp_path / "source", tmp_path / "copy"
    for name in ("a", "b/c", "b/d"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "unreadable").symlink_to("nothing")
    copy.mkdir()
    (copy / "a").write_text("other")

    def sync(*options: str) -> tuple[int, str, str]:
        result = run_command(sys.executable, "-c", SLOW, *options, str(source), str(copy))
        counts, started = result.stdout.splitlines()
        return result.returncode, counts, started

    status, counts, started = sync()
    assert (status, started) == (4, "source copy")
    assert counts.startswith("3 files (7 B) transferred")
    (source / "unreadable").unlink()
    status, counts, started = sync("--size-only")
    assert (status, started) == (0, "source copy")
    assert ", 3 unchanged" in counts
    assert (copy / "a").read_text() == "a"


@table(
    "arguments",
    {"upload": ["here", "s3://bucket/a/"], "download": ["s3://bucket/a", "copy"]},
)
def test_sync_requests_no_page_twice(
    s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
):
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    Path("here/1").touch()
    s3.put("bucket", "a/1", b"1")

    assert sync.run(arguments) == 0

    pages = [call.query for call in s3.calls if call.operation == "ListObjectsV2"]
    assert pages
    assert all(pages.count(page) == 1 for page in pages)


def test_listing_begins_before_models_and_engine_are_imported(s3: FaultyS3, run_command):
    command = [sys.executable, "-X", "importtime", "-m", f"{PACKAGE}.cli"]
    result = run_command(*command, "s3://bucket/a", "copy", "--ignore-missing")

    assert result.returncode == 0
    loaded = [line.rpartition(" ")[2] for line in result.stderr.splitlines()]
    begun = loaded.index(f"{PACKAGE}.s3.listing")
    late = {"pydantic", "json", "decimal", "hashlib", f"{PACKAGE}.sync.engine"}
    # Coverage, where it is measured, imports some before the command.
    assert not late.intersection(loaded[loaded.index(f"{PACKAGE}.cli") : begun])


@table(
    "arguments, status",
    {
        "invalid options": ("--delete-excluded s3://bucket/a copy", 2),
        "no service": ("--endpoint-url http://127.0.0.1:1 s3://bucket/a copy", 1),
    },
)
def test_failure_does_not_wait_for_listings_that_have_begun(
    s3: FaultyS3, run, arguments: str, status: int
):
    released = threading.Event()

    def silent(call: Call, respond: Callable[[], Reply]) -> Reply:
        released.wait(10)
        return respond()

    s3.fault = silent
    try:
        result = run(*arguments.split())
    finally:
        released.set()

    assert result.returncode == status
    assert result.stderr.count("\n") == 1
