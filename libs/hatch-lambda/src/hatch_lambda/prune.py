"""Decide which installed files are left out of the archive, and remove them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .errors import LambdaBuildError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

RULES = {
    "bytecode": "bytecode in `__pycache__`, which the build compiles again",
    "descriptions": "long descriptions in core metadata",
    "duplicate-licenses": "license files of siblings that are identical to that of the project",
    "entry-point-scripts": "scripts in `bin/` that are generated for entry points of the project "
    "and its siblings",
    "extension-sources": "C, C++ and Cython sources of dependencies",
    "metadata": "files in `.dist-info` that are not read at run time, such as WHEEL",
    "top-level-files": "files beside the packages, such as README.md, that differ between "
    "distributions",
    "type-markers": "`py.typed`, which only type checkers read",
    "type-stubs": "type stubs of dependencies, unless the module of the same name loads them",
}
"""Rules by which files are left out, with a description of the files."""

EXCLUDED = "exclude-files"
"""The rule of files that the option `exclude-files` matches."""

_EXTENSION_SOURCES = frozenset(
    (".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".pxd", ".pxi", ".pyx")
)
# Written by the installer, with paths of this machine: not part of a distribution.
_INSTALLER_FILES = frozenset(
    ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json")
)
# Files of a `.dist-info` folder that importlib.metadata and scanners read or licenses require.
_KEPT_METADATA = re.compile(
    r"METADATA$|entry_points\.txt$|sboms/|licen[cs]e|copying|notice|authors", re.IGNORECASE
)
# A module that loads its stub (lazy_loader.attach_stub, and hand-written loaders).
_LOADS_STUB = re.compile(rb"attach_stub|\.pyi\b")
_DESCRIPTION_HEADERS = (b"description:", b"description-content-type:")


@dataclass(frozen=True)
class Dropped:
    """A file, or a part of it, that is left out of the archive.

    Attributes:
        path: Path in the tree.
        distribution: Name of its distribution.
        rule: Name of the rule: one of `RULES`, or `exclude-files`.
        bytes: Size of what is left out.
    """

    path: str
    distribution: str
    rule: str
    bytes: int


def is_packable(path: str) -> bool:
    """Return whether an installed file is part of a distribution and inside of the tree.

    Args:
        path: Path in the tree, with slashes, as in RECORD.

    Returns:
        False for files written by the installer, and for paths outside of the tree.
    """
    file = PurePosixPath(path)
    if ".." in file.parts or file.is_absolute():
        return False
    is_metadata = file.parts[0].endswith(".dist-info")
    return not (is_metadata and len(file.parts) == 2 and file.name in _INSTALLER_FILES)


def rule_for(
    path: str, *, is_local: bool, scripts: Collection[str], stubs: Collection[str]
) -> str | None:
    """Return the rule by which a file is left out, or `None` if it is packed.

    Args:
        path: Path in the tree, with slashes.
        is_local: Whether it belongs to the project or to a sibling, whose wheels select the files
            to pack.
        scripts: Names of the scripts generated for entry points of its distribution.
        stubs: Paths of the type stubs that are loaded at run time.

    Returns:
        Name of a rule in `RULES`.
    """
    file = PurePosixPath(path)
    if "__pycache__" in file.parts:
        return "bytecode"
    if file.parts[0].endswith(".dist-info"):
        is_kept = _KEPT_METADATA.match("/".join(file.parts[1:]))
        return None if is_kept else "metadata"
    if file.name == "py.typed":
        return "type-markers"
    if is_local:
        is_script = file.parts[0] == "bin" and file.name in scripts
        return "entry-point-scripts" if is_script else None
    if file.suffix == ".pyi" and path not in stubs:
        return "type-stubs"
    return "extension-sources" if file.suffix in _EXTENSION_SOURCES else None


def find_loaded_stubs(tree: Path, paths: Collection[str]) -> set[str]:
    """Return the type stubs that are loaded at run time, by the module of the same name.

    Args:
        tree: Folder with the installed distributions.
        paths: Paths in the tree, with slashes.
    """
    modules = {path[:-1]: path for path in paths if path.endswith(".pyi")}
    return {
        stub
        for module, stub in modules.items()
        if module in paths and _LOADS_STUB.search((tree / module).read_bytes())
    }


def match_files(paths: Collection[str], patterns: Iterable[str]) -> set[str]:
    """Return the files that match patterns of the user.

    Args:
        paths: Paths in the tree, with slashes.
        patterns: Shell patterns; `*` also matches slashes.

    Returns:
        The matching paths.

    Raises:
        LambdaBuildError: A pattern matches no file although its top-level folder exists, so it is
            misspelled or outdated. Without the folder, its distribution was left out.
    """
    tops = {path.partition("/")[0] for path in paths}
    found: set[str] = set()
    for pattern in patterns:
        matches = {path for path in paths if fnmatchcase(path, pattern)}
        top = pattern.partition("/")[0]
        if not matches and any(fnmatchcase(name, top) for name in tops):
            message = (
                f"The pattern {pattern!r} of `exclude-files` matches no file, although {top!r} "
                f"exists. Correct or remove it."
            )
            raise LambdaBuildError(message)
        found |= matches
    return found


def trim_metadata(content: bytes) -> bytes:
    """Remove the long description from core metadata.

    Args:
        content: Content of a METADATA file.

    Returns:
        Its other headers.
    """
    headers = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0]
    return b"".join(line + b"\n" for line in _without_description(headers.splitlines()))


def _without_description(lines: list[bytes]) -> Iterator[bytes]:
    within = False
    for line in lines:
        if not line.startswith((b" ", b"\t")):
            within = line.lower().startswith(_DESCRIPTION_HEADERS)
        if not within:
            yield line


def trim_descriptions(tree: Path, owners: Mapping[str, str]) -> list[Dropped]:
    """Remove the long descriptions of distributions.

    Args:
        tree: Folder with the installed distributions.
        owners: Name of the distribution of each file, by path.

    Returns:
        What was removed.
    """
    dropped = []
    for path in sorted(owners):
        if path.endswith(".dist-info/METADATA"):
            content = (tree / path).read_bytes()
            trimmed = trim_metadata(content)
            (tree / path).write_bytes(trimmed)
            size = len(content) - len(trimmed)
            dropped.append(Dropped(path, owners[path], "descriptions", size))
    return [item for item in dropped if item.bytes > 0]


def prune(tree: Path, kept: Collection[str]) -> None:
    """Delete the files that do not belong in the archive.

    Args:
        tree: Folder with the installed distributions.
        kept: Paths of the files to keep.
    """
    for file in [path for path in tree.rglob("*") if path.is_file()]:
        if file.relative_to(tree).as_posix() not in kept:
            file.unlink()
