"""Where to split listings whose keys go through folders: one request lists up to 1,000 of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# If a page goes through more, the 1,000 folders that a response names are few pages.
_MOST_ON_A_PAGE = 300
# The last page of a part goes beyond its end, and a page that ends with it needs another.
_PART_OF_A_PAGE = 0.9
_AFTER_SLASH = chr(ord("/") + 1)


class Folders(NamedTuple):
    """The folders that a listing goes through, side by side in one.

    Args:
        parent: the folder that they are in, with a slash at its end; empty for the whole listing.
        last: the name of the latest one, within the parent and without a slash.
        on_a_page: how many of them a page goes through.
    """

    parent: str
    last: str
    on_a_page: int

    @property
    def end(self) -> str:
        """The name that comes after all names in the latest folder."""
        return f"{self.parent}{self.last}{_AFTER_SLASH}"


class Split(NamedTuple):
    """How to split a range.

    Args:
        points: the names at which to split it, in order.
        rest: the folders that go on behind the last point, if any may.
    """

    points: list[str]
    rest: Folders | None


def count_shared(one: str, other: str) -> int:
    """Return with how many equal characters two names begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def find_folders(names: Sequence[str]) -> Folders | None:
    """Return the folders that the names of a page go through, unless they are one or too many."""
    parent = _common_folder(names[0], names[-1])
    start = len(parent)
    found = {name[start : name.find("/", start)] for name in names if "/" in name[start:]}
    if not 1 < len(found) <= _MOST_ON_A_PAGE:
        return None
    return Folders(parent, names[-1][start:].partition("/")[0], len(found))


def split_at_folders(
    folders: Folders, following: Sequence[str], ranges: int, most_pages: int, *, is_all: bool
) -> Split:
    """Return how to split a range before folders, so that its parts have about as many pages.

    Args:
        folders: the folders so far.
        following: the names of those that follow, at least one, with slashes at their ends.
        ranges: the number of parts that are listed side by side.
        most_pages: the number of pages of a part where there are many.
        is_all: whether no others follow in the same parent.
    """
    pages = len(following) / folders.on_a_page
    of_a_part = min(most_pages, pages / ranges) if is_all else most_pages
    step = max(1, int(folders.on_a_page * max(_PART_OF_A_PAGE, of_a_part)))
    if not is_all:
        last = following[-1]
        rest = folders._replace(last=last[len(folders.parent) : -1])
        return Split([*following[step:-1:step], last], rest)
    points = list(following[step::step])
    if not folders.parent:
        return Split(points, None)
    above = _folder_above(folders.parent)
    # Of their sizes nothing is known; a part that has many pages is split again.
    rest = Folders(above, folders.parent[len(above) : -1], 1)
    return Split([*points, rest.end], rest)


def _folder_above(folder: str) -> str:
    return folder[: folder.rfind("/", 0, -1) + 1]


def _common_folder(one: str, other: str) -> str:
    return one[: one.rfind("/", 0, count_shared(one, other)) + 1]
