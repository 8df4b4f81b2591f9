"""The distribution of all packages replaces version 1.1.0, and version 1.1.0 replaces it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatch_lambda.bytecode import find_interpreter
from old_version import shared_wheels
from uv import find_uv_bin
from workspace import find_projects

ROOT = Path(__file__).parents[1]
PROJECTS = find_projects(ROOT)
ALL = PROJECTS["all"]
NAMESPACE = "aibs_informatics_aws_lambda"
OLD = f"{ALL.name}==1.1.0"
# The namespace's files at its top: `core` and then `all` are removed last, or pip leaves folders.
ORDER = ("batch", "data-sync", "demand", "ecr", "notifications", "storage", "core", "all")

# Compares the distributions of an environment with their files, and imports all modules.
INSPECT = """
import hashlib, importlib, json
from base64 import urlsafe_b64encode
from importlib.metadata import distributions

NAME, NAMESPACE = "aibs-informatics-aws-lambda", "aibs_informatics_aws_lambda"
versions, damaged, modules = {}, [], set()
for one in distributions():
    name = one.name.replace("_", "-").lower()
    versions[name] = one.version
    if name.startswith(NAME):
        for file in one.files:
            path = file.locate()
            content = path.read_bytes() if path.exists() else b""
            digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            if not path.exists() or (file.hash and file.hash.value != digest):
                damaged.append(str(file))
            if name == NAME or not OLD:
                if file.parts[0] == NAMESPACE and file.suffix == ".py":
                    parts = file.with_suffix("").parts
                    modules.add(".".join(parts).removesuffix(".__init__"))
for module in sorted(modules):
    importlib.import_module(module)
