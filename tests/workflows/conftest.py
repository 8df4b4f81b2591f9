"""Fixtures for workflows: state machines whose handlers run in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.workflows import render_workflow
from aibs_informatics_aws_lambda.storage.mount_discovery import forget_mount_points
from state_machines import (
    BUCKET,
    VALUES,
    Functions,
    Jobs,
    StateMachines,
    running_state_machines,
)
from workflow_states import HANDLERS


@dataclass(frozen=True)
class Workshop:
    """The services that run state machines.

    Args:
        machines: creates and runs them.
        functions: the Lambda functions, run in this process.
        jobs: the Batch jobs, run as processes.
    """

    machines: StateMachines
    functions: Functions
    jobs: Jobs


@pytest.fixture
def functions(lambda_context) -> dict[str, Any]:
    """The handlers by function name; tests may replace some."""

    def run(name: str) -> Any:
        module, _, attribute = name.rpartition(".")
        handler = getattr(import_module(module), attribute)
        return lambda event: handler(event, lambda_context)

    return {name: run(handler.name) for name, handler in HANDLERS.items()}


@pytest.fixture
def containers() -> dict[str, dict[str, Any]]:
    """The containers of job definitions by ARN; tests may add some."""
    command = [sys.executable, "-m", "aibs_informatics_aws_lambda.main"]
    return {VALUES["HandlerJobDefinitionArn"]: {"command": command}}


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Functions, Jobs]]:
    with Functions() as functions, Jobs() as jobs:
        yield functions, jobs


@pytest.fixture
def workshop(aws, served, functions, containers) -> Iterator[Workshop]:
    aws.make_bucket(BUCKET)
    lambda_functions, jobs = served
    lambda_functions.serve(functions)
    jobs.serve(lambda arn: containers.get(arn) or registered_container(aws, arn))
    with running_state_machines(aws.url, lambda_functions.url, jobs.url) as machines:
        yield Workshop(machines, lambda_functions, jobs)


def registered_container(aws: Any, arn: str) -> dict[str, Any]:
    found = aws.client("batch").describe_job_definitions(jobDefinitions=[arn])
    return found["jobDefinitions"][0]["containerProperties"]


@pytest.fixture
def efs(aws, monkeypatch, tmp_path) -> Iterator[tuple[str, Path]]:
    """A file system with the default access points, and its local mount point."""
    forget_mount_points()
    client = aws.client("efs")
    tags = [{"Key": "env_base", "Value": "dev"}]
    file_system = client.create_file_system(CreationToken="main", Tags=tags)["FileSystemId"]
    for name in ("scratch", "shared", "tmp"):
        client.create_access_point(
            FileSystemId=file_system,
            ClientToken=name,
            RootDirectory={"Path": f"/{name}"},
            Tags=[*tags, {"Key": "Name", "Value": name}],
        )
    folder = tmp_path / "efs"
    folder.mkdir()
    monkeypatch.setenv("EFS_MOUNT_POINT_PATH_MAIN", str(folder))
    monkeypatch.setenv("EFS_MOUNT_POINT_ID_MAIN", file_system)
    yield file_system, folder
    forget_mount_points()


@pytest.fixture
def data_sync(workshop):
    """Create the data sync workflow in a variant, and return its ARN."""

    def create(variant: str = "lambda") -> str:
        definition = render_workflow("data-sync-distributed", variant, VALUES)
        return workshop.machines.create(f"data-sync-{variant}", definition)

    return create
