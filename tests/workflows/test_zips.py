"""The data sync workflow runs with functions from the zip, started as in Lambda."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from build_workflows import ROOT
from environments import runtime_environment
from runtime_api import RuntimeApi
from state_machines import BUCKET, Function, FunctionError
from workflow_states import HANDLERS

ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
FUNCTIONS = ("batch-data-sync", "prepare-batch-data-sync", "summarize-batch-data-sync")


@pytest.fixture(scope="module")
def task_root(tmp_path_factory) -> Path:
    """The zip of the package for this Python and machine, unpacked."""
    folder = tmp_path_factory.mktemp("zip")
    target = f"lambda:python3.{sys.version_info.minor}-{ARCHITECTURE}"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=ROOT / "packages" / "data-sync",
        check=True,
        capture_output=True,
    )
    [archive] = folder.glob("*.zip")
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder / "task")
    return folder / "task"


@pytest.fixture
def runtime_python(shared_folder) -> str:
    return runtime_environment(shared_folder)


@contextmanager
def started(python: str, task_root: Path, handler: str) -> Iterator[Function]:
    """Start a function, and give what invokes it."""
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
        "LAMBDA_TASK_ROOT": str(task_root),
        "PYTHONPATH": str(task_root),
    }
    # An execution environment has one event at a time.
    idle = threading.Lock()
    with RuntimeApi() as api:
        process = subprocess.Popen(
            [python, "-m", "awslambdaric", handler],
            cwd=task_root,
            env={**os.environ, **variables, "AWS_LAMBDA_RUNTIME_API": api.address},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def invoke(event: Any) -> Any:
            with idle:
                outcome = api.invoke(event)
            if outcome.kind == "error":
                raise FunctionError(outcome.body)
            return outcome.body

        try:
            yield invoke
        finally:
            process.kill()
            process.wait()


@pytest.mark.heavy
def test_functions_from_the_zip_sync_files(
    workshop, data_sync, functions, task_root, runtime_python, tmp_path, aws
):
    source = tmp_path / "source"
    for number in range(40):
        file = source / str(number % 4) / str(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number]) * 10)

    with ExitStack() as processes:
        for name in FUNCTIONS:
            start = started(runtime_python, task_root, HANDLERS[name].name)
            functions[name] = processes.enter_context(start)
        done = workshop.machines.run(
            data_sync(),
            {
                "source_path": str(source),
                "destination_path": f"s3://{BUCKET}/to/",
                "batch_size_bytes_limit": 100,
            },
        )

    assert done.status == "SUCCEEDED", done.cause
    assert done.output["total_batches_count"] == 4
    assert done.output["result"]["files_transferred"] == 40
    for number in range(40):
        content = aws.get(BUCKET, f"to/{number % 4}/{number}")
        assert content == bytes([number]) * 10


@pytest.mark.heavy
def test_the_error_of_a_function_from_the_zip_is_the_error_of_the_execution(
    workshop, data_sync, functions, task_root, runtime_python
):
    handler = HANDLERS["prepare-batch-data-sync"].name
    with started(runtime_python, task_root, handler) as prepare:
        functions["prepare-batch-data-sync"] = prepare
        done = workshop.machines.run(data_sync(), {"source_path": "s3://bucket/"})

    assert (done.status, done.error) == ("FAILED", "ValidationError")
    assert "destination_path" in done.cause
