"""Remove files that a function never reads."""

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

# Files of a `.dist-info` folder that importlib.metadata and scanners read or licenses require.
_KEPT_METADATA = re.compile(
    r"METADATA$|entry_points\.txt$|sboms/|licen[cs]e|copying|notice|authors", re.IGNORECASE
)
_DESCRIPTION_HEADERS = (b"description:", b"description-content-type:")


def is_kept(path: str) -> bool:
    """Return whether an installed file belongs in the archive.

    Args:
        path: Path in the tree, with slashes.

    Returns:
        Whether it does.
    """
    file = PurePosixPath(path)
    if file.parts[0] == "bin" or ".." in file.parts or file.is_absolute():
        return False
    if file.parts[0].endswith(".dist-info"):
        return bool(_KEPT_METADATA.match("/".join(file.parts[1:])))
    return file.name != "py.typed" and file.suffix not in _LEFT_OUT_SUFFIXES


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


def prune(tree: Path, kept: Collection[str]) -> None:
    """Delete the files that do not belong in the archive, and trim metadata.

    Args:
        tree: Folder with the installed distributions.
        kept: Paths of the files to keep.
    """
    for file in [path for path in tree.rglob("*") if path.is_file()]:
        path = file.relative_to(tree).as_posix()
        if path not in kept:
            file.unlink()
        elif path.endswith(".dist-info/METADATA"):
            file.write_bytes(trim_metadata(file.read_bytes()))
