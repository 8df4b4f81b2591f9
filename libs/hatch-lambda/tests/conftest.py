"""Fixtures: small workspaces and a package index of generated wheels, without network."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import tempfile
import textwrap
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hatch_lambda.builder import LambdaBuilder

RUNTIME = f"python3.{sys.version_info.minor}"
OTHER_RUNTIME = "python3.12" if RUNTIME != "python3.12" else "python3.13"


class Wheelhouse:
    """A folder of wheels that uv uses as a package index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        name: str,
        version: str = "1.0",
        *,
        requires: tuple[str, ...] = (),
        files: dict[str, str] | None = None,
        headers: tuple[str, ...] = (),
        description: str = "",
        tag: str = "py3-none-any",
    ) -> Path:
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *headers]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        contents = {
            **(files or {f"{module}/__init__.py": f"__version__ = {version!r}\n"}),
            f"{info}/METADATA": "\n".join([*lines, "", description]),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        record = "".join(
            f"{path},{_record_hash(text)},{len(text.encode())}\n"
            for path, text in contents.items()
        )
        contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
        path = self.folder / f"{module}-{version}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for place, text in contents.items():
                wheel.writestr(place, text)
        return path


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


@dataclass(frozen=True)
class Workspace:
    """A hatch workspace with its members in `libs/` and `packages/`."""

    root: Path

    def add(
        self,
        folder: str,
        *,
        name: str | None = None,
        version: str = "1.0",
        dependencies: tuple[str, ...] = (),
        features: dict[str, list[str]] | None = None,
        files: dict[str, str] | None = None,
        options: str = "",
        build_system: str = 'requires = ["hatchling"]\nbuild-backend = "hatchling.build"',
    ) -> Path:
        project = self.root / folder
        name = name or project.name
        module = name.replace("-", "_")
        project.mkdir(parents=True)
        (project / "pyproject.toml").write_text(
            textwrap.dedent("""\
                [build-system]
                {build_system}
                [project]
                name = {name}
                version = {version}
                dependencies = {dependencies}
                optional-dependencies = {features}
                [tool.hatch.metadata]
                allow-direct-references = true
                [tool.hatch.build.targets.wheel]
                only-include = ["src"]
                sources = ["src"]
                [tool.hatch.build.targets.lambda]
                {options}
                """).format(
                build_system=build_system,
                name=json.dumps(name),
                version=json.dumps(version),
                dependencies=json.dumps(dependencies),
                features="{"
                + ", ".join(
                    f"{key} = {json.dumps(value)}" for key, value in (features or {}).items()
                )
                + "}",
                options=options
                if "runtime" in options
                else f'runtime = "{RUNTIME}"\narchitecture = "arm64"\n{options}',
            )
        )
        for path, text in (files or {f"{module}/__init__.py": f"NAME = {name!r}\n"}).items():
            file = project / "src" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return project


@dataclass(frozen=True)
class Built:
    """The files written by a build."""

    archive: Path

    @property
    def names(self) -> list[str]:
        with zipfile.ZipFile(self.archive) as archive:
            return archive.namelist()

    @property
    def distributions(self) -> set[str]:
        infos = (name.partition(".dist-info/") for name in self.names)
        return {info.rpartition("-")[0].replace("_", "-") for info, found, _ in infos if found}

    @property
    def sbom(self) -> dict[str, Any]:
        return json.loads(self.sbom_path.read_text(encoding="utf-8"))

    @property
    def sbom_path(self) -> Path:
        return self.archive.with_name(self.archive.name.removesuffix(".zip") + ".cdx.json")

    @property
    def size_report_path(self) -> Path:
        return self.archive.with_name(self.archive.name.removesuffix(".zip") + ".sizes.json")

    @property
    def sizes(self) -> dict[str, dict[str, Any]]:
        """Sizes by distribution, from the size report."""
        report = json.loads(self.size_report_path.read_text())
        return {item["name"]: item for item in report["distributions"]}

    @property
    def dropped(self) -> list[dict[str, Any]]:
        """Files that are left out, from the size report."""
        return json.loads(self.size_report_path.read_text())["dropped"]

    @property
    def facts(self) -> dict[str, str]:
        properties = self.sbom["metadata"]["properties"]
        return {item["name"].removeprefix("hatch-lambda:"): item["value"] for item in properties}

    def read(self, name: str) -> str:
        with zipfile.ZipFile(self.archive) as archive:
            return archive.read(name).decode()

    def unpack(self, folder: Path) -> Path:
        with zipfile.ZipFile(self.archive) as archive:
            archive.extractall(folder)
        return folder


def run_build(project: Path, *versions: str, directory: Path | None = None) -> Built:
    place = str(directory or project / "dist")
    builder = LambdaBuilder(str(project))
    return Built(Path(next(builder.build(directory=place, versions=list(versions)))))


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture(scope="session")
def closed_world(uv_cache):
    """Return a context in which builds see the wheels of a folder and no other index."""

    @contextmanager
    def close(folder: Path) -> Iterator[Wheelhouse]:
        for name in ("wheelhouse", "scratch"):
            (folder / name).mkdir()
        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                if name.startswith(("UV_", "HATCH_", "PIP_")) or name == "SOURCE_DATE_EPOCH":
                    patch.delenv(name)
            patch.setenv("UV_CACHE_DIR", str(uv_cache))
            patch.setenv("UV_FIND_LINKS", str(folder / "wheelhouse"))
            patch.setenv("UV_OFFLINE", "1")
            patch.setenv("TMPDIR", str(folder / "scratch"))
            patch.setattr(tempfile, "tempdir", str(folder / "scratch"))
            yield Wheelhouse(folder / "wheelhouse")

    return close


@pytest.fixture(autouse=True)
def wheelhouse(closed_world, tmp_path):
    """The wheels that builds of the test see."""
    with closed_world(tmp_path) as wheels:
        yield wheels


@pytest.fixture(scope="session")
def make_workspace():
    def make(root: Path) -> Workspace:
        root.mkdir(parents=True)
        members = 'workspace.members = ["libs/*", "packages/*"]'
        (root / "hatch.toml").write_text(f"[envs.default]\n{members}\n")
        return Workspace(root)

    return make


@pytest.fixture
def workspace(make_workspace, tmp_path):
    return make_workspace(tmp_path / "workspace")


@pytest.fixture(scope="session")
def build():
    """Build a project for a platform, and return the files written."""
    return run_build


@pytest.fixture
def refusal(capsys):
    """Build a project that cannot be built, and return the error output."""

    def refuse(project: Path, *versions: str) -> str:
        with pytest.raises(SystemExit):
            run_build(project, *versions)
        assert not list((project / "dist").glob("*"))
        return capsys.readouterr().err

    return refuse


@pytest.fixture(scope="session")
def runtime():
    """The Lambda runtime of this Python version."""
    return RUNTIME


@pytest.fixture
def other_runtime():
    """A Lambda runtime of another Python version."""
    return OTHER_RUNTIME


@pytest.fixture
def no_other_python(monkeypatch, tmp_path):
    """Hide all interpreters but the running one."""
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    for name in ("PATH", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.setenv(name, str(nowhere))
    return nowhere
