"""Build the wheels of the project and of the siblings that it requires."""

from __future__ import annotations

import os
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from hatchling.builders.utils import get_reproducible_timestamp
from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from uv import find_uv_bin

from .errors import LambdaBuildError
from .process import run
from .workspace import project_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from .platforms import Platform
    from .workspace import Workspace


@dataclass(frozen=True)
class Wheel:
    """A wheel built from the workspace.

    Attributes:
        path: Path of the wheel.
        name: Normalized name of the distribution.
        version: Version.
        requirements: All requirements, for every platform and extra.
        extras: Names of its extras.
    """

    path: Path
    name: str
    version: Version
    requirements: tuple[Requirement, ...]
    extras: frozenset[str]


def build_wheels(
    project: Path,
    *,
    features: Iterable[str],
    workspace: Workspace,
    platforms: Collection[Platform],
    excluded: Collection[str],
    destination: Path,
) -> list[Wheel]:
    """Build wheels of a project and of the siblings that it requires, directly or indirectly.

    Args:
        project: Folder of the project.
        features: Requested extras of the project.
        workspace: Workspace with the siblings.
        platforms: Platforms whose requirements apply.
        excluded: Names of siblings to leave out.
        destination: Folder for the wheels.

    Returns:
        The wheels, that of the project first.

    Raises:
        LambdaBuildError: A wheel cannot be built, or a sibling has the wrong version.
    """
    first = _build_wheel(project, destination / "project")
    _check_features(first, features)
    wheels = {first.name: first}
    pending = [(first, frozenset(features))]
    seen: set[tuple[str, frozenset[str]]] = set()
    while pending:
        wheel, extras = pending.pop(0)
        if (wheel.name, extras) in seen:
            continue
        seen.add((wheel.name, extras))
        for requirement in _requirements_in(wheel, extras, platforms):
            name = canonicalize_name(requirement.name)
            if name not in workspace.members or name in excluded:
                continue
            if name not in wheels:
                wheels[name] = _build_wheel(workspace.members[name], destination / name)
            _check_sibling(wheel, requirement, wheels[name])
            pending.append((wheels[name], frozenset(requirement.extras)))
    return list(wheels.values())


def _check_features(wheel: Wheel, features: Iterable[str]) -> None:
    if unknown := sorted(set(features) - wheel.extras):
        message = (
            f"`features` contains {unknown[0]!r}, but the optional dependencies of "
            f"`{wheel.name}` are: {', '.join(sorted(wheel.extras)) or 'none'}."
        )
        raise LambdaBuildError(message)


def _requirements_in(
    wheel: Wheel, extras: Collection[str], platforms: Collection[Platform]
) -> Iterator[Requirement]:
    for item in wheel.requirements:
        if any(platform.applies(item, extras) for platform in platforms):
            yield item


def _check_sibling(dependent: Wheel, requirement: Requirement, sibling: Wheel) -> None:
    if requirement.url:
        message = (
            f"`{dependent.name}` requires `{requirement.name}` by direct reference "
            f"({requirement.url}). It is a member of the workspace: require it by name and "
            f"version range."
        )
        raise LambdaBuildError(message)
    if not requirement.specifier.contains(sibling.version, prereleases=True):
        message = (
            f"`{dependent.name}` {dependent.version} requires `{requirement}`, but the workspace "
            f"has `{sibling.name}` {sibling.version}. Change the range in the pyproject.toml of "
            f"`{dependent.name}`, or the version of `{sibling.name}`."
        )
        raise LambdaBuildError(message)


def _build_wheel(project: Path, destination: Path) -> Wheel:
    destination.mkdir(parents=True)
    result = run(
        _build_command(project, destination),
        folder=project,
        environment={**os.environ, "SOURCE_DATE_EPOCH": str(get_reproducible_timestamp())},
    )
    built = list(destination.glob("*.whl"))
    if result.returncode or not built:
        message = (
            f"Cannot build the wheel of {project}. Output of the build backend:\n\n"
            f"{(result.stdout + result.stderr).strip()}"
        )
        raise LambdaBuildError(message)
    return read_wheel(built[0])


def _build_command(project: Path, destination: Path) -> list[str]:
    if can_build_here(project_table(project).get("build-system", {})):
        target = ["--target", "wheel", "--directory", str(destination)]
        return [sys.executable, "-m", "hatchling", "build", *target]
    options = ["--python", sys.executable, "--no-config", "--no-sources", "--color", "never"]
    return [find_uv_bin(), "build", "--wheel", "--out-dir", str(destination), *options]


def can_build_here(build_system: dict[str, object]) -> bool:
    """Return whether a project can be built in this environment, without an isolated build.

    That takes a quarter of the time and no network.

    Args:
        build_system: The table `build-system` of the project.

    Returns:
        Whether the build backend is hatchling, and its requirements are installed.
    """
    requires = build_system.get("requires", [])
    if build_system.get("build-backend") != "hatchling.build" or not isinstance(requires, list):
        return False
    return all(_is_installed(Requirement(item)) for item in requires)


def _is_installed(requirement: Requirement) -> bool:
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return False
    return requirement.specifier.contains(found, prereleases=True)


def read_wheel(path: Path) -> Wheel:
    """Read name, version and requirements of a wheel."""
    with zipfile.ZipFile(path) as archive:
        metadata_path = next(
            name
            for name in archive.namelist()
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1
        )
        metadata, _ = parse_email(archive.read(metadata_path))
    return Wheel(
        path=path,
        name=canonicalize_name(metadata["name"]),
        version=Version(metadata["version"]),
        requirements=tuple(Requirement(item) for item in metadata.get("requires_dist", [])),
        extras=frozenset(map(canonicalize_name, metadata.get("provides_extra", []))),
    )
