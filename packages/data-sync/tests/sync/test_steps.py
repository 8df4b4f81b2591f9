from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.stores import find_rule
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.steps import Steps
from tables import table


@pytest.fixture
def steps() -> Iterator[Steps]:
    """Steps that are closed at the end."""
    with closing(Steps()) as made:
        yield made


def add(steps: Steps, *targets: str) -> None:
    for target in sorted(targets):
        step = Step("transfer", "size", target, Entry(target, 1, 1.5))
        rule = find_rule(target)
        if rule is None:
            steps.append(step)
        else:
            steps.append_entry_file(step, rule)


def told(waves: Iterable[Iterable[Step]]) -> str:
    """The targets of each wave, in their order."""
    return " | ".join(" ".join(step.target for step in wave) for wave in waves)


@table(
    "targets, waves",
    {
        "data alone has no entry files": ("a b/c", ""),
        "deeper nodes come first": (
            "x/0/c x/0/zarr.json x/y/z/zarr.json x/zarr.json",
            "x/y/z/zarr.json | x/0/zarr.json | x/zarr.json",
        ),
        "nodes of one depth come together": (
            "a/zarr.json b/zarr.json zarr.json",
            "a/zarr.json b/zarr.json | zarr.json",
        ),
        "an array of Zarr 2 comes before its attributes": (
            ".zattrs .zgroup 0/.zarray 0/.zattrs",
            "0/.zarray | 0/.zattrs | .zattrs | .zgroup",
        ),
        "consolidated metadata comes last": (
            ".zgroup .zmetadata a/.zarray",
            "a/.zarray | .zgroup | .zmetadata",
        ),
        "commits come one after the other": (
            "_delta_log/1.json _delta_log/2.json _delta_log/2.parquet _delta_log/_last_checkpoint",
            "_delta_log/1.json | _delta_log/2.json | _delta_log/2.parquet"
            " | _delta_log/_last_checkpoint",
        ),
        "commits of several tables come in turn": (
            "a/_delta_log/1 a/_delta_log/2 b/c/_delta_log/1 b/c/_delta_log/2 b/c/_delta_log/3",
            "a/_delta_log/1 b/c/_delta_log/1 | a/_delta_log/2 b/c/_delta_log/2 | b/c/_delta_log/3",
        ),
        "the hint comes after the versions": (
            "_versions/1.manifest _versions/2.manifest _versions/latest_version_hint.json",
            "_versions/1.manifest _versions/2.manifest | _versions/latest_version_hint.json",
        ),
    },
)
def test_entry_files_come_in_waves(steps, targets, waves):
    add(steps, *targets.split())
    numbered = [list(wave) for wave in steps.transfer_waves()]
    assert told([[step for _, step in wave] for wave in numbered]) == waves
    numbers = [number for wave in numbered for number, _ in wave]
    assert len({*numbers, *range(steps.length)}) == len(steps)
    backwards = [" ".join(reversed(wave.split())) for wave in reversed(waves.split(" | "))]
    data = " ".join(step.target for step in steps.data())
    assert told(steps.deletion_waves()) == " | ".join([*filter(None, backwards), data])


def test_all_steps_come_in_the_order_of_their_targets(steps):
    targets = ["a", "b/.zarray", "b/0", "c", "d/.zgroup", "x\udcff/zarr.json", "y"]
    add(steps, *targets)
    assert len(steps) == len(targets)
    assert [step.target for step in steps] == sorted(targets)
    published = dict(numbered for wave in steps.transfer_waves() for numbered in wave)
    for number, step in steps.numbered():
        assert step == published.get(number, list(steps.data())[min(number, steps.length - 1)])


def test_entry_file_is_found_by_its_target(steps):
    assert not steps.has_entry_file("zarr.json")
    add(steps, "zarr.json", "c/0")
    assert steps.has_entry_file("zarr.json")
    assert not steps.has_entry_file("c/0")


def test_closed_steps_are_gone(steps):
    add(steps, "zarr.json", "c/0")
    steps.close()
    assert list(steps.data()) == list(steps.transfer_waves()) == []


def test_full_disk_is_an_error_that_names_the_folder(steps, monkeypatch, tmp_path):
    class Full:
        def execute(self, *_):
            raise sqlite3.OperationalError("database or disk is full")

        def close(self) -> None:
            """Do nothing."""

    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: Full())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(OSError, match=r"database or disk is full.*" + str(tmp_path)):
        add(steps, "zarr.json")


def test_steps_that_an_error_leaves_half_read_are_closed_silently(steps):
    add(steps, "x/zarr.json", "y/zarr.json")
    for read in (steps.numbered(), steps.deletion_waves()):
        next(read)
        steps.close()
        # As the interpreter does with a generator, whose error it would print.
        read.close()
        add(steps, "x/zarr.json", "y/zarr.json")
