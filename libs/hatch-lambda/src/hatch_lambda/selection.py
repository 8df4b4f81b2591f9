"""Select the files of installed distributions that go into the archive."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import LambdaBuildError
from .prune import EXCLUDED, Dropped, find_loaded_stubs, is_packable, match_files, rule_for

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from .distributions import Distribution


@dataclass(frozen=True)
class Selection:
    """The files of an archive.

    Attributes:
        owners: Name of the distribution of each file, by path.
        dropped: Files that are left out.
    """

    owners: Mapping[str, str]
    dropped: Sequence[Dropped]


def select_files(
    tree: Path,
    installed: Sequence[Distribution],
    *,
    local: Sequence[str],
    patterns: Iterable[str],
    keep: Collection[str],
) -> Selection:
    """Select the files that go into the archive.

    Args:
        tree: Folder with the installed distributions.
        installed: The distributions.
        local: Names of the project and its siblings, the project first.
        patterns: Patterns of files that the user excludes.
        keep: Names of rules that do not apply.

    Returns:
        The selection. A file that several distributions have is attributed to the first by name.

    Raises:
        LambdaBuildError: Distributions have different files at the same path, or a pattern
            matches no file.
    """
    candidates = {
        item.name: [path for path in item.files if is_packable(path)] for item in installed
    }
    paths = {path for of_one in candidates.values() for path in of_one}
    excluded = match_files(paths, patterns)
    stubs = find_loaded_stubs(tree, paths)
    duplicates = _duplicate_licenses(installed, local)
    claims: dict[str, dict[str, Distribution]] = defaultdict(dict)
    dropped = []
    for item in installed:
        scripts = item.entry_point_scripts
        for path in candidates[item.name]:
            rule = (
                EXCLUDED
                if path in excluded
                else "duplicate-licenses"
                if path in duplicates
                else rule_for(path, is_local=item.name in local, scripts=scripts, stubs=stubs)
            )
            if rule is None or rule in keep:
                claims[path][item.name] = item
            else:
                dropped.append(_dropped(tree, path, item, rule))
    owned = {}
    for path, claimants in claims.items():
        if not _differ(path, claimants):
            owned[path] = min(claimants)
        elif _is_stray(path) and "top-level-files" not in keep:
            dropped += [_dropped(tree, path, one, "top-level-files") for one in claimants.values()]
        else:
            raise LambdaBuildError(_collision(path, claimants))
    return Selection(owned, sorted(dropped, key=lambda one: (one.path, one.distribution)))


def _dropped(tree: Path, path: str, distribution: Distribution, rule: str) -> Dropped:
    # RECORD has the size of the file of this distribution, also if that of another is installed.
    size = distribution.sizes.get(path)
    if size is None or path.startswith("bin/"):
        size = (tree / path).stat().st_size if (tree / path).is_file() else 0
    return Dropped(path, distribution.name, rule, size)


def _differ(path: str, claimants: Mapping[str, Distribution]) -> bool:
    return len({item.files[path] for item in claimants.values()}) > 1


def _collision(path: str, claimants: Mapping[str, Distribution]) -> str:
    names = " and ".join(f"`{name}`" for name in sorted(claimants))
    return (
        f"{names} have different files at the same path `{path}`, and only one of them can be in "
        f"the archive. Rename it in one of them, leave it out with `exclude-files`, or leave one "
        f"of them out with `exclude-dependencies`."
    )


def _duplicate_licenses(installed: Iterable[Distribution], local: Sequence[str]) -> set[str]:
    """Return the license files of siblings that are identical to one of the project."""
    found = {item.name: item for item in installed}
    project, *siblings = (found[name] for name in local)
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
