"""Read the distributions installed in a folder."""

from __future__ import annotations

from configparser import ConfigParser
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.metadata import PackagePath
    from pathlib import Path

    from packaging.tags import Tag


@dataclass(frozen=True)
class Distribution:
    """An installed distribution.

    Attributes:
        name: Normalized name.
        version: Version.
        metadata: Fields of its METADATA.
        tags: Tags of the wheel it was installed from.
        files: Hash in RECORD, or an empty string, by path in the tree.
        sizes: Size in RECORD in bytes, where known, by path in the tree.
        entry_point_scripts: Names of the scripts that installers generate for its entry points.
    """

    name: str
    version: str
    metadata: RawMetadata
    tags: frozenset[Tag]
    files: Mapping[str, str]
    sizes: Mapping[str, int]
    entry_point_scripts: frozenset[str]

    @property
    def requirements(self) -> list[Requirement]:
        """All requirements, for every platform and extra."""
        return list(_parse(self.metadata.get("requires_dist", [])))


def read_distributions(tree: Path) -> list[Distribution]:
    """Read the distributions installed in a folder.

    Args:
        tree: Folder with the installed distributions.

    Returns:
        The distributions, sorted by name.
    """
    found = []
    for installed in distributions(path=[str(tree)]):
        metadata, _ = parse_email(installed.read_text("METADATA") or "")
        found.append(
            Distribution(
                name=canonicalize_name(metadata["name"]),
                version=metadata["version"],
                metadata=metadata,
                tags=_read_tags(installed.read_text("WHEEL") or ""),
                files={file.as_posix(): _hash_of(file) for file in installed.files or ()},
                sizes={
                    file.as_posix(): file.size
                    for file in installed.files or ()
                    if file.size is not None
                },
                entry_point_scripts=_read_scripts(installed.read_text("entry_points.txt") or ""),
            )
        )
    return sorted(found, key=lambda distribution: distribution.name)


def _parse(requirements: Iterable[str]) -> Iterator[Requirement]:
    for item in requirements:
        # Old distributions have invalid requirements, which uv corrects. Here only the dependency
        # graph of the SBOM uses them.
        with suppress(InvalidRequirement):
            yield Requirement(item)


def _read_tags(wheel: str) -> frozenset[Tag]:
    lines = (line.partition(":") for line in wheel.splitlines())
    return frozenset(
        tag for key, _, value in lines if key == "Tag" for tag in parse_tag(value.strip())
    )


def _read_scripts(entry_points: str) -> frozenset[str]:
    groups = ConfigParser(delimiters=("=",), interpolation=None)
    groups.optionxform = str  # type: ignore[assignment,method-assign]
    groups.read_string(entry_points)
    return frozenset(
        name
        for group in ("console_scripts", "gui_scripts")
        if groups.has_section(group)
        for name in groups[group]
    )


def _hash_of(file: PackagePath) -> str:
    return f"{file.hash.mode}={file.hash.value}" if file.hash else ""
