"""A walk that reads ahead gives what a walk step by step gives."""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import read_ahead, walk
from aibs_informatics_aws_lambda.handlers.data_sync.local.read_ahead import (
    SLOW_AT_START,
    SLOW_IN_A_ROW,
    SLOW_SECONDS,
)
from aibs_informatics_aws_lambda.handlers.data_sync.local.threads import THREADS
from hypothesis import HealthCheck, given, settings, strategies as st
from tables import table

WALKS = {
    "source": walk.list_source,
    "destination": walk.list_destination,
    "files": walk.list_files,
}


@pytest.fixture
def slow(monkeypatch):
    """Let every file system count as slow, from the first file on."""
    count_as_slow(monkeypatch, 1)


def count_as_slow(monkeypatch, first: int) -> None:
    """Let every file system count as slow, from a number of files on."""
    monkeypatch.setattr(walk, "SLOW_AT_START", first)
    monkeypatch.setattr(walk, "SLOW_SECONDS", -1.0)


SLOW, FAST = 2 * SLOW_SECONDS, SLOW_SECONDS / 2


@table(
    "seconds, one_by_one",
    {
        "a network file system is slow": ([SLOW] * 30, SLOW_AT_START),
        "a local disk is not": ([FAST] * 30, 30),
        "a busy processor makes some operations slow": (
            [SLOW] * (SLOW_AT_START - 1) + [FAST, *[SLOW] * (SLOW_IN_A_ROW - 1)] * 3 + [FAST] * 4,
            30,
        ),
        "the first files may be cached": ([FAST] * 5 + [SLOW] * 25, 5 + SLOW_IN_A_ROW),
    },
)
def test_files_are_looked_up_one_by_one_until_some_in_a_row_are_slow(
    tmp_path, monkeypatch, seconds, one_by_one
):
    make_tree(tmp_path, [f"{number:02d}" for number in range(30)])
    times = itertools.accumulate(chain.from_iterable((0.0, each) for each in seconds))
    monkeypatch.setattr(walk, "perf_counter", times.__next__)
    threads: list[threading.Thread] = []
    stat = os.lstat

    def note(path):
        threads.append(threading.current_thread())
        return stat(path)

    monkeypatch.setattr(os, "lstat", note)
    assert len(list(walk.list_destination(tmp_path))) == 30
    assert threads.count(threading.current_thread()) == one_by_one


def make_tree(root: Path, paths) -> None:
    for path in paths:
        file = root / path
        if any(parent.is_file() for parent in file.parents) or file.is_dir():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


