"""Type checkers read the types of installed wheels, as projects of users have them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import alone
import pytest
from environments import make_environment
from shared import made_once
from workspace import find_projects

PROJECTS = find_projects(Path(__file__).parents[1])

# Each line shows a type that a checker knows only if the package is marked as typed.
USER_CODE = """\
from typing import assert_type

from aibs_informatics_aws_lambda.common import DefaultLambdaContext, S3Path, get_client
from aibs_informatics_aws_lambda.common.api import ApiRoute
from aibs_informatics_aws_lambda.handlers.batch import RetryPreset
from aibs_informatics_aws_lambda.handlers.data_sync import DataSyncHandler
from aibs_informatics_aws_lambda.handlers.demand import DemandExecution
from aibs_informatics_aws_lambda.handlers.ecr import ECRImageUri
from aibs_informatics_aws_lambda.handlers.notifications import NotifierTarget
from aibs_informatics_aws_lambda.main import handle_cli
from aibs_informatics_aws_lambda.storage import MountPoint
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from hatch_lambda.builder import LambdaBuilder


def use(request: DataSyncRequest, mount: MountPoint, execution: DemandExecution) -> None:
    assert_type(request.delete, bool)
    assert_type(execution.execution_id, str)
    assert_type(S3Path("s3://bucket/key").bucket, str)
    assert_type(DefaultLambdaContext().aws_request_id, str)
    assert_type(len(LambdaBuilder.PLUGIN_NAME), int)
    handle_cli(1)  # type: ignore[arg-type]
"""


@pytest.fixture
def project(shared_folder, tmp_path) -> Path:
    """A project of a user, with an environment that has the wheels of all packages."""
    wheels = made_once(
        shared_folder / "wheels", lambda folder: alone.build_wheels(PROJECTS.values(), folder)
    )
    names = [one.name for one in PROJECTS.values() if one.folder.name != "all"]
    options = ("--find-links", str(wheels), "--no-compile-bytecode")
    make_environment(tmp_path / ".venv", *options, *names, "mypy", "pyright[nodejs]")
    (tmp_path / "use.py").write_text(USER_CODE)
    return tmp_path


@pytest.mark.heavy
@pytest.mark.parametrize(
    "checker",
    [
        ("mypy", "--strict", "--warn-unused-ignores"),
        ("pyright", "--pythonpath", ".venv/bin/python"),
    ],
    ids=["mypy", "pyright"],
)
def test_types_of_installed_wheels_are_known(checker, project):
    program, *options = checker

    result = subprocess.run(
        [str(project / ".venv" / "bin" / program), *options, "use.py"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
