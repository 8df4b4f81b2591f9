"""Readers of real libraries see the old store, the new one or an error while stores are synced.

The libraries are pinned in environments of their own: `hatch run stores`.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
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
from aibs_informatics_aws_lambda.handlers.data_sync.stores import find_rule
from fault_worlds import Verb
from faulty_s3 import Call, FaultyS3, Reply, faulty_s3, killed_at
from killable import Context, Ended, Runner, killable_runs
from servers import aws_settings
from store_kinds import APPENDS, DELETIONS, REWRITES, Content, Kind, versions

pytestmark = [pytest.mark.stores, pytest.mark.filterwarnings("default")]

BUCKET = "bucket"
POLL_SECONDS = 0.01
DIRECTIONS = ("up", "down", "within", "local")
KILLS = int(os.environ.get("STORE_KILLS", "50"))
ALL = {**APPENDS, **REWRITES, **DELETIONS}


def names(*kinds: Mapping[str, Kind]) -> list[object]:
    """Parameters for kinds of stores, whose IDs can be part of an expression for `-k`."""
    return [
        pytest.param(name, id=re.sub(r"\W+", "_", name).strip("_").lower())
        for name in itertools.chain(*kinds)
    ]


@pytest.fixture(scope="module")
def served() -> Iterator[FaultyS3]:
    with faulty_s3() as server:
        yield server


@pytest.fixture
def s3(served) -> FaultyS3:
    served.reset()
    return served


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with killable_runs() as made:
        yield made


@dataclass
class Slowness:
    """Delays each request about an object: what is started first is not done first.

    Args:
        seconds: the shortest and the longest delay.
        fault: what happens with a request after its delay.
    """

    seconds: tuple[float, float] = (0.02, 0.2)
    fault: Callable[[Call, Callable[[], Reply]], Reply] = lambda _, respond: respond()
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _in_flight: int = 0

    def __call__(self, call: Call, respond: Callable[[], Reply]) -> Reply:
        """Respond after some time."""
        with self._lock:
            self._in_flight += 1
        try:
            if call.key:
                time.sleep(random.uniform(*self.seconds))
            return self.fault(call, respond)
        finally:
            with self._lock:
                self._in_flight -= 1

    def wait(self) -> None:
        """Wait until the requests that have arrived are done, also those of a killed process."""
        while self._in_flight:
            time.sleep(0.001)


@dataclass
class World:
    """A store at a source, in its new version, and at a destination, in its old one.

    Args:
        kind: the kind of store.
        seen: what readers may see.
        s3: the server.
        source: the location of the new version.
        destination: the location of the old version.
        new: a folder with the new version.
    """

    kind: Kind
    seen: list[Content]
    s3: FaultyS3
    source: str
    destination: str
    new: Path
    _old: Path
    _folder: Path
    slowness: Slowness = field(default_factory=Slowness)

    def __post_init__(self) -> None:
        self._put(self.source, self.new, 1000)
        self.reset()
        self.s3.fault = self.slowness

    def reset(self) -> None:
        """Put the old version at the destination."""
        self._put(self.destination, self._old, 2000)

    def read(self) -> str:
        """Read the destination, and return ``old``, ``new``, ``between``, ``silent`` or ``error``.

        Objects are read one after the other, in the order of a reader: entry files first.
        """
        folder, is_copy = Path(self.destination), self.destination.startswith("s3:")
        if is_copy:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            self._fetch(folder)
        try:
            found = self.kind.read(folder)
        except Exception as error:
            return f"error {type(error).__name__}"
        finally:
            if is_copy:
                shutil.rmtree(folder)
        return self._name(found)

    def _fetch(self, folder: Path) -> None:
        listed = self.s3.read(BUCKET, "dst/")
        entry_files = sorted(filter(_reading_order, listed), key=_reading_order)
        for name in entry_files:
            _write(folder / name, self.s3.read(BUCKET, f"dst/{name}").get("", b""))
        for name, content in self.s3.read(BUCKET, "dst/").items():
            if not _reading_order(name):
                _write(folder / name, content)

    def files(self) -> dict[str, bytes]:
        """The files at the destination."""
        if self.destination.startswith("s3:"):
            return self.s3.read(BUCKET, "dst/")
        return _read_files(Path(self.destination))

    def _name(self, found: Content) -> str:
        # A change such as a compaction leaves the content as it was.
        if found == self.seen[1]:
            return "new"
        if found == self.seen[0]:
            return "old"
        parts = zip(found, self.seen[0], self.seen[1], strict=False)
        if found in self.seen or (self.kind.by_parts and all(f in (o, n) for f, o, n in parts)):
            return "between"
        return "silent"

    @property
    def request(self) -> dict[str, Any]:
        """The request of a sync."""
        return {"source_path": self.source, "destination_path": self.destination}

    def start(self, *options: str, **streams: Any) -> subprocess.Popen[str]:
        """Start a sync in a separate process."""
        program = "aibs_informatics_aws_lambda.handlers.data_sync.cli"
        command = [sys.executable, "-m", program, *options, self.source, self.destination]
        environment = {**os.environ, **aws_settings(self.s3.url)}
        nothing = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, env=environment, text=True, **{**nothing, **streams})

    def _put(self, location: str, store: Path, age: float) -> None:
        modified = time.time() - age
        if not location.startswith("s3:"):
            shutil.rmtree(location, ignore_errors=True)
            shutil.copytree(store, location)
            for path in Path(location).rglob("*"):
                os.utime(path, (modified, modified))
            return
        prefix = location.removeprefix(f"s3://{BUCKET}/")
        for key in [key for key in self.s3.objects if key[1].startswith(prefix)]:
            del self.s3.objects[key]
        for name, content in _read_files(store).items():
            self.s3.put(BUCKET, prefix + name, content, modified)


def _read_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _reading_order(name: str) -> tuple[int, int, int] | None:
    """Return what entry files are sorted by as readers open them; `None` for other files."""
    rule = find_rule(f"dst/{name}")
    return None if rule is None else (-rule.stage, name.count("/"), -rule.rank)


@pytest.fixture
def world(s3, tmp_path) -> Callable[[str, str], World]:
    def make(name: str, direction: str) -> World:
        kind = ALL[name]
        if kind.version is None:
            pytest.skip(f"{kind.library} {kind.major or ''} is not in this environment")
        old, new, seen = versions(kind, tmp_path / "versions")
        source = str(tmp_path / "src") if direction in ("up", "local") else f"s3://{BUCKET}/src/"
        target = f"s3://{BUCKET}/dst/" if direction in ("up", "within") else str(tmp_path / "dst")
        return World(kind, seen, s3, source, target, new, old, tmp_path)

    return make


def watch(there: World, process: subprocess.Popen[str]) -> Counter[str]:
    """Read the destination every 10 ms until a process ends."""
    reads: Counter[str] = Counter()
    while process.poll() is None:
        reads[there.read()] += 1
        time.sleep(POLL_SECONDS)
    return reads


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", names(APPENDS))
def test_readers_see_no_mixture_while_an_append_is_synced(world, record, name, direction):
    there = world(name, direction)
    process = there.start()
    reads = watch(there, process)
    assert process.returncode == 0
    assert there.read() == "new"
    record("appends", name, there.kind, direction, reads)
    assert not {name for name in reads if name not in ("old", "new", "between")}


@pytest.mark.parametrize("direction", ["up", "within"])
@pytest.mark.parametrize("name", names(APPENDS, DELETIONS))
def test_every_state_of_the_destination_is_readable(world, name, direction):
    there, lock = world(name, direction), threading.Lock()
    states: list[Mapping[Any, Any]] = []

    def noted(call: Call, respond: Callable[[], Reply]) -> Reply:
        with lock:
            reply = respond()
            if call.operation not in ("GetObject", "ListObjectsV2", "HeadObject"):
                states.append(dict(there.s3.objects))
        return reply

    there.slowness.fault = noted
    assert there.start("--delete").wait() == 0
    rewrites = "fewer chunks" in name
    for state in states:
        there.s3.objects = dict(state)
        assert rewrites or there.read() in ("old", "new", "between")
    assert there.read() == "new"


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", names(REWRITES))
def test_plan_warns_of_what_readers_see_while_a_store_is_rewritten(world, record, name, direction):
    there = world(name, direction)
    _, warnings = there.start("--dry-run", stderr=subprocess.PIPE).communicate()
    assert "is rewritten in place: readers may see a mixture" in warnings
    process = there.start("--delete")
    record("rewrites", name, there.kind, direction, watch(there, process))
    assert process.returncode == 0
    assert there.read() == "new"


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", names(DELETIONS, REWRITES))
def test_prepared_batches_with_deletion_leave_exactly_the_source(
    world, record, monkeypatch, name, direction
):
    from aibs_informatics_aws_lambda.handlers import data_sync

    there, context = world(name, direction), Context()
    for variable, value in aws_settings(there.s3.url).items():
        monkeypatch.setenv(variable, value)
    request = {**there.request, "batch_size_bytes_limit": 400, "local_mirror": True}
    prepared: Any = data_sync.prepare_batch_data_sync_handler(request, context)
    final = prepared.get("final_batch")
    batches = [*prepared["requests"], *([final] if final else [])]
    for batch in batches:
        data_sync.batch_data_sync_handler(batch, context)
    found, wanted = there.files(), _read_files(there.new)
    differ = [name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)]
    figures = {"batches": len(batches), "differ": len(differ)}
    record("batches", name, there.kind, direction, figures)
    assert len(batches) > 1
    assert differ == []
    assert there.read() == "new"


@pytest.mark.heavy
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", names(APPENDS))
def test_killed_sync_leaves_the_old_store_the_new_one_or_an_error(
    world, record, runner, name, direction
):
    there = world(name, direction)
    there.slowness.seconds = (0.0, 0.004)
    there.s3.calls.clear()
    whole = _run(there, runner)
    assert (whole.status, there.read()) == (0, "new")
    total, left = whole.changes + 2 * len(there.s3.calls), Counter[str]()
    for number in range(KILLS):
        there.reset()
        # Of parallel transfers, another run may make fewer requests: the last ones are no points.
        point = number * max(total - 4, 1) // KILLS
        at_change = point + 1 if point < whole.changes else None
        at_request = None if at_change else divmod(point - whole.changes, 2)
        ended = _run(there, runner, at_change, at_request)
        left[there.read()] += ended.was_killed
    record("kills", name, there.kind, direction, left)
    assert "silent" not in left
    assert left.total() >= 0.9 * KILLS
    there.reset()
    assert _run(there, runner).status == 0
    assert there.read() == "new"


def _run(
    there: World,
    runner: Runner,
    kill_at_change: int | None = None,
    kill_at_request: tuple[int, int] | None = None,
) -> Ended:
    """Run a sync that is killed at a change of the disk, or before or after a request."""

    def started(pid: int) -> None:
        if kill_at_request:
            number, after = kill_at_request
            there.slowness.fault = killed_at(pid, number, after=bool(after))

    sides = ("s3" if path.startswith("s3:") else "local" for path in there.request.values())
    ended = runner.run(
        Verb(*sides),
        {**there.request, "delete": False},
        there.new.parent.parent,
        aws_settings(there.s3.url),
        kill_at_change=kill_at_change,
        started=started,
    )
    there.slowness.wait()
    there.slowness.fault = Slowness.fault
    return ended
