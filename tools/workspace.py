"""The projects of the workspace: their folders, versions, handlers and dependencies."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HANDLER_GROUP = "aibs_informatics_aws_lambda.handlers"

_NAME = re.compile(r"[\w.-]+")
_PIN = re.compile(r"([\w.-]+)==([\w.]+)")


@dataclass(frozen=True)
class Project:
    """A distribution of the workspace.

    Args:
        folder: path of its folder; the last part is its short name, such as ``data-sync``.
        name: name of the distribution.
        version: version of the distribution.
        needs: names of the distributions that it requires, siblings and others.
        pins: the versions of those that it requires in exactly one version.
        handlers: names of the entry points of its handlers.
        has_zip: whether it is deployed as functions, with a zip and a template.
    """

    folder: Path
    name: str
    version: str
    needs: tuple[str, ...] = ()
    pins: Mapping[str, str] = field(default_factory=dict)
    handlers: tuple[str, ...] = field(default=())
    has_zip: bool = False

    @property
    def is_package(self) -> bool:
        """Whether it is a package for users, rather than a library that packages need."""
        return self.folder.parent.name == "packages"

    @property
    def module_name(self) -> str:
        """Name of the distribution in the file names of its wheel and zip."""
        return self.name.replace("-", "_")


def find_projects(root: Path) -> dict[str, Project]:
    """Return the projects of a workspace by short name, libraries first."""
    files = [*root.glob("libs/*/pyproject.toml"), *root.glob("packages/*/pyproject.toml")]
    return {path.parent.name: _read(path) for path in sorted(files)}


def _read(path: Path) -> Project:
    settings = tomllib.loads(path.read_text())
    project = settings["project"]
    requirements = project.get("dependencies", ())
    return Project(
        folder=path.parent,
        name=project["name"],
        version=project["version"],
        needs=tuple(_name_in(one) for one in requirements),
        pins={pin[1]: pin[2] for pin in map(_PIN.fullmatch, requirements) if pin},
        handlers=tuple(_handlers_in(project)),
        has_zip="lambda" in settings["tool"]["hatch"]["build"]["targets"],
    )


def _name_in(requirement: str) -> str:
    found = _NAME.match(requirement)
    if found is None:
        raise ValueError(f"{requirement!r} is not a valid requirement")
    return found[0]


def _handlers_in(project: Mapping[str, Any]) -> list[str]:
    return sorted(project.get("entry-points", {}).get(HANDLER_GROUP, {}))


def with_siblings(project: Project, projects: Mapping[str, Project]) -> list[Project]:
    """Return a project and the projects that it requires, directly or indirectly."""
    by_name = {one.name: one for one in projects.values()}
    found: dict[str, Project] = {}
    waiting = [project]
    while waiting:
        current = waiting.pop()
        if current.name not in found:
            found[current.name] = current
            waiting += [by_name[name] for name in current.needs if name in by_name]
    return list(found.values())
