"""The names in a folder, in order: all but the first thousands are sorted on disk."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from ..external_sort import SORTED_IN_MEMORY as SORTED_IN_MEMORY, sort_externally

Name: TypeAlias = tuple[str, bool]
"""A name in a folder, and whether it is a symlink to a folder that is followed. The names of
folders end in a slash, so that they sort as the paths below them do."""


def sort_names(names: Iterator[Name]) -> Iterable[Name]:
    """Return names in order, to be read once.

    Raises:
        OSError: they cannot be written to temporary files.
    """
    return sort_externally(names, in_memory=SORTED_IN_MEMORY)
