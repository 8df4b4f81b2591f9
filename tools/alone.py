"""Run the tests of projects, each in an environment that has it and what it needs alone.

In the environment of all packages, an import of a sibling that is not required goes unnoticed.
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

__all__ = ["build_wheels", "main", "requirements_of_tests", "run_alone"]

ROOT = Path(__file__).parents[1]


def build_wheels(projects: Iterable[Project], folder: Path) -> None:
    """Build the wheels of projects into a folder, as an index would have them.

    Raises:
        RuntimeError: a project cannot be built; the text holds what the build printed.
    """
    for project in projects:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        result = subprocess.run(
            command, cwd=project.folder, check=False, capture_output=True, text=True
        )
        if result.returncode:
            raise RuntimeError(f"{project.folder.name} cannot be built:\n{result.stderr}")


def requirements_of_tests(root: Path) -> list[str]:
    """Return what the tests need beside the packages, as ``hatch test`` has it."""
    environments = tomllib.loads((root / "hatch.toml").read_text())["envs"]
    return ["pytest>=8", *environments["hatch-test"]["extra-dependencies"]]


def run_alone(project: Project, wheels: Path, arguments: Sequence[str] = ()) -> int:
    """Run the tests of a project with it alone; return the exit status of pytest.

    Args:
        project: the project.
        wheels: a folder of the wheels of all projects.
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
    """Run the command; return 1 if the tests of a project fail, and 2 for an unknown name."""
    projects = find_projects(ROOT)
    parser = argparse.ArgumentParser(prog="alone", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {' '.join(projects)}")
    options, of_pytest = parser.parse_known_args(arguments)
    if unknown := set(options.names).difference(projects):
        parser.error(f"there is no project {sorted(unknown)[0]!r}; there are {' '.join(projects)}")
    failed = []
    with tempfile.TemporaryDirectory() as wheels:
        build_wheels(projects.values(), Path(wheels))
        for name in options.names or projects:
            sys.stdout.write(f"== {name} alone\n")
            sys.stdout.flush()
            if run_alone(projects[name], Path(wheels), of_pytest):
                failed.append(name)
    if failed:
        sys.stderr.write(f"alone: error: tests failed of {', '.join(failed)}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
