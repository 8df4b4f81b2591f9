"""Read the distributions installed in a folder."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

from .errors import LambdaBuildError
from .prune import is_kept

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
    """

    name: str
    version: str
    metadata: RawMetadata
    tags: frozenset[Tag]
    files: Mapping[str, str]

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


def _hash_of(file: PackagePath) -> str:
    return f"{file.hash.mode}={file.hash.value}" if file.hash else ""


def owners(installed: Iterable[Distribution]) -> dict[str, str]:
    """Return the distribution that each file of the archive belongs to.

    Args:
        installed: Distributions in one tree.

    Returns:
        Name of the distribution by path; the first by name where several have an identical file.

    Raises:
        LambdaBuildError: Two distributions have different files at the same path. Which of them
            is installed depends on the order, so the archive would not be reproducible.
    """
    claims: dict[str, dict[str, str]] = defaultdict(dict)
    for distribution in installed:
        for path, digest in distribution.files.items():
            if is_kept(path):
                claims[path][distribution.name] = digest
    disputed = {path for path, digests in claims.items() if len(set(digests.values())) > 1}
    for path in sorted(disputed):
        if not _is_stray(path):
            names = " and ".join(f"`{name}`" for name in sorted(claims[path]))
            message = (
                f"{names} have different files at the same path `{path}`. Rename it in one of "
                f"them, or leave one of them out with `exclude-dependencies`."
            )
            raise LambdaBuildError(message)
    return {path: min(digests) for path, digests in claims.items() if path not in disputed}


def duplicate_licenses(project: Distribution, siblings: Iterable[Distribution]) -> set[str]:
    """Find license files of siblings that are identical to one of the project.

    Args:
        project: Distribution of the project.
        siblings: Other distributions of the same workspace.

    Returns:
        Paths of the duplicate license files.
    """
    own = {digest for path, digest in project.files.items() if _is_license(path)}
    return {
        path
        for sibling in siblings
        for path, digest in sibling.files.items()
        if digest in own and _is_license(path)
    }


def _is_license(path: str) -> bool:
    return ".dist-info/licenses/" in path


def _is_stray(path: str) -> bool:
    # A README.md or similar next to the packages, installed there by mistake.
    return "/" not in path and not path.endswith((".py", ".so"))
