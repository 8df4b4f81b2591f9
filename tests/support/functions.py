"""Zips, and functions that run out of them as Lambda runs them."""

from __future__ import annotations

import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime_api import RuntimeApi

__all__ = ["HERE", "Function", "build_zip", "running_function", "unpack"]

HERE = "-".join(
    (
        f"python3.{sys.version_info.minor}",
        {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()],
    )
)
"""The platform of Lambda that this Python and this machine stand for."""


def build_zip(project: Path, directory: Path, target: str = HERE, **options: str) -> Path:
    """Build the zip of a project and return its path.

    Args:
        project: the folder of the project.
        directory: where the zip goes; it holds no other.
        target: the platform of Lambda to build for.
        options: options of the build target, as its environment variables have them.

    Raises:
        RuntimeError: the build failed; the message says what it printed.
    """
    variables = {f"HATCH_LAMBDA_{name.upper()}": value for name, value in options.items()}
    result = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", f"lambda:{target}", "-d", directory],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"the build of {project} failed:\n{result.stdout}{result.stderr}")
    (archive,) = directory.glob("*.zip")
    return archive


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip into a folder and return that."""
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    return folder


class Function(RuntimeApi):
    """A function that runs and takes events.

    Attributes:
        process: its process, the parent of its workers if it has some.
        log: what it printed, once it has ended.
        cpu_seconds: what its process used, once it has ended.
    """

    process: subprocess.Popen[bytes]
    log: str = ""
    cpu_seconds: float = 0


@contextmanager
def running_function(
    python: str, task_root: Path, handler: str, **environment: str
) -> Iterator[Function]:
    """Run a function with AWS's runtime client, in a process with only the zip.

    Args:
        python: a Python that has what Lambda's own has.
        task_root: the folder that the zip was unpacked into.
        handler: module and name, as Lambda takes them.
        environment: further environment variables of the function.
    """
    # A file for what it prints: a pipe would be full after some invocations, and stop it.
    with tempfile.TemporaryFile() as log, Function() as function:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen(
            [python, "-m", "awslambdaric", handler],
            cwd=task_root,
            env={
                **os.environ,
                "AWS_LAMBDA_FUNCTION_NAME": "function",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_RUNTIME_API": function.address,
                "LAMBDA_TASK_ROOT": str(task_root),
                "PYTHONPATH": str(task_root),
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            # With its workers, if it has some: they outlive it.
            start_new_session=True,
        )
        function.process = process
        try:
            yield function
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.seek(0)
            function.log = log.read().decode()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            function.cpu_seconds = (
                after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            )
