"""Every distribution is complete and can be installed by itself, from wheels."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from pathlib import Path

import alone
import pytest
from environments import make_environment
from shared import made_once
from workspace import Project, find_projects, with_siblings

ROOT = Path(__file__).parents[1]
PROJECTS = find_projects(ROOT)
PACKAGES = [name for name, project in PROJECTS.items() if project.has_zip]

# Describes an environment, without this workspace on its path.
INSIDE = """
import json
from importlib.metadata import distributions, entry_points

handlers = entry_points(group="aibs_informatics_aws_lambda.handlers")
print(json.dumps({
    "distributions": sorted(one.name for one in distributions()),
    "handlers": {one.name: one.load().__module__ for one in handlers},
}))
"""


@pytest.fixture
def wheels(shared_folder) -> Path:
    """The wheels of all projects, built once in a run."""
    return made_once(
        shared_folder / "wheels", lambda folder: alone.build_wheels(PROJECTS.values(), folder)
    )


def test_every_wheel_has_a_license_and_type_marker(wheels):
    for project in PROJECTS.values():
        (wheel,) = wheels.glob(f"{project.module_name}-{project.version}-py3-none-any.whl")
        names = zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith("/licenses/LICENSE") for name in names), wheel.name
        assert any(name.endswith("/py.typed") for name in names)
        assert [name for name in names if "/tests/" in name] == []


def test_extras_are_those_in_the_table():
    table = (ROOT / "docs" / "install.md").read_text().partition("## Extras")[2]
    listed = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \| \S", table, re.MULTILINE)

    extras = {
        (name, extra)
        for name, project in PROJECTS.items()
        for settings in [tomllib.loads((project.folder / "pyproject.toml").read_text())]
        for extra in settings["project"].get("optional-dependencies", {})
    }
    assert sorted(listed) == sorted(extras)


@pytest.fixture(params=PROJECTS)
def installed(request, wheels, tmp_path) -> tuple[Project, str]:
    """A project, and the Python of an environment with only that project."""
    project = PROJECTS[request.param]
    options = ("--find-links", str(wheels), "--no-compile-bytecode")
    return project, make_environment(tmp_path / "alone", *options, project.name)


def test_a_distribution_is_installed_with_its_dependencies_only(installed, run_command):
    project, python = installed

    result = run_command(python, "-c", INSIDE)
    assert result.returncode == 0, result.stderr
    inside = json.loads(result.stdout)

    ours = {one.name for one in PROJECTS.values()}
    expected = with_siblings(project, PROJECTS)
    assert ours.intersection(inside["distributions"]) == {one.name for one in expected}
    assert set(inside["handlers"]) == {handler for one in expected for handler in one.handlers}
    if project.is_package:
        listed = run_command(str(Path(python).with_name("handle-lambda-request")), "--list")
        assert listed.returncode == 0, listed.stderr
        assert [handler for handler in project.handlers if handler not in listed.stdout] == []


@pytest.fixture(scope="module", params=PROJECTS)
def status_alone(request) -> int:
    """How `hatch run alone` ends for a project."""
    return alone.main([request.param, "-q"])


@pytest.mark.heavy
def test_tests_pass_alone(status_alone):
    assert status_alone == 0


def test_an_unknown_project_is_an_error_that_lists_the_projects(capsys):
    with pytest.raises(SystemExit) as error:
        alone.main(["no-such"])

    assert error.value.code == 2
    assert "unknown project 'no-such'. Projects: core" in capsys.readouterr().err


def test_every_package_has_handlers():
    assert [name for name in PACKAGES if not PROJECTS[name].handlers] == []
