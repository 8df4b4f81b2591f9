"""Run the tests of projects, each in an environment with only the project and its dependencies.

This finds imports of siblings that the project does not require: in the environment with all
packages, they work.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from environments import make_environment
from workspace import Project, find_projects

ROOT = Path(__file__).parents[1]


def build_wheels(projects: Iterable[Project], folder: Path) -> None:
    """Build the wheels of projects.

    Raises:
        RuntimeError: a build failed; the message contains its output.
    """
    for project in projects:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        result = subprocess.run(
            command, cwd=project.folder, check=False, capture_output=True, text=True
        )
        if result.returncode:
            raise RuntimeError(f"cannot build {project.folder.name}:\n{result.stderr}")


def requirements_of_tests(root: Path) -> list[str]:
    """Return the dependencies of the tests, those of ``hatch test``."""
    environments = tomllib.loads((root / "hatch.toml").read_text())["envs"]
    return ["pytest>=8", *environments["hatch-test"]["extra-dependencies"]]


def run_alone(project: Project, wheels: Path, arguments: Sequence[str] = ()) -> int:
    """Run the tests of a project in a separate environment; return the exit status of pytest.

    Args:
        project: the project.
        wheels: folder with the wheels of all projects.
        arguments: further arguments of pytest.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = make_environment(
            Path(folder, "environment"),
            "--find-links",
            str(wheels),
            f"{project.name}=={project.version}",
            *requirements_of_tests(ROOT),
        )
        tests = project.folder.relative_to(ROOT) / "tests"
        command = [python, "-m", "pytest", str(tests), *arguments]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return exit status 1 if tests fail. Exits with 2 for an unknown name."""
    projects = find_projects(ROOT)
    parser = argparse.ArgumentParser(prog="alone", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"project; default: {' '.join(projects)}"
    )
    options, pytest_arguments = parser.parse_known_args(arguments)
    if unknown := set(options.names).difference(projects):
        parser.error(f"unknown project {sorted(unknown)[0]!r}. Projects: {' '.join(projects)}.")
    failed = []
    with tempfile.TemporaryDirectory() as wheels:
        build_wheels(projects.values(), Path(wheels))
        for name in options.names or projects:
            sys.stdout.write(f"== {name} alone\n")
            sys.stdout.flush()
            if run_alone(projects[name], Path(wheels), pytest_arguments):
                failed.append(name)
    if failed:
        sys.stderr.write(f"alone: error: tests failed: {', '.join(failed)}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
