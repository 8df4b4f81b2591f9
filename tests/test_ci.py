"""Tests that `hatch test` leaves out have a job in CI."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
JOBS = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]

# The heavy tests of this file run this command for each project.
SAME_AS_COMMAND = {"tests/test_distributions.py": "hatch run alone"}


@cache
def commands() -> list[str]:
    """Return the commands of all jobs."""
    steps = (step for job in JOBS.values() for step in job["steps"])
    return [step["run"] for step in steps if "run" in step]


def heavy_paths() -> Iterator[str]:
    """Yield the files and folders whose heavy tests a job runs."""
    for command in commands():
        if re.match(r"hatch test .*-m heavy", command):
            for word in shlex.split(command):
                before, _, rest = word.partition("{")
                names, _, after = rest.partition("}")
                yield from (f"{before}{name}{after}" for name in names.split(","))


def is_marked_heavy(path: Path) -> bool:
    """Return whether a test of a file has the mark."""
    text = path.read_text()
    # Only files that name the mark are parsed: this runs in each process that collects tests.
    return "pytest.mark.heavy" in text and any(
        isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.mark.heavy"
        for node in ast.walk(ast.parse(text))
    )


HEAVY = [
    str(path.relative_to(ROOT))
    for folder in ("libs", "packages", "tests")
    for path in sorted((ROOT / folder).rglob("test_*.py"))
    # The suite of stores has a job and a separate environment.
    if "stores" not in path.parts and is_marked_heavy(path)
]


def test_heavy_tests_are_found():
    assert {"tests/test_zips.py", "tests/test_preserve.py"} <= set(HEAVY)
    assert "tests/test_ci.py" not in HEAVY


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_tests_of_a_file_have_a_job(name):
    if name in SAME_AS_COMMAND:
        assert SAME_AS_COMMAND[name] in commands()
    else:
        path = ROOT / name
        assert any(path.is_relative_to(ROOT / part) for part in heavy_paths() if part), (
            f"{name} has heavy tests that no job of ci.yml runs"
        )


def test_jobs_run_only_what_is_there():
    named = [part for part in heavy_paths() if part.startswith(("libs", "packages", "tests"))]

    assert named
    assert [part for part in named if not (ROOT / part).exists()] == []


@pytest.mark.parametrize("command", ["docs:check", "docs:pages", "properties", "stores", "demo"])
def test_checks_beside_the_tests_have_a_job(command):
    assert any(f"hatch run {command}" in one for one in commands())
