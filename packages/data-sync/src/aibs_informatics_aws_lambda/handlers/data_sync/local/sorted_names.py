"""The names in a folder, in order: all but the first thousands are sorted on disk."""

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, TypeAlias

Name: TypeAlias = tuple[str, bool]
"""A name in a folder, and whether it is a symlink to a folder that is followed. The names of
folders end in a slash, so that they sort as the paths below them do."""

SORTED_IN_MEMORY = 50_000

# No name has a slash, but at its end.
_LINE_END, _ESCAPED = "\n", "//"


def sort_names(names: Iterator[Name]) -> Iterable[Name]:
    """Return names in order, to be read once.

    Raises:
        OSError: they cannot be written to temporary files.
    """
    runs: list[IO[str]] = []
    try:
        while len(run := sorted(islice(names, SORTED_IN_MEMORY))) == SORTED_IN_MEMORY:
            runs.append(_written(run))
    except BaseException:
        for file in runs:
            file.close()
        raise
    return heapq.merge(run, *map(_read, runs)) if runs else run


def _written(names: Iterable[Name]) -> IO[str]:
    file = tempfile.TemporaryFile(  # noqa: SIM115
        "w+", encoding="utf-8", errors="surrogateescape", newline=_LINE_END
    )
    file.writelines(
        f"{text.replace(_LINE_END, _ESCAPED)} {int(is_symlink)}\n" for text, is_symlink in names
    )
    file.seek(0)
    return file


def _read(file: IO[str]) -> Iterator[Name]:
    with file:
        for line in file:
            yield line[:-3].replace(_ESCAPED, _LINE_END), line[-2] == "1"
