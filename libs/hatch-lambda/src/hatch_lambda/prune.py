"""Leaving out of a tree what a function never reads."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .errors import LambdaBuildError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

_SOURCES_OF_EXTENSIONS = frozenset(
    (".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".pxd", ".pxi", ".pyx")
)
_FOR_TYPE_CHECKERS = frozenset((".pyi",))
_BYTECODE = frozenset((".pyc", ".pyo"))
_LEFT_OUT_SUFFIXES = _SOURCES_OF_EXTENSIONS | _FOR_TYPE_CHECKERS | _BYTECODE

# Of a `.dist-info` folder: what importlib.metadata and scanners read, and what licences oblige to.
_KEPT_METADATA = re.compile(
    r"METADATA$|entry_points\.txt$|sboms/|licen[cs]e|copying|notice|authors", re.IGNORECASE
)
_DESCRIPTION_HEADERS = (b"description:", b"description-content-type:")


def is_kept(path: str) -> bool:
    """Whether an installed file goes into the archive.

    Args:
        path: Path in the tree, with slashes.

    Returns:
        Whether it does.
    """
    place = PurePosixPath(path)
    if place.parts[0] == "bin" or ".." in place.parts or place.is_absolute():
        return False
    if place.parts[0].endswith(".dist-info"):
        return bool(_KEPT_METADATA.match("/".join(place.parts[1:])))
    return place.name != "py.typed" and place.suffix not in _LEFT_OUT_SUFFIXES


def match_files(paths: Collection[str], patterns: Iterable[str]) -> set[str]:
    """Find the files that the user wants left out.

    Args:
        paths: Paths in the tree, with slashes.
        patterns: Shell patterns, whose `*` matches slashes as well.

    Returns:
        The paths that match.

    Raises:
        LambdaBuildError: A pattern matches nothing in a folder that is there, so it is misspelt
            or out of date. Where the folder is missing, its distribution was left out.
    """
    tops = {path.partition("/")[0] for path in paths}
    found: set[str] = set()
    for pattern in patterns:
        matches = {path for path in paths if fnmatchcase(path, pattern)}
        top = pattern.partition("/")[0]
        if not matches and any(fnmatchcase(name, top) for name in tops):
            message = (
                f"`exclude-files` has {pattern!r}, which no file matches, although there is "
                f"{top!r}. Mend the pattern, or remove it."
            )
            raise LambdaBuildError(message)
        found |= matches
    return found


def trim_metadata(content: bytes) -> bytes:
    """Cut the long description off core metadata.

    Args:
        content: A METADATA file.

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


def prune(tree: Path, kept: Collection[str]) -> None:
    """Reduce a tree to what goes into the archive.

    Args:
        tree: Folder that was installed into.
        kept: Paths of the files to keep; those of no distribution are traces of the installation.
    """
    for file in [path for path in tree.rglob("*") if path.is_file()]:
        path = file.relative_to(tree).as_posix()
        if path not in kept:
            file.unlink()
        elif path.endswith(".dist-info/METADATA"):
            file.write_bytes(trim_metadata(file.read_bytes()))