print("@" + json.dumps({"versions": versions, "damaged": damaged, "modules": sorted(modules)}))
"""


@pytest.fixture
def wheels(shared_folder) -> Path:
    """The wheels of all projects, built once in a run."""
    return shared_wheels(shared_folder, PROJECTS.values())


def files_in(wheel: Path) -> dict[str, bytes]:
    """The modules in a wheel, by their paths."""
    with zipfile.ZipFile(wheel) as content:
        names = [name for name in content.namelist() if name.startswith(f"{NAMESPACE}/")]
        return {name: content.read(name) for name in names}


def wheel_of(project: Any, folder: Path) -> Path:
    (wheel,) = folder.glob(f"{project.module_name}-{project.version}-*.whl")
    return wheel


def test_all_packages_are_required_in_the_version_that_they_have():
    others = [one for name, one in PROJECTS.items() if name not in {"all", "hatch-lambda"}]

    assert ALL.pins == {one.name: one.version for one in others}


def test_the_wheel_contains_nothing_but_copies_of_files_of_the_packages(wheels):
    files = {}
    for name in ORDER[:-1]:
        files |= files_in(wheel_of(PROJECTS[name], wheels))
    copies = files_in(wheel_of(ALL, wheels))

    assert len(copies) > 30
    assert {path: files.get(path) for path in copies} == copies


def test_the_wheel_contains_all_modules_that_1_1_0_has_too(wheels):
    recorded = json.loads(Path(__file__).with_name("names-1.1.0.json").read_text())
    copies = files_in(wheel_of(ALL, wheels))

    for module in recorded:
        path = f"{NAMESPACE}/{module.replace('.', '/')}"
        assert f"{path}.py" in copies or f"{path}/__init__.py" in copies


def test_a_wheel_built_from_the_source_distribution_is_the_same(wheels, tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path), "-t"]
    subprocess.run([*build, "sdist"], cwd=ALL.folder, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    # The library's own `filter` came with Python 3.11.4.
    subprocess.run(["tar", "-xf", archive, "-C", tmp_path], check=True)
    folder = tmp_path / archive.name.removesuffix(".tar.gz")

    subprocess.run([*build, "wheel"], cwd=folder, check=True, capture_output=True)

    assert files_in(wheel_of(ALL, tmp_path)) == files_in(wheel_of(ALL, wheels))


class Environment:
    """A virtual environment, changed by pip or by uv.

    Args:
        folder: where to make it.
        installer: ``pip`` or ``uv``.
        interpreter: the Python to make it of.
        wheels: folder of our wheels, which no index has.
    """

    def __init__(self, folder: Path, installer: str, interpreter: str, wheels: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.wheels = wheels
        self._pip = [find_uv_bin(), "pip"]
        if installer == "pip":
            self._pip = [str(self.python), "-m", "pip"]
        self._options = ["--python", str(self.python)] if installer == "uv" else []
        self._yes = ["--yes"] if installer == "pip" else []
        self._run(find_uv_bin(), "venv", "--quiet", "--seed", "-p", interpreter, str(folder))

    def install(self, *arguments: str) -> None:
        self._run(*self._pip, "install", "--quiet", *self._options, *arguments)

    def upgrade(self) -> None:
        self.install("--upgrade", "--find-links", str(self.wheels), ALL.name)

    def uninstall(self) -> None:
        names = [PROJECTS[name].name for name in ORDER]
        self._run(*self._pip, "uninstall", *self._options, *self._yes, *names)

    def inspect(self, *, old: bool = False) -> dict[str, Any]:
        output = self._run(str(self.python), "-c", f"OLD = {old}\n{INSPECT}")
        found: dict[str, Any] = json.loads(output.rpartition("@")[2])
        return found

    def command(self, *arguments: str, status: int = 0) -> str:
        program = str(self.folder / "bin" / "handle-lambda-request")
        return self._run(program, *arguments, status=status)

    def files(self) -> list[str]:
        """Paths in the environment that a distribution of ours, or 1.1.0, could have left."""
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.name.startswith(
                (NAMESPACE, "handle-lambda-request", "data-sync", "replicate-")
            )
        )

    @staticmethod
    def _run(*command: str, status: int = 0) -> str:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == status, (
            f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
        )
        return result.stdout


@pytest.fixture(params=["pip", "uv"])
def environment(request, python_version, wheels, tmp_path) -> Environment:
    """An environment with the real version 1.1.0, from the index."""
    interpreter = find_interpreter(python_version, None, os.environ)
    if interpreter is None:
        pytest.skip(f"there is no Python {python_version}")
    made = Environment(tmp_path / "environment", request.param, interpreter.path, wheels)
    made.install(OLD)
    return made


def check_is_ours(environment: Environment, before: dict[str, Any]) -> None:
    found = environment.inspect()
    assert found["damaged"] == []
    assert {name: found["versions"].get(name) for name in ALL.pins} == ALL.pins
    assert found["versions"][ALL.name] == ALL.version
    assert len(found["modules"]) > 200
    kept = set(before["versions"]) - {ALL.name, "aws-lambda-powertools"}
    assert {name: found["versions"].get(name) for name in kept} == {
        name: before["versions"][name] for name in kept
    }
    assert "data-sync" in environment.command("--list")


def check_is_old(environment: Environment, before: dict[str, Any]) -> None:
    found = environment.inspect(old=True)
    assert found["versions"][ALL.name] == "1.1.0"
    assert found["modules"] == before["modules"]
    assert found["versions"]["aws-lambda-powertools"].startswith("2.")
    assert "--handler-qualified-name" in environment.command("--help")


@pytest.mark.heavy
@pytest.mark.parametrize("python_version", ["3.11", "3.12", "3.13"])
def test_versions_replace_each_other_and_leave_nothing(environment):
    before = environment.inspect(old=True)
    assert before["damaged"] == []

    environment.upgrade()
    check_is_ours(environment, before)

    environment.install(OLD)
    check_is_old(environment, before)
    environment.upgrade()
    check_is_ours(environment, before)

    environment.uninstall()
    after = environment.inspect()["versions"]
    assert [name for name in after if name.startswith(ALL.name)] == []
    assert set(before["versions"]) - {ALL.name} <= set(after)
    assert environment.files() == []

    environment.install(OLD)
    check_is_old(environment, before)
    assert environment.inspect(old=True)["damaged"] == []


@pytest.mark.heavy
@pytest.mark.parametrize("python_version", ["3.11"])
def test_a_package_over_1_1_0_is_reported_and_an_upgrade_repairs_it(environment):
    before = environment.inspect(old=True)
    environment.install("--find-links", str(environment.wheels), PROJECTS["data-sync"].name)

    report = environment.command("--check-move", "json", status=1)
    environment.upgrade()

    assert report.startswith("aibs-informatics-aws-lambda 1.1.0 is installed beside")
    check_is_ours(environment, before)
    assert "problems: 0" in environment.command("--check-move", "json.decoder")


@pytest.mark.heavy
@pytest.mark.parametrize("python_version", ["3.11"])
def test_the_wheel_contains_exactly_the_files_that_both_versions_have(environment, wheels):
    listing = (
        "from importlib.metadata import files; "
        f"print(*(file for file in files('{ALL.name}') if file.suffix == '.py'), sep='\\n')"
    )
    old = set(environment._run(str(environment.python), "-c", listing).split())
    ours: set[str] = set()
    for name in ORDER[:-1]:
        ours |= set(files_in(wheel_of(PROJECTS[name], wheels)))

    assert set(files_in(wheel_of(ALL, wheels))) == old & ours
