"""Servers on loopback that tests and the demonstration use instead of AWS."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ACCOUNT", "REGION", "aws_settings", "moto_server", "running"]

REGION = "us-west-2"
ACCOUNT = "123456789012"

_START_SECONDS = 180


def aws_settings(url: str) -> dict[str, str]:
    """Return the environment variables that make boto3 use a local AWS emulator."""
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
    }


@contextmanager
def moto_server(log: Path, **settings: str) -> Iterator[str]:
    """Run moto's server, a local AWS emulator, with settings in variables; yield its URL."""
    launcher = str(Path(__file__).with_name("moto_launcher.py"))
    # Without the folder of the launcher on the path, whose modules moto does not know.
    command = [sys.executable, "-P", launcher, "-H", "127.0.0.1", "-p", "{port}"]
    ready = "http://127.0.0.1:{port}/moto-api/"
    with running(command, ready, log, MOTO_ACCOUNT_ID=ACCOUNT, **settings) as url:
        yield url.removesuffix("/moto-api/")


@contextmanager
def running(command: Sequence[str], ready: str, log: Path, **environment: str) -> Iterator[str]:
    """Run a server and give its URL.

    Args:
        command: program and arguments; ``{port}`` stands for a free port, here and in ``ready``.
        ready: a URL that responds once the server is ready.
        log: the file for what it prints.
        environment: further environment variables.

    Raises:
        RuntimeError: the server ended, or did not respond in time; its output is in the
            message.
    """
    port = str(_free_port())
    url = ready.replace("{port}", port)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [argument.replace("{port}", port) for argument in command],
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
        )
    try:
        if not _answers(url, process):
            raise RuntimeError(f"{command[0]} does not respond at {url}:\n{log.read_text()}")
        yield url
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=30).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False
