"""Readers of real libraries see one version of a store that is rewritten, with `--switch`.

The libraries are pinned in an environment of their own: `hatch run stores`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from fault_worlds import Verb
from faulty_s3 import Call, FaultyS3, Reply, faulty_s3, killed_at
from killable import Ended, Runner, killable_runs
from servers import aws_settings
from store_kinds import APPENDS, Content

pytestmark = [pytest.mark.stores, pytest.mark.filterwarnings("default")]

BUCKET = "bucket"
POLL_SECONDS = 0.01
KILLS = 50
ROWS = 24


@dataclass(frozen=True)
class Rewrite:
    """A store that is written anew, under the names of the files of its old version.

    Args:
        module: the library that writes and reads it.
        create: writes a version into an empty folder, given its number.
        read: returns the content, as a reader sees it who opens the store anew.
    """

    module: str
    create: Callable[[Path, int], None]
    read: Callable[[Path], Content]


def _zarr(zarr_format: int, *, chunk_of_new: int) -> Callable[[Path, int], None]:
    def create(folder: Path, version: int) -> None:
        import numpy
        import zarr

        # As many chunks in both versions: all have the same names.
        chunk = chunk_of_new if version else 2
        rows = ROWS * chunk // 2
        group = zarr.create_group(folder, zarr_format=zarr_format)
        array = group.create_array("values", shape=(rows,), chunks=(chunk,), dtype="int32")
        array[:] = numpy.arange(1, rows + 1) + 1000 * version

    return create


def _ome(folder: Path, version: int) -> None:
    import numpy
    import zarr
    from ome_zarr.writer import write_multiscale

    group = zarr.open_group(folder, mode="w")
    levels = [numpy.arange(1, size + 1) + 1000 * version for size in (64, 16)]
    shaped = [level.reshape(1, -1, 8 if level.size == 64 else 4) for level in levels]
    write_multiscale(shaped, group, axes="tyx", storage_options={"chunks": (1, 2, 2)})


def _parquet(folder: Path, version: int) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    collected: list[Any] = []
    for part in range(6):
        start = 1000 * version + 4 * part
        table = pyarrow.table({"value": list(range(start, start + 4 + version))})
        parquet.write_table(table, folder / f"{part}.parquet", metadata_collector=collected)
        collected[-1].set_file_path(f"{part}.parquet")
    parquet.write_metadata(table.schema, folder / "_metadata", metadata_collector=collected)


_read_zarr = APPENDS["Zarr 3"].read

REWRITES: Final[Mapping[str, Rewrite]] = {
    "zarr2, the same names": Rewrite("zarr", _zarr(2, chunk_of_new=2), _read_zarr),
    "zarr2, other chunks": Rewrite("zarr", _zarr(2, chunk_of_new=3), _read_zarr),
    "zarr3, the same names": Rewrite("zarr", _zarr(3, chunk_of_new=2), _read_zarr),
    "zarr3, other chunks": Rewrite("zarr", _zarr(3, chunk_of_new=3), _read_zarr),
    "ome-zarr": Rewrite("ome_zarr", _ome, APPENDS["OME-Zarr, two levels"].read),
    "parquet": Rewrite("pyarrow", _parquet, APPENDS["Parquet by `_metadata`"].read),
}


class World:
    """A store at a source, in its new version, and at a destination, in its old one."""

    def __init__(self, rewrite: Rewrite, folder: Path) -> None:
        self.rewrite = rewrite
        self.folder = folder
        self.source, self.destination = folder / "src", folder / "dst"
        self.seen = []
        for version, name in enumerate(("old", "src")):
            (folder / name).mkdir()
            rewrite.create(folder / name, version)
            self.seen.append(rewrite.read(folder / name))
        self.reset()

    def reset(self) -> None:
        """Put the old version at the destination."""
        shutil.rmtree(self.destination, ignore_errors=True)
        shutil.copytree(self.folder / "old", self.destination)
        for age, path in ((2000, self.destination), (1000, self.source)):
            for file in path.rglob("*"):
                os.utime(file, (time.time() - age,) * 2)

    def read(self, *, is_careful: bool = True) -> str:
        """Read the destination, and return ``old``, ``new``, ``silent`` or ``error``."""
        try:
            if is_careful:
                found = read_whole(self.destination, self.rewrite.read)
            else:
                found = self.rewrite.read(self.destination)
        except Exception as error:
            return f"error {type(error).__name__}"
        return ("old", "new")[self.seen.index(found)] if found in self.seen else "silent"


def read_whole(path: Path, read: Callable[[Path], Content]) -> Content:
    """Return what a function reads of a store, from one version of it, as docs/stores.md says."""
    while True:
        before, error, result = os.stat(path), None, None  # noqa: PTH116
        try:
            result = read(path)
        except Exception as raised:
            error = raised
        after = os.stat(path)  # noqa: PTH116
        if (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns):
            if error is not None or result is None:
                raise error or ValueError("nothing was read")
            return result


@pytest.fixture(params=REWRITES)
def world(request, tmp_path) -> World:
    rewrite = REWRITES[request.param]
    pytest.importorskip(rewrite.module)
    if rewrite.module == "zarr" and APPENDS["Zarr 3"].version is None:
        pytest.skip("another major version of zarr is in this environment")
    return World(rewrite, tmp_path)


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    with faulty_s3() as server:
        yield server


def slowly(call: Call, respond: Callable[[], Reply]) -> Reply:
    if call.key:
        time.sleep(random.uniform(0.002, 0.03))
    return respond()


def watch(world: World, process: subprocess.Popen[bytes]) -> dict[str, Counter[str]]:
    """Read the destination every 10 ms until a process ends, in both ways."""
    reads = {"careful": Counter[str](), "plain": Counter[str]()}

    def look(name: str) -> None:
        while process.poll() is None:
            reads[name][world.read(is_careful=name == "careful")] += 1
            time.sleep(POLL_SECONDS)

    threads = [threading.Thread(target=look, args=(name,)) for name in reads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reads


@pytest.mark.parametrize("direction", ["down", "local"])
def test_readers_see_one_version_of_a_store_that_is_rewritten(world, s3, direction):
    s3.reset()
    source = str(world.source)
    if direction == "down":
        source = f"s3://{BUCKET}/src/"
        for path in world.source.rglob("*"):
            if path.is_file():
                key = f"src/{path.relative_to(world.source)}"
                s3.put(BUCKET, key, path.read_bytes(), time.time() - 1000)
        s3.fault = slowly
    program = "aibs_informatics_aws_lambda.handlers.data_sync.cli"
    command = [sys.executable, "-m", program, "--switch", source, str(world.destination)]
    environment = {**os.environ, **aws_settings(s3.url)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        reads = watch(world, process)
    assert process.returncode == 0
    assert world.read() == "new"
    print(f"\n{direction}: { {name: dict(counts) for name, counts in reads.items()} }")
    assert reads["careful"].keys() <= {"old", "new"}
    # A read that goes on while both folders are exchanged has files of both, once.
    mixed = sum(n for name, n in reads["plain"].items() if name not in ("old", "new"))
    assert mixed <= 1
    assert not list(world.folder.glob(".*"))


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with killable_runs() as made:
        yield made


def test_killed_switch_leaves_the_old_store_or_the_new_one(runner, world):
    verb = Verb("local", "local")
    request = {
        "source_path": str(world.source),
        "destination_path": str(world.destination),
        "switch": True,
    }
    whole = runner.run(verb, request, world.folder, {})
    assert (whole.error, world.read()) == ("", "new")
    left: Counter[str] = Counter()
    for number in range(KILLS):
        world.reset()
        point = 1 + number * whole.changes // KILLS
        ended = runner.run(verb, request, world.folder, {}, kill_at_change=point)
        assert ended.was_killed
        left[world.read()] += 1
        ended = runner.run(verb, request, world.folder, {})
        assert (ended.error, world.read()) == ("", "new")
        assert not list(world.folder.glob(".*"))
    print(f"\nkilled: {dict(left)}")
    assert left.keys() == {"old", "new"}


class Versions:
    """A destination in S3, at which the old version of a store is the current one."""

    def __init__(self, world: World, s3: FaultyS3, run: Callable[..., Ended]) -> None:
        self._world, self._s3, self._run = world, s3, run
        s3.reset()
        assert self.sync("old").error == ""
        self._objects = dict(s3.objects)

    def reset(self) -> None:
        """Let the old version be the current one again."""
        self._s3.heal()
        self._s3.objects = dict(self._objects)

    def sync(self, source: str, started: Callable[[int], None] = lambda _: None) -> Ended:
        request = {
            "source_path": str(self._world.folder / source),
            "destination_path": f"s3://{BUCKET}/data/x",
            "switch": True,
        }
        environment = aws_settings(self._s3.url)
        verb = Verb("local", "s3")
        return self._run(verb, request, self._world.folder, environment, started=started)

    def read(self) -> str:
        """Read the version that the pointer names, as it is at one moment."""
        objects = dict(self._s3.objects)
        pointer = json.loads(objects[BUCKET, "data/x.current.json"].content)
        prefix = f"data/{pointer['current']}"
        with tempfile.TemporaryDirectory(dir=self._world.folder) as folder:
            for (_, key), found in objects.items():
                if key.startswith(prefix):
                    path = Path(folder, key.removeprefix(prefix))
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(found.content)
            found = self._world.rewrite.read(Path(folder))
        return ("old", "new")[self._world.seen.index(found)]


def test_every_state_of_a_destination_in_s3_is_one_version(runner, world, s3):
    there = Versions(world, s3, runner.run)
    states: list[dict[Any, Any]] = []
    lock = threading.Lock()

    def noted(_: Call, respond: Callable[[], Reply]) -> Reply:
        with lock:
            reply = respond()
            states.append(dict(s3.objects))
            return reply

    s3.fault = noted
    assert there.sync("src").error == ""
    s3.heal()
    seen = []
    for s3.objects in states:
        seen.append(there.read())
    print(f"\nup: {dict(Counter(seen))}")
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"old", "new"}


def test_killed_switch_in_s3_leaves_the_old_store_or_the_new_one(runner, world, s3):
    there = Versions(world, s3, runner.run)
    before = len(s3.calls)
    assert there.sync("src").error == ""
    total = len(s3.calls) - before
    left: Counter[str] = Counter()
    for number in range(KILLS):
        there.reset()
        point, after = number * total // KILLS, bool(number % 2)

        def kill(pid: int, point: int = point, *, after: bool = after) -> None:
            s3.fault = killed_at(pid, point, after=after)

        left["killed"] += there.sync("src", kill).was_killed
        s3.heal()
        left[there.read()] += 1
        assert (there.sync("src").error, there.read()) == ("", "new")
    print(f"\nkilled: {dict(left)}")
    # Of parallel transfers, another run may make fewer requests.
    assert left["killed"] >= 0.9 * KILLS
    assert left["old"] > left["new"]
