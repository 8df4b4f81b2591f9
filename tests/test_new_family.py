"""A new package passes every check."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import new_family
import pytest
from environments import make_environment
from workspace import find_projects

ROOT = Path(__file__).parents[1]
NAME = "image-census"


def copy_workspace(target: Path) -> Path:
    """Copy the files of the workspace, including uncommitted ones, but not ignored ones."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def passes(*command: str, folder: Path, **environment: str) -> bool:
    """Return whether a command succeeds; pytest shows its output if the test fails."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stdout.write(f"$ {' '.join(command)}\n{result.stdout}{result.stderr}\n")
    return result.returncode == 0


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A copy of the workspace with a new package."""
    root = copy_workspace(tmp_path_factory.mktemp("workspace"))
    new_family.make_family(new_family.FamilyName(NAME), root)
    return root


def test_the_package_is_a_project_with_a_handler_of_its_name(workspace):
    project = find_projects(workspace)[NAME]

    assert project.name == f"aibs-informatics-aws-lambda-{NAME}"
    assert project.handlers == (NAME,)


def test_the_name_of_the_template_is_replaced_everywhere(workspace):
    for path in (workspace / "packages" / NAME).rglob("*"):
        assert not re.search("new.?family", path.name, re.IGNORECASE)
        # Other tests may have imported the package.
        if path.is_file() and path.suffix != ".pyc":
            assert not re.search("new.?family", path.read_text(), re.IGNORECASE), path


def test_the_package_is_registered(workspace):
    settings = tomllib.loads((workspace / "pyproject.toml").read_text())["tool"]
    module = "aibs_informatics_aws_lambda.handlers.image_census"

    assert f"packages/{NAME}/src" in settings["mypy"]["mypy_path"]
    assert module in settings["importlinter"]["root_packages"]
    layers = settings["importlinter"]["contracts"][0]["layers"]
    assert module in layers[1].split(" | ")
    all_projects = find_projects(workspace)
    assert all_projects["all"].pins[all_projects[NAME].name] == all_projects[NAME].version
    assert f"(packages/{NAME}/README.md)" in (workspace / "README.md").read_text()
    assert f"### {NAME}\n" in (workspace / "CHANGELOG.md").read_text()


def test_the_code_is_formatted_and_its_tests_pass(workspace):
    folder = workspace / "packages" / NAME
    sources = str(folder / "src")

    assert passes(sys.executable, "-m", "ruff", "check", ".", folder=folder)
    assert passes(sys.executable, "-m", "ruff", "format", "--check", ".", folder=folder)
    tests = [f"packages/{NAME}/tests/test_{name}.py" for name in ("words", "count", "imports")]
    assert passes(*(sys.executable, "-m", "pytest", *tests), folder=workspace, PYTHONPATH=sources)


def test_the_template_is_valid(workspace):
    cfn_lint = str(Path(sysconfig.get_path("scripts"), "cfn-lint"))
    folder = workspace / "packages" / NAME

    assert passes(cfn_lint, "--include-checks", "I", "--", "template.yaml", folder=folder)


@pytest.fixture(scope="module")
def python(workspace, tmp_path_factory) -> str:
    """The Python of an environment like that of hatch, with the new package."""
    environments = tomllib.loads((workspace / "hatch.toml").read_text())["envs"]
    editable = [
        argument
        for project in find_projects(workspace).values()
        for argument in ("--editable", str(project.folder))
    ]
    return make_environment(
        tmp_path_factory.mktemp("python"),
        *editable,
        *environments["default"]["dependencies"],
        *environments["hatch-test"]["extra-dependencies"],
    )


@pytest.mark.heavy
def test_all_checks_pass_with_the_package(workspace, python):
    scripts = Path(python).parent

    for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["lint-imports"]):
        assert passes(str(scripts / check[0]), *check[1:], folder=workspace)
    assert passes(str(scripts / "mypy"), folder=workspace)
    tests = [
        f"packages/{NAME}",
        "tests/test_deployment.py",
        "tests/test_release.py",
        "tests/test_templates.py",
    ]
    assert passes(python, "-m", "pytest", *tests, folder=workspace)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ecr", "packages/ecr already exists"),
        ("core", "libs/core already exists"),
        ("Census", "'Census' is not a valid package name"),
        ("image_census", "is not a valid package name"),
        ("class", "is not a valid package name"),
        ("a" * 25, "at most 24 characters"),
    ],
)
def test_an_invalid_name_changes_nothing(workspace, name, reason, capsys):
    before = (workspace / "pyproject.toml").read_text()

    assert new_family.main([name], workspace) == 2

    assert reason in capsys.readouterr().err
    assert (workspace / "pyproject.toml").read_text() == before


def test_a_workspace_without_lists_is_not_changed(tmp_path, capsys):
    for name in new_family.REGISTRIES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    assert new_family.main([NAME], tmp_path) == 2

    assert "found no list to add this line to" in capsys.readouterr().err
    assert not (tmp_path / "packages" / NAME).exists()
