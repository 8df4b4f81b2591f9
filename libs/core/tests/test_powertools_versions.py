"""The contract with Powertools holds for the oldest and the newest version that is allowed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CONTRACT = Path(__file__).with_name("test_powertools.py")
PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def requirement() -> str:
    dependencies = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    return next(found for found in dependencies if found.startswith("aws-lambda-powertools"))


@pytest.mark.heavy
@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_contract_holds_for_an_allowed_version(tmp_path, resolution):
    uv = pytest.importorskip("uv").find_uv_bin()
    versions = tmp_path / "versions"
    install = (uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", versions)
    subprocess.run([*install, "--resolution", resolution, requirement()], check=True)
    (installed,) = versions.glob("aws_lambda_powertools-*.dist-info")
    version = re.fullmatch(r"aws_lambda_powertools-(.+)\.dist-info", installed.name)[1]

    # Without the configuration of the workspace: warnings of another version are not errors.
    options = ("-q", "-c", os.devnull, "-p", "no:cacheprovider", "--noconftest")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", CONTRACT.parent, CONTRACT],
        env={**os.environ, "PYTHONPATH": str(versions), "POWERTOOLS_VERSION": version},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
