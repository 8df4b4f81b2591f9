"""Syncs that are cut at random deadlines count what one call counts."""

from __future__ import annotations

import itertools
import os
import random
import time
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.result import NoProgressError
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResponse

NAMES = [f"d{number % 3}/f{number:02}" for number in range(14)]
# Keys that local paths differ from, and a key that is a prefix of others.
KEYS = [*NAMES, "d1//x", "./y", "z//z"]
OPTIONS = [{}, {"force": True}, {"dry_run": True}, {"verify": True}, {"retain_source_data": False}]


class Sides:
    """Two roots with random files, on S3 or on a disk."""

    def __init__(self, directions: str, bucket, folder: Path, seed: str) -> None:
        self._bucket, self._folder = bucket, folder
        self._chance = random.Random(seed)
        kinds = directions.split(" to ")
        self.source, self.destination = map(self._path, kinds, ("src", "dst"))
        self.is_download = kinds == ["s3", "local"]

    def _path(self, kind: str, name: str) -> str:
        return (
            f"s3://bucket/{self._folder.name}/{name}" if kind == "s3" else f"{self._folder}/{name}"
        )

    def fill(self) -> None:
        chance = self._chance
        names = KEYS if self.is_download else NAMES
        contents = {name: chance.randbytes(chance.randrange(50)) for name in names}
        self._write(self.source, contents)
        there = {name: contents[name] for name in chance.sample(NAMES, 6)}
        self._write(self.destination, {**there, NAMES[0]: b"other", "extra": b"x"})

    def _write(self, root: str, contents: dict[str, bytes]) -> None:
        for name, content in contents.items():
            age = self._chance.choice([0, 0, 100, 10_000])
            if root.startswith("s3://"):
                prefix = root.removeprefix("s3://bucket/")
                self._bucket.put_all({f"{prefix}/{name}": content}, age)
                continue
            path = Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (time.time() - age,) * 2)


def sync_in_calls(sides: Sides, monkeypatch, chance: random.Random, **options) -> DataSyncResponse:
    """Run a sync in as many calls as random deadlines make of it, two or more."""
    request = DataSyncRequest(
        source_path=sides.source,
        destination_path=sides.destination,
        fail_if_missing=False,
        **options,
    )
    least = 15
    for _ in range(100):
        # A second for each look at the clock.
        monkeypatch.setattr(deadline, "monotonic", itertools.count().__next__)
        limited = request.model_copy(update={"deadline": float(least + chance.randrange(8))})
        try:
            response = Engine().sync(limited)
        except NoProgressError:
            least += 1
            continue
        if not response.incomplete:
            assert request.continuation is not None
            return response
        request = request.model_copy(update={"continuation": response.continuation})
    raise AssertionError("it does not end")


@pytest.mark.parametrize(
    "directions", ["local to s3", "s3 to local", "s3 to s3", "local to local"]
)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_counts_of_all_calls_are_those_of_one(
    directions, options, bucket, tmp_path: Path, monkeypatch
):
    seed = f"{directions} {options}"
    chance = random.Random(seed)
    results = []
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
        sides = Sides(directions, bucket, tmp_path / name, seed)
        sides.fill()
        concurrency = chance.choice([1, 2, 8])
        call = {**options, "max_concurrency": concurrency}
        if name == "cut":
            results.append(sync_in_calls(sides, monkeypatch, chance, **call).result)
        else:
            request = DataSyncRequest(
                source_path=sides.source, destination_path=sides.destination, **call
            )
            results.append(Engine().sync(request).result)
    whole, cut = results
    assert cut.files_transferred + cut.files_unchanged == (
        whole.files_transferred + whole.files_unchanged
    )
    assert cut.bytes_transferred + cut.bytes_unchanged == (
        whole.bytes_transferred + whole.bytes_unchanged
    )
    # A transfer that was given up may have been done all the same.
    assert cut.files_transferred <= whole.files_transferred
    assert (cut.files_deleted, cut.files_removed) == (whole.files_deleted, whole.files_removed)
    assert cut.verification == whole.verification
