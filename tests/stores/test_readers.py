"""Readers of real libraries see the old store, the new one or an error while stores are synced.

The libraries are pinned in an environment of their own: `hatch run stores`.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faulty_s3 import Call, FaultyS3, Reply, faulty_s3
from servers import aws_settings
from store_kinds import APPENDS, Content, Kind, versions

pytestmark = [pytest.mark.stores, pytest.mark.filterwarnings("default")]

BUCKET = "bucket"
POLL_SECONDS = 0.01
DIRECTIONS = ("up", "down", "within", "local")
KILLS = int(os.environ.get("STORE_KILLS", "50"))
# Requests of one run differ in duration: what comes first is not done first.
SLOWNESS = (0.002, 0.03)


@pytest.fixture(params=APPENDS)
def kind(request) -> Kind:
    found = APPENDS[request.param]
    pytest.importorskip(found.module)
    return found


@pytest.fixture(scope="module")
def served() -> Iterator[FaultyS3]:
    with faulty_s3() as server:
        yield server


@pytest.fixture
def s3(served) -> FaultyS3:
    served.reset()
    return served


@dataclass
class World:
    """A store at a source, in its new version, and at a destination, in its old one.

    Args:
        kind: the kind of store.
        seen: what readers may see.
        s3: the server.
        source: the location of the new version.
        destination: the location of the old version.
    """

    kind: Kind
    seen: list[Content]
    s3: FaultyS3
    source: str
    destination: str
    _old: Path
    _folder: Path
    reads: Counter[str] = field(default_factory=Counter)

    def reset(self) -> None:
        """Put the old version at the destination."""
        self._put(self.destination, self._old, 2000)

    def read(self) -> str:
        """Read the destination, and return ``old``, ``new``, ``between``, ``silent`` or ``error``.

        An object store is read as it is at one moment.
        """
        folder, is_copy = Path(self.destination), self.destination.startswith("s3:")
        if is_copy:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            for name, content in self.s3.read(BUCKET, "dst/").items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        try:
            found = self.kind.read(folder)
        except Exception as error:
            return f"error {type(error).__name__}"
        finally:
            if is_copy:
                shutil.rmtree(folder)
        return self._name(found)

    def _name(self, found: Content) -> str:
        if found == self.seen[0]:
            return "old"
        if found == self.seen[1]:
            return "new"
        # Levels of an image are read one by one.
        levels = zip(found, self.seen[0], self.seen[1], strict=False)
        if found in self.seen or all(isinstance(f, tuple) and f in (o, n) for f, o, n in levels):
            return "between"
        return "silent"

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a sync in a process of its own."""
        program = "aibs_informatics_aws_lambda.handlers.data_sync.cli"
        command = [sys.executable, "-m", program, *options, self.source, self.destination]
        return subprocess.Popen(
            command,
            env={**os.environ, **aws_settings(self.s3.url)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _put(self, location: str, store: Path, age: float) -> None:
        if not location.startswith("s3:"):
            shutil.rmtree(location, ignore_errors=True)
            shutil.copytree(store, location)
            for path in Path(location).rglob("*"):
                os.utime(path, (time.time() - age,) * 2)
            return
        prefix = location.removeprefix(f"s3://{BUCKET}/")
        for key in [key for key in self.s3.objects if key[1].startswith(prefix)]:
            del self.s3.objects[key]
        for path in store.rglob("*"):
            if path.is_file():
                key = f"{prefix}{path.relative_to(store)}"
                self.s3.put(BUCKET, key, path.read_bytes(), time.time() - age)


@pytest.fixture
def world(kind, s3, tmp_path) -> Callable[[str], World]:
    def make(direction: str) -> World:
        old, new, seen = versions(kind, tmp_path / "versions")
        source = str(tmp_path / "src") if direction in ("up", "local") else f"s3://{BUCKET}/src/"
        target = f"s3://{BUCKET}/dst/" if direction in ("up", "within") else str(tmp_path / "dst")
        made = World(kind, seen, s3, source, target, old, tmp_path)
        made._put(source, new, 1000)
        made.reset()
        s3.fault = slowly
        return made

    return make


def slowly(call: Call, respond: Callable[[], Reply]) -> Reply:
    """Respond after some time."""
    if call.key:
        time.sleep(random.uniform(*SLOWNESS))
    return respond()


def watch(world: World, process: subprocess.Popen[bytes]) -> Counter[str]:
    """Read the destination every 10 ms until a process ends."""
    reads: Counter[str] = Counter()
    while process.poll() is None:
        reads[world.read()] += 1
        time.sleep(POLL_SECONDS)
    return reads


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_readers_see_no_mixture_while_an_append_is_synced(world, direction):
    there = world(direction)
    process = there.start()
    reads = watch(there, process)
    assert process.returncode == 0
    assert there.read() == "new"
    print(f"\n{direction}: {dict(reads)}")
    assert not {name for name in reads if name not in ("old", "new", "between")}


@pytest.mark.parametrize("direction", ["up", "within"])
def test_every_state_of_the_destination_is_readable(world, direction):
    there, lock = world(direction), threading.Lock()
    states: list[Mapping[Any, Any]] = []

    def noted(call: Call, respond: Callable[[], Reply]) -> Reply:
        if call.key:
            time.sleep(random.uniform(*SLOWNESS))
        with lock:
            reply = respond()
            if call.operation not in ("GetObject", "ListObjectsV2", "HeadObject"):
                states.append(dict(there.s3.objects))
        return reply

    there.s3.fault = noted
    assert there.start("--delete").wait() == 0
    for state in states:
        there.s3.objects = dict(state)
        assert there.read() in ("old", "new", "between")


@pytest.mark.heavy
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_killed_sync_leaves_the_old_store_the_new_one_or_an_error(world, direction):
    there = world(direction)
    start = time.monotonic()
    assert there.start().wait() == 0
    seconds = time.monotonic() - start
    left: Counter[str] = Counter()
    for number in range(KILLS):
        there.reset()
        process = there.start()
        time.sleep(seconds * (0.3 + 0.7 * number / KILLS))
        process.send_signal(signal.SIGKILL)
        process.wait()
        left[there.read()] += 1
    print(f"\n{direction}: {dict(left)}")
    assert "silent" not in left
    there.reset()
    assert there.start().wait() == 0
    assert there.read() == "new"