@given(
    paths=st.lists(
        st.lists(st.sampled_from(["a", "a.b", "b", "Z"]), min_size=1, max_size=4).map("/".join),
        max_size=30,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", WALKS)
def test_entries_are_those_of_a_walk_step_by_step(tmp_path_factory, kind, paths):
    root = tmp_path_factory.mktemp("tree")
    make_tree(root, paths)
    expected = list(WALKS[kind](root))
    with pytest.MonkeyPatch.context() as patch:
        count_as_slow(patch, 1)
        assert list(WALKS[kind](root)) == expected


@pytest.mark.parametrize("kind", WALKS)
def test_folder_of_many_files_is_given_in_order(slow, tmp_path, kind):
    names = sorted(f"{number:04d}" for number in range(1000))
    make_tree(tmp_path, [f"d/{name}" for name in names])
    found = [entry.relative for entry in WALKS[kind](tmp_path) if entry.kind != "folder"]
    assert found == [f"d/{name}" for name in names]


def test_symlinked_folders_are_read_once_and_in_order(slow, tmp_path):
    make_tree(tmp_path, ["outside/x", "outside/y", "root/a", "root/z"])
    (tmp_path / "root/l1").symlink_to(tmp_path / "outside")
    (tmp_path / "root/l2").symlink_to(tmp_path / "outside")
    found = [entry.relative for entry in walk.list_source(tmp_path / "root")]
    assert found == ["a", "l1/x", "l1/y", "z"]


def test_error_is_raised_after_the_entries_before_it(slow, tmp_path):
    make_tree(tmp_path, ["a", "b/x", "d"])
    (tmp_path / "c").symlink_to("missing")
    found = []
    with pytest.raises(ValueError, match="c is a dangling symlink"):
        found.extend(entry.relative for entry in walk.list_source(tmp_path))
    assert found == ["a", "b/x"]


def test_folder_that_cannot_be_read_is_an_error(slow, tmp_path, monkeypatch):
    make_tree(tmp_path, ["a", "b/x", "c"])
    scandir = os.scandir

    def fail_at_b(path):
        if path == f"{tmp_path}/b":
            raise OSError(116, "Stale file handle", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail_at_b)
    with pytest.raises(OSError, match="Stale file handle"):
        list(walk.list_source(tmp_path))


@pytest.mark.parametrize("kind", WALKS)
@pytest.mark.parametrize("first", [1, 99], ids=["slow", "fast"])
def test_walk_reads_each_folder_once_and_looks_each_file_up_once(
    tmp_path, monkeypatch, kind, first
):
    make_tree(tmp_path, [f"{folder}/{number:02d}" for folder in "abc" for number in range(20)])
    count_as_slow(monkeypatch, first)
    operations = Counter[str]()

    def count(name: str):
        operation = getattr(os, name)

        def counted(path, **options):
            operations[os.fspath(path)] += 1
            return operation(path, **options)

        return counted

    # The path itself is resolved first.
    entries = WALKS[kind](tmp_path)
    with monkeypatch.context() as patch:
        for name in ("stat", "lstat", "scandir"):
            patch.setattr(os, name, count(name))
        files = [entry for entry in entries if entry.kind == "file"]
    assert len(files) == 60
    assert operations == Counter(
        [
            os.fspath(tmp_path),
            *(f"{tmp_path}/{folder}" for folder in "abc"),
            *(f"{tmp_path}/{entry.relative}" for entry in files),
        ]
    )


def test_files_are_looked_up_side_by_side(slow, tmp_path, monkeypatch):
    make_tree(tmp_path, ["a", *(f"b/{number:03d}" for number in range(64))])
    together = threading.Barrier(4)
    stat = os.stat

    def wait_for_others(path, **options):
        if os.fspath(path).endswith(("b/000", "b/016", "b/032", "b/048")):
            # Broken if these are not looked up at the same time.
            together.wait(timeout=180)
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", wait_for_others)
    assert len(list(walk.list_files(tmp_path))) == 65


@table(
    "folders, most",
    {
        "a folder is divided among all threads": (
            [2000],
            {read_ahead._FILES_OF_A_TASK},
        ),
        "of a folder before others, more are looked up in turn": (
            [2000, 100],
            {read_ahead._FILES_OF_A_TASK, read_ahead._FILES_OF_A_LARGE_TASK},
        ),
    },
)
def test_files_are_looked_up_several_in_turn(slow, tmp_path, monkeypatch, folders, most):
    make_tree(tmp_path, ["a"])
    for folder, count in enumerate(folders):
        make_tree(tmp_path, [f"b{folder}/{number:04d}" for number in range(count)])
    sizes, look_up = [], read_ahead._WalkAhead._look_up

    def note(walk, folder, names):
        sizes.append(len(names))
        return look_up(walk, folder, names)

    monkeypatch.setattr(read_ahead._WalkAhead, "_look_up", note)
    assert len(list(walk.list_files(tmp_path))) == 1 + sum(folders)
    assert sum(sizes) == sum(folders)
    assert {size for size in sizes if sizes.count(size) > 2} == most


def test_files_of_folders_that_were_read_are_looked_up_while_others_are_waited_for(
    slow, tmp_path, monkeypatch
):
    make_tree(tmp_path, ["a", "b", "c/x"])
    is_looked_up = threading.Event()
    stat = os.stat

    def wait_for_c(path, **options):
        if os.fspath(path).endswith("/b"):
            assert is_looked_up.wait(timeout=180)
        elif os.fspath(path).endswith("c/x"):
            is_looked_up.set()
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", wait_for_c)
    assert [entry.relative for entry in walk.list_files(tmp_path)] == ["a", "b", "c/x"]


def test_walk_that_is_given_up_ends_its_threads(slow, tmp_path):
    make_tree(tmp_path, [f"{number:03d}" for number in range(100)])
    entries = walk.list_files(tmp_path)
    next(entries)
    next(entries)
    entries.close()
    assert not _threads()


def test_walks_at_the_same_time_share_their_threads(slow, tmp_path):
    make_tree(tmp_path, [f"{number:04d}" for number in range(3000)])
    one, other = walk.list_files(tmp_path), walk.list_files(tmp_path)
    for entries in (one, other):
        next(entries)
        next(entries)
    assert len(_threads()) <= THREADS
    one.close()
    assert len(list(other)) == 2998
    assert not _threads()


def _threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("file-system")]
