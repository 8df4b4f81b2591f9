"""Find the siblings of a project: the other members of its hatch workspace."""

from __future__ import annotations

import glob
import os
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.utils.context import Context
from packaging.utils import canonicalize_name

from .errors import LambdaBuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Workspace:
    """A hatch workspace.

    Attributes:
        members: Folder of each member, by normalized name.
    """

    members: Mapping[str, Path] = field(default_factory=dict)


def find_workspace(project: Path) -> Workspace:
    """Find the hatch workspace that a project belongs to.

    Args:
        project: Folder of the project.

    Returns:
        The workspace of the nearest parent folder (or the project itself) whose hatch
        configuration lists the project in `envs.default.workspace.members`, else an empty one.

    Raises:
        LambdaBuildError: A configuration file cannot be read, or two members have the same name.
    """
    project = project.resolve()
    for folder in (project, *project.parents):
        folders = list(_member_folders(folder))
        if project in folders or (folders and folder == project):
            return Workspace(_by_name(folders))
    return Workspace()


def project_table(folder: Path) -> dict[str, Any]:
    """Read the `pyproject.toml` of a folder; an empty dict if it does not exist."""
    return _load(folder / "pyproject.toml")


def _member_folders(root: Path) -> Iterator[Path]:
    workspace = _hatch_configuration(root).get("envs", {}).get("default", {}).get("workspace", {})
    excluded = workspace.get("exclude", [])
    for member in workspace.get("members", []):
        pattern = member["path"] if isinstance(member, dict) else member
        # Members may be outside of the root (`../lib`), which `Path.glob` does not support.
        path = os.path.normpath(root / Context(str(root)).format(pattern))
        for found in sorted(glob.glob(path)):  # noqa: PTH207
            if not _is_excluded(found, root, excluded) and Path(found, "pyproject.toml").is_file():
                yield Path(found).resolve()


def _is_excluded(folder: str, root: Path, patterns: list[str]) -> bool:
    relative = os.path.relpath(folder, root)
    return any(fnmatch(relative, pattern) or fnmatch(folder, pattern) for pattern in patterns)


def _by_name(folders: list[Path]) -> dict[str, Path]:
    members: dict[str, Path] = {}
    for folder in dict.fromkeys(folders):
        name = project_table(folder).get("project", {}).get("name")
        if not name:
            continue
        first = members.setdefault(canonicalize_name(name), folder)
        if first != folder:
            message = f"Two members of the workspace have the name `{name}`: {first} and {folder}."
            raise LambdaBuildError(message)
    return members


def _hatch_configuration(folder: Path) -> dict[str, Any]:
    # As in hatch itself, `hatch.toml` takes precedence over `pyproject.toml`.
    table: dict[str, Any] = project_table(folder).get("tool", {}).get("hatch", {})
    return {**table, **_load(folder / "hatch.toml")}


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        message = f"Cannot read {path}: {error}"
        raise LambdaBuildError(message) from error
