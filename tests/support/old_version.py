"""Environments with version 1.1.0 from the index, and with our packages in its place."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import alone
from environments import install, make_environment
from shared import made_once
from workspace import Project

REQUIREMENT = "aibs-informatics-aws-lambda==1.1.0"
MARKER = "@@RESULT@@"


def old_environment(shared_folder: Path) -> str:
    """Return a Python with version 1.1.0, installed once in a run of tests."""
    folder = made_once(shared_folder / "old", lambda folder: make_environment(folder, REQUIREMENT))
    return str(folder / "bin" / "python")


def upgraded_environment(shared_folder: Path, wheels: Path) -> str:
    """Return a Python with our packages in place of version 1.1.0, whose dependencies are there.

    Args:
        shared_folder: a folder of this run of tests.
        wheels: folder with the wheels of our packages.
    """

    def make(folder: Path) -> None:
        python = make_environment(folder, REQUIREMENT)
        install(python, "--upgrade", "--find-links", str(wheels), "aibs-informatics-aws-lambda")

    return str(made_once(shared_folder / "upgraded", make) / "bin" / "python")


def shared_wheels(shared_folder: Path, projects: Iterable[Project]) -> Path:
    """Return a folder with the wheels of projects, built once in a run of tests."""
    return made_once(shared_folder / "wheels", lambda folder: alone.build_wheels(projects, folder))


def result_of(command: list[str], **environment: str) -> Any:
    """Run a Python program, and return the JSON that it prints after `MARKER`.

    Args:
        command: the command.
        environment: variables to add.
    """
    variables: Mapping[str, str] = {**os.environ, **environment}
    run = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    # Not the traceback, which would quote the source code of version 1.1.0.
    assert run.returncode == 0, run.stderr.strip().rpartition("\n")[2]
    return json.loads(run.stdout.rpartition(MARKER)[2])
