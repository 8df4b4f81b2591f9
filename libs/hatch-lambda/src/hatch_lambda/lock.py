"""Pinning what projects need: `python -m hatch_lambda.lock` writes their constraints."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from .dependencies import local_requirements, run_uv, write_lines
from .errors import LambdaBuildError
from .options import TABLE, read_options
from .platforms import PLATFORMS, Platform
from .wheels import build_wheels
from .workspace import find_workspace, project_table

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = (
    "# All that this project may install, of any platform and extra, as of its last renewal by\n"
    "# `python -m hatch_lambda.lock`.\n"
)


def constraints_of(project: Path) -> Path | None:
    """Where the constraints of a project belong, if it wants any."""
    tool = project_table(project).get("tool", {}).get("hatch", {})
    table = tool.get("build", {}).get("targets", {}).get("lambda", {})
    name = read_options(table, {}).constraints
    return project / name if name else None


def lock(project: Path) -> str:
    """Choose a version of everything a project may need, with the hashes of its files.

    Members of its workspace are not in it: the build makes wheels of them. The AWS SDK and what
    else is left out of archives is, so that the options of a build can change.

    Args:
        project: Folder of the project.

    Returns:
        The constraints.

    Raises:
        LambdaBuildError: There is no solution.
    """
    table = project_table(project)["project"]
    platforms = _platforms(table.get("requires-python", ""))
    features = sorted(table.get("optional-dependencies", {}))
    with tempfile.TemporaryDirectory(prefix="hatch-lambda-") as folder:
        scratch = Path(folder).resolve()
        wheels = build_wheels(
            project,
            features=features,
            workspace=find_workspace(project),
            platforms=platforms,
            excluded=(),
            destination=scratch / "wheels",
        )
        requirements = write_lines(
            scratch / "requirements.in", local_requirements(wheels, features)
        )
        arguments = [
            *("--universal", "--python-version", platforms[0].python_version),
            *("--generate-hashes", "--no-annotate", "--no-header"),
            *(f"--no-emit-package={wheel.name}" for wheel in wheels),
        ]
        pins = run_uv("compile", [*arguments, str(requirements)], f"`{wheels[0].name}`")
    return _HEADER + pins


def _platforms(requires_python: str) -> list[Platform]:
    allowed = SpecifierSet(requires_python)
    found = [item for item in PLATFORMS.values() if f"{item.python_version}.0" in allowed]
    if not found:
        message = f"`requires-python` is {requires_python!r}, which no runtime of Lambda has."
        raise LambdaBuildError(message)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Renew the constraints of projects, and print where they are.

    Args:
        arguments: Those of the command line; of the process if not given.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m hatch_lambda.lock",
        description="Pin what projects need to the newest versions, with hashes.",
    )
    parser.add_argument(
        "projects",
        nargs="*",
        type=Path,
        metavar="PROJECT",
        help=f"folder of a project; all of the workspace with `{TABLE}.constraints` if none given",
    )
    try:
        for project in parser.parse_args(arguments).projects or _members():
            print(_renew(project))  # noqa: T201 - a command
    except LambdaBuildError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


def _members() -> list[Path]:
    members = find_workspace(Path.cwd()).members.values()
    return [member for member in members if constraints_of(member)]


def _renew(project: Path) -> Path:
    place = constraints_of(project)
    if place is None:
        message = f"{project} names no file for them: set `{TABLE}.constraints`."
        raise LambdaBuildError(message)
    text = lock(project.resolve())
    place.write_text(text, encoding="utf-8", newline="\n")
    return place


if __name__ == "__main__":
    sys.exit(main())
