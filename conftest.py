"""What the tests of all packages share: a stand-in for AWS, none at all, and fresh processes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

StartServer: TypeAlias = Callable[..., str]
RunCommand: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

REGION = "us-west-2"
ACCOUNT = "123456789012"

# Settings of the machine that would change what a test sees.
_SETTINGS = ("AWS_", "BOTO_", "EFS_MOUNT_POINT_", "HANDLER_", "POWERTOOLS_")
_SINGLE_SETTINGS = ("_HANDLER", "DEFAULT_BUCKET_NAME", "LOG_LEVEL", "REGION")

# Powertools imports the package botocore, though nothing in it: 1 ms.
_HEAVY = re.compile(
    r"aws_lambda_powertools\.(event_handler|utilities\.(batch|data_classes|parser))\b"
    r"|(awscrt|boto3|jinja2|requests|urllib3|yaml)\b|botocore\."
)


@dataclass(frozen=True)
class Aws:
    """A stand-in for AWS: moto's server, empty at the start of each test.

    Args:
        url: where it listens; ``AWS_ENDPOINT_URL`` is set to it.
    """

    url: str

    def client(self, service: str, region: str = REGION) -> Any:
        """Return a boto3 client of a service."""
        import boto3

        return boto3.session.Session().client(service, region_name=region, endpoint_url=self.url)

    def make_bucket(self, name: str = "bucket") -> str:
        """Make an empty bucket."""
        place = {"LocationConstraint": REGION}
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
        return name

    def put(self, bucket: str, key: str, body: bytes | str = b"") -> str:
        """Write an object and return its URI."""
        content = body.encode() if isinstance(body, str) else body
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    def get(self, bucket: str, key: str) -> bytes:
        """Read an object."""
        return self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket."""
        listing = self.client("s3").list_objects_v2(Bucket=bucket)
        return [found["Key"] for found in listing.get("Contents", [])]


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
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Start servers on loopback that end with the tests.

    The function takes the command, the URL that answers once the server is ready, and further
    environment variables, and returns the URL. ``{port}`` in both stands for a free port.
    """
    processes: list[subprocess.Popen[bytes]] = []

    def start(command: Sequence[str], ready: str, **environment: str) -> str:
        port = str(free_port())
        url = ready.replace("{port}", port)
        log = tmp_path_factory.mktemp("server") / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [argument.replace("{port}", port) for argument in command],
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
            )
        processes.append(process)
        if not answers(url, process):
            pytest.fail(f"{command[0]} did not answer at {url}:\n{log.read_text()}")
        return url

    yield start
    for process in processes:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def answers(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> bool:
    """Wait until a server answers; tell whether it did before its end or that of the time."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


@pytest.fixture(scope="session")
def moto_url(start_server: StartServer) -> str:
    """The URL of moto's server, a process of its own."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]
    ready = start_server(command, "http://127.0.0.1:{port}/moto-api/", MOTO_ACCOUNT_ID=ACCOUNT)
    return ready.removesuffix("/moto-api/")


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Take away every setting of AWS, so that a test has what it sets itself and no more."""
    for name in list(os.environ):
        if name.startswith(_SETTINGS) or name in _SINGLE_SETTINGS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    _forget_clients()


def _forget_clients() -> None:
    # Not imported: some packages are tested without the core library.
    module = sys.modules.get("aibs_informatics_aws_lambda.common.aws")
    if module:
        module.forget_clients()


@pytest.fixture
def aws(moto_url: str, no_aws: None, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """An empty stand-in for AWS, which boto3 uses by its usual environment variables."""
    reset = urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset).close()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_REGION": REGION,
    }.items():
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
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def modules_loaded_by(run_command: RunCommand) -> Callable[[str], set[str]]:
    """Return the names of the modules that importing one loads, in a fresh interpreter."""

    def load(module: str) -> set[str]:
        code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
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
