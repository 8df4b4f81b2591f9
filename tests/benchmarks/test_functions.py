"""What each function takes: bytes, the time of a cold start, and that of a warm invocation.

All are zips that AWS's own runtime client runs, in one run with two others: the system that they
replace, packed the same way without bytecode, and the least that a typed function has, which is
pydantic and powertools' Logger and Metrics. They take turns: a busy machine is busy for all.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from environments import make_environment
from functions import Function, build_zip, running_function, unpack

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
HANDLERS = "aibs_informatics_aws_lambda.handlers"
ROUNDS = 10
WARM_ROUNDS, WARM_CALLS = 15, 200

SETTINGS = {
    "AWS_REGION": "us-west-2",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_EC2_METADATA_DISABLED": "true",
    "ENV_BASE": "dev-bench",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "SOURCE_EMAIL_ADDRESS": "ann@example.org",
}

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{name}"
version = "1.0"
dependencies = {needs}
[tool.hatch.build.targets.wheel]
only-include = ["{name}.py"]
[tool.hatch.build.targets.lambda]
"""

REFERENCE = """
from aibs_informatics_aws_lambda.handlers.notifications.router import NotificationRouter
notification_router_handler = NotificationRouter.get_handler()
"""

FLOOR = """
import json
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from pydantic import BaseModel

logger, metrics = Logger(), Metrics()

class Request(BaseModel):
    path: str

class Response(BaseModel):
    content: object

def nothing(event, context):
    return {}

@logger.inject_lambda_context
@metrics.log_metrics
def read_json(event, context):
    request = Request.model_validate(event)
    with open(request.path) as file:
        response = Response(content=json.load(file))
    logger.info("Read JSON from %s", request.path)
    metrics.add_metric("Success", MetricUnit.Count, 1)
    return response.model_dump(mode="json")
"""


def here(folder: Path) -> str:
    return str(folder / "data")


# A function of each handler, and an event that it handles without a call to AWS; an empty one is
# refused, which takes the import, the model and an error.
FUNCTIONS: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
    "batch.create.handler": ("batch", lambda folder: {}),
    "batch.deregister.handler": ("batch", lambda folder: {}),
    "data_sync.data_sync_handler": ("data-sync", lambda folder: {}),
    "data_sync.batch_data_sync_handler": ("data-sync", lambda folder: {}),
    "data_sync.prepare_batch_data_sync_handler": (
        "data-sync",
        lambda folder: {"source_path": here(folder), "destination_path": "s3://bucket/data/"},
    ),
    "data_sync.get_json_from_file_handler": (
        "data-sync",
        lambda folder: {"path": f"{here(folder)}/document.json"},
    ),
    "data_sync.put_json_to_file_handler": (
        "data-sync",
        lambda folder: {"path": f"{here(folder)}/new.json", "content": {}},
    ),
    "data_sync.get_data_path_stats_handler": (
        "data-sync",
        lambda folder: {"path": here(folder)},
    ),
    "data_sync.list_data_paths_handler": ("data-sync", lambda folder: {"path": here(folder)}),
    "data_sync.outdated_data_path_scanner_handler": (
        "data-sync",
        lambda folder: {"path": here(folder)},
    ),
    "data_sync.remove_data_paths_handler": ("data-sync", lambda folder: {"paths": []}),
    "demand.scaffolding.handler": ("demand", lambda folder: {}),
    "ecr.replicate_image.lambda_handler": ("ecr", lambda folder: {}),
    "notifications.notification_router_handler": ("notifications", lambda folder: {}),
}

REFERENCE_PIN = "aibs-informatics-aws-lambda==1.1.0"
# A need of its that comes as a source alone, and is pure Python.
WITHOUT_WHEEL = "stringcase==1.2.0"

# What it does not have.
OURS_ALONE = {"batch.deregister.handler"}
# What it has under another name.
ITS_NAMES = {"notifications.notification_router_handler": "reference.notification_router_handler"}


@dataclass(frozen=True)
class Peer:
    """An unpacked zip, and a function in it."""

    task_root: Path
    handler: str


@dataclass(frozen=True)
class Start:
    """A cold start: seconds to the first response, and seconds of CPU."""

    wall: float
    cpu: float


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> str:
    return make_environment(tmp_path_factory.mktemp("runtime"), "boto3", "awslambdaric>=3")


@pytest.fixture(scope="module")
def zips(tmp_path_factory):
    """Build the zip of a package, of the reference, or of the floor."""

    @cache
    def build(name: str) -> Path:
        folder = tmp_path_factory.mktemp("dist")
        if name == "reference":
            project = _make_project(tmp_path_factory.mktemp(name), name, REFERENCE, REFERENCE_PIN)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("UV_FIND_LINKS", str(_make_wheel(tmp_path_factory)))
                return build_zip(project, folder, bytecode="false")
        if name == "floor":
            needs = ("aws-lambda-powertools", "pydantic")
            return build_zip(
                _make_project(tmp_path_factory.mktemp(name), name, FLOOR, *needs), folder
            )
        return build_zip(ROOT / "packages" / name, folder)

    return build


