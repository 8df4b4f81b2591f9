"""Two syncs at once to one destination: the same tree as of one, no error, and true counts.

`hatch run faults` runs each pair 100 times, or as often as `SYNC_ROUNDS` says; two rounds of each
run with all other tests.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from fault_worlds import VERBS, Verb, World
from faulty_s3 import Call, Fault, FaultyS3, Reply, faulty_s3
from killable import Ended, Runner, killable_runs
from servers import aws_settings

ROUNDS = int(os.environ.get("SYNC_ROUNDS", "100"))
SAMPLE = 2
FILES = 30

SYNCS = {
    "download": VERBS["download"],
    "upload": VERBS["upload"],
    "copy": VERBS["copy"],
    "local mirror": Verb("local", "local", {"local_mirror": True}),
    "download in batches": Verb("s3", "local", prepared=True),
}


def syncs() -> Iterator[object]:
    for name in SYNCS:
        yield pytest.param(name, ROUNDS, id=name, marks=pytest.mark.faults)
        yield pytest.param(name, SAMPLE, id=f"{name}, a sample")


@pytest.fixture(scope="module")
def runners() -> Iterator[list[Runner]]:
    with ExitStack() as stack:
        yield [stack.enter_context(killable_runs()) for _ in range(2)]


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    with faulty_s3() as made:
        yield made


def uneven(chance: random.Random) -> Fault:
    """Take another time for each response, so that each round has another order of events."""

    def fault(_: Call, proceed: Callable[[], Reply]) -> Reply:
        time.sleep(chance.choice((0.0, 0.0, 0.001, 0.01)))
        return proceed()

    return fault


@pytest.mark.parametrize(("name", "rounds"), list(syncs()))
def test_two_syncs_at_once_do_what_one_does(
    runners: list[Runner], s3: FaultyS3, tmp_path: Path, name: str, rounds: int
):
    chance = random.Random(f"{name}, {rounds} rounds")
    with ThreadPoolExecutor(len(runners)) as pool:
        for number in range(rounds):
            s3.reset()
            folder = tmp_path / str(number)
            folder.mkdir()
            world = World.of_many(SYNCS[name], s3, folder, FILES)
            extraneous = len(world.destination.keys() - world.contents.keys())
            s3.fault = uneven(chance)
            ended = list(pool.map(lambda runner, at: run(runner, at, s3), runners, [world] * 2))
            assert [end.error for end in ended] == ["", ""]
            assert world.destination == world.contents
            assert not list(folder.rglob("*.tmp"))
            check_counts([end.counts for end in ended], extraneous, world)


def run(runner: Runner, world: World, s3: FaultyS3) -> Ended:
    return runner.run(world.verb, world.request, world.folder, aws_settings(s3.url))


def check_counts(counts, extraneous: int, world: World) -> None:
    files = len(world.contents)
    for each in counts:
        assert each["files_transferred"] + each["files_unchanged"] == files
        assert each["files_deleted"] <= extraneous
    deleted = sum(each["files_deleted"] for each in counts)
    # S3 does not say whether an object was there when it is deleted.
    is_local = world.verb.destination == "local"
    assert deleted == extraneous if is_local else deleted >= extraneous
