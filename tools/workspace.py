"""The projects of the workspace: what is in which folder, and who needs whom."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["HANDLER_GROUP", "Project", "find_projects", "with_siblings"]

HANDLER_GROUP = "aibs_informatics_aws_lambda.handlers"

_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Project:
    """A distribution of the workspace.

    Args:
        folder: where it is; the last part is its short name, as in ``hatch run alone data-sync``.
        name: of the distribution.
        version: of the distribution.
        needs: names of the distributions that it requires, siblings and others.
        handlers: names of its entry points for handlers.
    """

    folder: Path
    name: str
    version: str
    needs: tuple[str, ...] = ()
    handlers: tuple[str, ...] = field(default=())

    @property
    def is_package(self) -> bool:
        """Whether it is a function family, with a zip and a template."""
        return self.folder.parent.name == "packages"

    @property
    def module_name(self) -> str:
        """The name of the distribution as in the names of its files."""
        return self.name.replace("-", "_")


def find_projects(root: Path) -> dict[str, Project]:
    """Return the projects below a root, libraries first, by the names of their folders."""
    files = [*root.glob("libs/*/pyproject.toml"), *root.glob("packages/*/pyproject.toml")]
    return {path.parent.name: _read(path) for path in sorted(files)}


def _read(path: Path) -> Project:
    project = tomllib.loads(path.read_text())["project"]
    return Project(
        folder=path.parent,
        name=project["name"],
        version=project["version"],
        needs=tuple(_name_in(one) for one in project.get("dependencies", ())),
        handlers=tuple(_handlers_in(project)),
    )


def _name_in(requirement: str) -> str:
    found = _NAME.match(requirement)
    if found is None:
        raise ValueError(f"{requirement!r} is no requirement")
    return found[0]


def _handlers_in(project: Mapping[str, Any]) -> list[str]:
    return sorted(project.get("entry-points", {}).get(HANDLER_GROUP, {}))


def with_siblings(project: Project, projects: Mapping[str, Project]) -> list[Project]:
    """Return the project and all projects that it needs, directly or by others."""
    by_name = {one.name: one for one in projects.values()}
    found: dict[str, Project] = {}
    waiting = [project]
    while waiting:
        current = waiting.pop()
        if current.name not in found:
            found[current.name] = current
            waiting += [by_name[name] for name in current.needs if name in by_name]
    return list(found.values())
