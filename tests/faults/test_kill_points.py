"""Runs that are killed at any point: nothing is lost, and the next run completes the work.

A point is before a change of the disk, before a request to S3, or after one. `hatch run faults`
kills each verb at 200 points, all of them different, or as many as `KILL_POINTS` says; a few run
with all other tests.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_worlds import VERBS, World
from faulty_s3 import FaultyS3, faulty_s3, killed_at
from killable import Ended, Runner, killable_runs
from servers import aws_settings

POINTS = int(os.environ.get("KILL_POINTS", "200"))
SAMPLE = 2

# Verbs that do not survive it, by reason.
FAILING: dict[str, str] = {}


def verbs() -> Iterator[object]:
    for name in VERBS:
        marks = [pytest.mark.xfail(reason=FAILING[name])] if name in FAILING else []
        yield pytest.param(name, POINTS, id=name, marks=[pytest.mark.faults, *marks])
        if not marks:
            yield pytest.param(name, SAMPLE, id=f"{name}, a sample")


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with killable_runs() as made:
        yield made


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    with faulty_s3() as made:
        yield made


@pytest.mark.parametrize(("verb", "points"), list(verbs()))
def test_killed_run_loses_nothing_and_the_next_one_completes(
    runner: Runner, s3: FaultyS3, tmp_path: Path, verb: str, points: int
):
    files = _number_of_files(verb, points)
    whole = Attempt(runner, s3, tmp_path / "whole", verb, files)
    ended = whole.run()
    assert ended.error == ""
    whole.world.check_completed()
    total = ended.changes + 2 * len(s3.calls)
    assert total >= points
    killed = 0
    for point in random.Random(f"{verb}, {points} points").sample(range(total), points):
        attempt = Attempt(runner, s3, tmp_path / str(point), verb, files)
        if point < ended.changes:
            end = attempt.run(kill_at_change=point + 1)
        else:
            end = attempt.run(kill_at_request=divmod(point - ended.changes, 2))
        killed += end.was_killed
        attempt.world.check_nothing_lost(completed=not end.was_killed)
        attempt.complete()
        shutil.rmtree(attempt.world.folder)
    # Of parallel transfers, another run may make fewer requests.
    assert killed >= 0.9 * points


def _number_of_files(verb: str, points: int) -> int:
    """Return how many files it takes for as many points."""
    of_each = 1 if VERBS[verb].destination else 0.6
    return max(30, int(0.7 * points / of_each))


class Attempt:
    """A run in a world of its own."""

    def __init__(self, runner: Runner, s3: FaultyS3, folder: Path, verb: str, files: int) -> None:
        s3.reset()
        folder.mkdir()
        self._runner, self._s3 = runner, s3
        self.world = World.of_many(VERBS[verb], s3, folder, files)

    def run(
        self, kill_at_change: int | None = None, kill_at_request: tuple[int, int] | None = None
    ) -> Ended:
        def started(pid: int) -> None:
            if kill_at_request:
                number, after = kill_at_request
                self._s3.fault = killed_at(pid, number, after=bool(after))

        ended = self._runner.run(
            self.world.verb,
            self.world.request,
            self.world.folder,
            aws_settings(self._s3.url),
            kill_at_change=kill_at_change,
            started=started,
        )
        self._s3.heal()
        return ended

    def complete(self) -> None:
        """Run again, with nothing that goes wrong."""
        was_moved = self.world.verb.moves and not self.world.source
        ended = self.run()
        assert ended.error == "" or (was_moved and ended.error.startswith("FileNotFoundError"))
        self.world.check_completed()
