"""Fixtures for the tests of all packages: a local AWS emulator, no AWS, and new processes."""

from __future__ import annotations

import base64
import gc
import json
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import hypothesis
import pytest
from botocore_cache import share_caches
from deferred_syntax import defer_syntax
from script_server import ScriptServer, Stdout, script_server
from servers import ACCOUNT, REGION, aws_settings, moto_server, running

StartServer: TypeAlias = Callable[..., str]
RunCommand: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
StartScriptServer: TypeAlias = Callable[..., ScriptServer]

# Settings of the machine that would change what a test sees.
_SETTINGS = ("AWS_", "BOTO_", "DATA_SYNC_", "EFS_MOUNT_POINT_", "HANDLER_", "POWERTOOLS_")
_SINGLE_SETTINGS = ("_HANDLER", "DEFAULT_BUCKET_NAME", "LOG_LEVEL", "REGION")

# Powertools imports the package botocore, though nothing in it: 1 ms.
_HEAVY = re.compile(
    r"aws_lambda_powertools\.(event_handler|utilities\.(batch|data_classes|parser))\b"
    r"|(awscrt|boto3|jinja2|requests|urllib3|yaml)\b|botocore\."
)


# A busy machine is slow, which must not fail a test. `hatch run properties` takes more examples.
_UNHURRIED = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("unhurried", _UNHURRIED, max_examples=50)
hypothesis.settings.register_profile("thorough", _UNHURRIED, max_examples=1000)
hypothesis.settings.load_profile("unhurried")

if find_spec("botocore"):  # Some packages are tested without it.
    share_caches()
defer_syntax()

# The folder that uv keeps downloads in, which a test shares though its home is empty.
_UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "uv")
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without the garbage collector, and let it leave them alone afterwards.

    It would go through all of them, which stay, again and again: half a second each time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@dataclass(frozen=True)
class Aws:
    """A local AWS emulator: moto's server, empty at the start of each test.

    Args:
        url: where it listens; ``AWS_ENDPOINT_URL`` is set to it.
    """

    url: str

    def client(self, service: str, region: str = REGION) -> Any:
        """Return the boto3 client of a service."""
        return _make_client(service, region, self.url)

    def make_bucket(self, name: str = "bucket") -> str:
        """Make an empty bucket."""
        configuration = {"LocationConstraint": REGION}
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=configuration)
        return name

    def put(self, bucket: str, key: str, body: bytes | str = b"") -> str:
        """Write an object and return its URI."""
        content = body.encode() if isinstance(body, str) else body
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    def put_all(self, bucket: str, contents: Mapping[str, bytes], age: float = 0) -> None:
        """Write objects in one request, as of so many seconds ago."""
        encoded = {key: base64.b64encode(body).decode() for key, body in contents.items()}
        request = urllib.request.Request(
            f"{self.url}/moto-api/objects?bucket={bucket}&age={age}",
            json.dumps(encoded).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request).close()

    def get(self, bucket: str, key: str) -> bytes:
        """Read an object."""
        content: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket."""
        listing = self.client("s3").list_objects_v2(Bucket=bucket)
        return [found["Key"] for found in listing.get("Contents", [])]


@cache
def _make_client(service: str, region: str, url: str) -> Any:
    # Kept for all tests: to make one takes longer than many of them.
    import boto3

    return boto3.session.Session().client(service, region_name=region, endpoint_url=url)


class Context:
    """The context of an invocation, as Lambda gives it."""

    function_name = "function"
    function_version = "1"
    memory_limit_in_mb = 512
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function"
    aws_request_id = "11111111-2222-4333-8444-555555555555"
    log_group_name = "/aws/lambda/function"
    log_stream_name = "stream"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run that all its processes share; see `shared.made_once`."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Start servers, as `servers.running` does, that end with the tests; return their URLs."""
    with ExitStack() as servers:

        def start(command: Sequence[str], ready: str, **environment: str) -> str:
            log = tmp_path_factory.mktemp("server") / "log.txt"
            return servers.enter_context(running(command, ready, log, **environment))

        yield start


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of moto's server, a separate process."""
    with moto_server(tmp_path_factory.mktemp("moto") / "log.txt") as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let the processes that tests start be interrupted.

    A shell that starts the tests in the background has SIGINT ignored, which they would inherit.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders for the home of each test, which exist."""
    folder = tmp_path_factory.mktemp("homes")

    # Numbered here: pytest reads the names of all folders for the number of the next.
    def make() -> Iterator[Path]:
        for number in count():
            home = folder / str(number)
            home.mkdir()
            yield home

    return make()


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch, homes: Iterator[Path]) -> None:
    """Unset all AWS settings of the machine: a test sets the ones that it needs."""
    for name in list(os.environ):
        if name.startswith(_SETTINGS) or name in _SINGLE_SETTINGS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(next(homes)))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", _UV_CACHE)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    _forget_clients()


@pytest.fixture(autouse=True)
def restored_logger() -> Iterator[None]:
    """Restore the logger that a command configures for its process."""
    logger = logging.getLogger("aibs_informatics_aws_lambda")
    level, handlers = logger.level, list(logger.handlers)
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


def _forget_clients() -> None:
    # Not imported: some packages are tested without the core library.
    module = sys.modules.get("aibs_informatics_aws_lambda.common.aws")
    if module:
        module.forget_clients()


@pytest.fixture
def aws(moto_url: str, no_aws: None, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An empty local AWS emulator, which boto3 finds by its usual environment variables."""
    reset = urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset).close()
    for name, value in aws_settings(moto_url).items():
        monkeypatch.setenv(name, value)
    return Aws(moto_url)


@pytest.fixture
def lambda_context() -> Context:
    """The context of an invocation."""
    return Context()


@pytest.fixture
def run_command(tmp_path: Path) -> RunCommand:
    """Run a command in the test's folder and environment; variables and stdin can be added."""

    def run(
        *command: str, stdin: str = "", folder: Path = tmp_path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def start_script_server() -> Iterator[StartScriptServer]:
    """Start servers of console scripts, as `script_server` does, that end with the tests."""
    with ExitStack() as servers:

        @cache
        def start(name: str, *modules: str) -> ScriptServer:
            script = str(Path(sys.executable).with_name(name))
            return servers.enter_context(script_server(script, modules))

        yield start


@pytest.fixture
def run_script(tmp_path: Path) -> RunCommand:
    """Run a script by its server, as `run_command` runs a command."""

    def run(
        server: ScriptServer,
        *arguments: str,
        stdin: str = "",
        folder: Path = tmp_path,
        stdout: Stdout = "read",
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        return server.run(arguments, folder, {**os.environ, **environment}, stdin, stdout)

    return run


@pytest.fixture
def modules_loaded_by(run_command: RunCommand) -> Callable[[str], set[str]]:
    """Return the names of the modules that importing one loads, in a fresh interpreter."""

    def load(module: str) -> set[str]:
        # Not those that are there before, as a tool that measures coverage has some.
        code = (
            "import json, sys; before = set(sys.modules); "
            f"import {module}; print(json.dumps(sorted(set(sys.modules) - before)))"
        )
        result = run_command(sys.executable, "-c", code)
        assert result.returncode == 0, result.stderr
        return set(json.loads(result.stdout))

    return load


@pytest.fixture
def heavy_modules_loaded_by(
    modules_loaded_by: Callable[[str], set[str]],
) -> Callable[[str], list[str]]:
    """Return those of the modules that importing one loads which a cold start cannot afford."""

    def load(module: str) -> list[str]:
        return sorted(filter(_HEAVY.match, modules_loaded_by(module)))

    return load