def _make_wheel(tmp_path_factory) -> Path:
    python = make_environment(tmp_path_factory.mktemp("pip"), "pip")
    folder = tmp_path_factory.mktemp("wheels")
    command = [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, WITHOUT_WHEEL]
    subprocess.run(command, check=True)
    return folder


def _make_project(folder: Path, name: str, module: str, *needs: str) -> Path:
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, needs=json.dumps(needs)))
    (folder / f"{name}.py").write_text(module)
    return folder


@pytest.fixture(scope="module")
def roots(zips, tmp_path_factory):
    @cache
    def unpacked(name: str) -> Path:
        return unpack(zips(name), tmp_path_factory.mktemp("task"))

    return unpacked


@pytest.fixture
def peers(roots):
    """Ours, the reference, if it has such a function, and the floor."""

    def find(handler: str, floor: str) -> dict[str, Peer]:
        package, _ = FUNCTIONS[handler]
        found = {"ours": Peer(roots(package), f"{HANDLERS}.{handler}")}
        if handler not in OURS_ALONE:
            name = ITS_NAMES.get(handler, f"{HANDLERS}.{handler}")
            found["reference"] = Peer(roots("reference"), name)
        return found | {"floor": Peer(roots("floor"), f"floor.{floor}")}

    return find


@pytest.fixture
def data(tmp_path) -> Path:
    folder = Path(here(tmp_path))
    folder.mkdir()
    (folder / "document.json").write_text('{"a": 1}')
    return tmp_path


@pytest.fixture
def show(capsys):
    def show_line(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show_line


def start_cold(python: str, peer: Peer, event: Any) -> Start:
    """Start a function and time its first response."""
    begin = time.perf_counter()
    with running_function(python, peer.task_root, peer.handler, **SETTINGS) as function:
        outcome = function.invoke(event)
        wall = time.perf_counter() - begin
    # A function that cannot even be imported would be quick.
    if outcome.kind == "error" and outcome.body["errorType"].startswith("Runtime."):
        raise RuntimeError(f"{peer.handler} does not start: {outcome.body}\n{function.log}")
    return Start(wall, function.cpu_seconds)


def seconds_per_call(function: Function, event: Any) -> float:
    """Invoke a warm function some times and time it."""
    begin = time.perf_counter()
    for _ in range(WARM_CALLS):
        outcome = function.invoke(event)
        assert outcome.body["content"] == {"a": 1}, outcome.body
    return (time.perf_counter() - begin) / WARM_CALLS


def packed(archive: Path) -> tuple[int, int]:
    """Return the bytes of a zip, and of what is in it."""
    with zipfile.ZipFile(archive) as content:
        return archive.stat().st_size, sum(info.file_size for info in content.infolist())


def test_size(zips, show):
    reference = packed(zips("reference"))
    show(f"\n\n{'zip':16} {'bytes':>12} {'unpacked':>12}   of the reference")
    for name in (*dict.fromkeys(package for package, _ in FUNCTIONS.values()), "floor"):
        size = packed(zips(name))
        ratios = (f"{own / other:.2f}" for own, other in zip(size, reference, strict=True))
        show(f"{name:16} {size[0]:12,} {size[1]:12,}   {', '.join(ratios)}")
    show(f"{'reference':16} {reference[0]:12,} {reference[1]:12,}   without bytecode")


@pytest.mark.parametrize("handler", FUNCTIONS)
def test_cold_start(handler, python, peers, data, show):
    event = FUNCTIONS[handler][1](data)
    taken = peers(handler, "nothing")
    starts: dict[str, list[Start]] = {name: [] for name in taken}
    # The first round fills the caches of the file system.
    for _ in range(1 + ROUNDS):
        for name, peer in taken.items():
            starts[name].append(start_cold(python, peer, event))

    medians = {
        name: Start(*map(statistics.median, zip(*((s.wall, s.cpu) for s in own[1:]), strict=True)))
        for name, own in starts.items()
    }
    ours = medians.pop("ours")
    show(f"\n{handler}: cold start {ours.wall:.3f} s, of the processor {ours.cpu:.3f} s")
    for name, other in medians.items():
        show(
            f"  {name} {other.wall:.3f} and {other.cpu:.3f} s: "
            f"ours is {ours.wall / other.wall:.2f} and {ours.cpu / other.cpu:.2f} of it"
        )


def test_warm_invocation(python, peers, data, show):
    """Reading a small local file, with a log line and a metric: the rest is overhead."""
    handler = "data_sync.get_json_from_file_handler"
    event = FUNCTIONS[handler][1](data)
    taken = peers(handler, "read_json")
    seconds: dict[str, list[float]] = {name: [] for name in taken}
    with ExitStack() as running:
        functions = {
            name: running.enter_context(
                running_function(python, peer.task_root, peer.handler, **SETTINGS)
            )
            for name, peer in taken.items()
        }
        for _ in range(WARM_ROUNDS):
            for name, function in functions.items():
                seconds[name].append(seconds_per_call(function, event))

    medians = {name: statistics.median(own) for name, own in seconds.items()}
    show(f"\nwarm invocation of {handler}, runtime client and test server included")
    for name, median in medians.items():
        beyond = (median - medians["floor"]) * 1e6
        show(f"  {name}: {median * 1e6:.0f} microseconds, {beyond:+.0f} to the bare function")
