"""List long prefixes by several ranges of keys at a time.

Each page of a listing names the next one: at 40 ms a page, a million objects take 40 seconds. A
page can also start after any key (``StartAfter``), whether or not there is such a key: ranges of
keys are listed side by side, and their objects given in order. A range that proves long is split
again, and ranges that prove short are put together before they are requested. Where to split is a
guess from the names so far; a bad one costs time and requests, but no object.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from math import ceil
from operator import attrgetter
from queue import SimpleQueue
from typing import NamedTuple, Protocol

from ..entries import Entry
from ..evidence import ListingEvidence
from .requests import Response

_PARALLEL_RANGES = 24
_MOST_POINTS = 256
_PAGES_BEFORE_SPLIT = 12
# The last page of a range goes beyond its end: with many pages, that is little.
_PAGES_OF_A_RANGE = 5
_PAGES_AHEAD = 8


class Page(NamedTuple):
    """A page of a listing.

    Args:
        objects: the objects, in order.
        next_token: the token to request the next page with, or `None` after the last one.
    """

    objects: list[Entry]
    next_token: str | None


class Pages(Protocol):
    """Requests and reads the pages of the objects below one prefix; names are relative to it."""

    def request(
        self, token: str | None = None, *, after: str | None = None, limit: int = 1000
    ) -> Future[Response]:
        """Request the page of a token, or the one that starts after a name."""

    def read(self, response: Response, evidence: ListingEvidence) -> Page:
        """Return the page of a response.

        Raises:
            AWSError: the response is not the page that was requested.
        """

    def evidence(self, after: str | None = None) -> ListingEvidence:
        """Return the evidence of a listing that starts after a name."""


class Listed(NamedTuple):
    """What is known of the names of a range.

    Args:
        first: the first name.
        last: the last name so far.
        pages: the number of pages so far.
        alphabet: the characters of the names, in order.
    """

    first: str
    last: str
    pages: int
    alphabet: Sequence[str]


def list_ranges(
    pages: Pages, first: str, count: int, page: Page, following: Future[Response]
) -> Iterator[list[Entry]]:
    """Yield the objects after the first pages of a listing, in order, by ranges of keys.

    Args:
        pages: the pages of the listing.
        first: the name of the first object.
        count: the number of pages so far.
        page: the last page so far, with objects; not the last one of the listing.
        following: the response that will have the page after it, which was requested already.

    Raises:
        AWSError: a response is not the page that was requested.
    """
    last = page.objects[-1].relative
    rest = _Range(pages, last, following=following)
    rest.find_split(Listed(first, last, count, _alphabet(page.objects)))
    yield from _Listing(rest, len(page.objects)).objects()


def count_shared(one: str, other: str) -> int:
    """Return with how many equal characters two names begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def split_points(listed: Listed, following: Sequence[str]) -> list[str]:
    """Return names at which the rest of a range is split, in order.

    They follow the last name as a counter would: with other values of the character that changes
    from page to page, some pages apart, and then of characters before it, each of whose values is
    expected to hold as much.

    Args:
        listed: what is known of the names.
        following: names to come, each the next one that has fewer characters in common with the
            last name than the one before.
    """
    first, last, pages, alphabet = listed
    changing = count_shared(first, last)
    if changing >= len(last):
        return []
    values = _of_kind(alphabet, last[changing])
    start, end = bisect_left(values, first[changing:][:1]), bisect_right(values, last[changing])
    step = ceil(_PAGES_OF_A_RANGE * max(1, end - start) / pages)
    points = [last[:changing] + value for value in values[end:][step - 1 :: step]]
    of_one_value, depth, inside = pages / max(1, end - start), changing, [""]
    for name in following:
        shared = count_shared(name, last)
        between = last[shared + 1 : depth]
        inside = [between + value + rest for value in values[::step] for rest in inside]
        # The first one is where the value itself begins.
        inside = ["", *inside[1 :: max(1, len(inside) // _MOST_POINTS)]]
        of_one_value *= len(values)
        step = ceil(_PAGES_OF_A_RANGE / of_one_value)
        depth, values = shared, _of_kind(alphabet, name[shared])
        here = [value for value in values if value >= name[shared]]
        points += [last[:shared] + value + rest for value in here for rest in inside]
    return points[:: max(1, ceil(len(points) / _MOST_POINTS))]


def _of_kind(alphabet: Sequence[str], character: str) -> list[str]:
    """Return the characters that are digits, upper or lower case letters, as another one is.

    Where a digit stands, further names mostly have a digit. If not, a range proves long.
    """
    kind = _kind(character)
    return sorted({character, *(other for other in alphabet if _kind(other) == kind)})


def _kind(character: str) -> tuple[bool, bool, bool]:
    return character.isdecimal(), character.isupper(), character.islower()


def _alphabet(objects: Sequence[Entry]) -> list[str]:
    return sorted(set().union(*(entry.relative for entry in objects)))


class _Range:
    """The objects after one name, up to and including another.

    It requests one page after the other. If it proves long, it looks for names to come, with one
    small request for each, and is split.

    Args:
        pages: the pages of the listing.
        after: the name that they come after.
        through: the last name; `None` for the end of the listing.
        following: the response that will have the first page, if that was requested already.

    Attributes:
        waiting: the objects that have arrived, page by page.
        count: the number of all objects that have arrived.
        parts: the number of ranges that it was put together from.
        is_last: whether a page tells that there is no name after it.
        next_name: the first name after it, if a page tells.
        is_begun: whether anything was requested.
        is_complete: whether all objects have arrived, or are in the ranges that it was split into.
        awaited: the response to the latest request, until it is taken.
    """

    def __init__(
        self,
        pages: Pages,
        after: str,
        through: str | None = None,
        following: Future[Response] | None = None,
    ) -> None:
        self.waiting: deque[list[Entry]] = deque()
        self.count = 0
        self.parts = 1
        self.is_last = False
        self.next_name: str | None = None
        self.is_begun = following is not None
        self.is_complete = False
        self.awaited: Future[Response] | None = None
        self._pages = pages
        self._evidence = pages.evidence(after)
        self._after = after
        self._through = through
        self._token: str | None = None
        self._requested = following
        self._first: str | None = None
        self._listed_pages = 0
        self._pages_before_split = _PAGES_BEFORE_SPLIT
        self._listed: Listed | None = None
        self._following: list[str] = []
        self._beyond = after
        self._depth = 0

    def is_empty_after(self, other: _Range) -> bool:
        """Tell whether nothing is in the range, as one before it has shown."""
        if other.is_last:
            return True
        if self._through is None or other.next_name is None:
            return False
        return self._through < other.next_name

    def extend(self, following: Sequence[_Range]) -> None:
        """Add the ranges that follow, of which none is begun."""
        if following:
            self.parts += len(following)
            self._through = following[-1]._through

    def request(self) -> Future[Response]:
        """Send the next request, unless it was sent already."""
        self.is_begun = True
        if self._listed is not None:
            self.awaited = self._pages.request(after=self._beyond, limit=1)
        elif self._requested is not None:
            self.awaited, self._requested = self._requested, None
        elif self._token:
            self.awaited = self._pages.request(self._token)
        else:
            self.awaited = self._pages.request(after=self._after)
        return self.awaited

    def take(self, response: Response) -> list[_Range]:
        """Take a response, and return the ranges that the rest is split into, if it is."""
        self.awaited = None
        if self._listed is None:
            self._add(self._pages.read(response, self._evidence))
            return []
        page = self._pages.read(response, self._pages.evidence())
        return self._follow(self._listed, page.objects[0].relative if page.objects else None)

    def find_split(self, listed: Listed) -> None:
        """Let the next requests find where to split the range."""
        self._listed, self._following = listed, []
        self._beyond, self._depth = listed.last, len(listed.last) + 1

    def _add(self, page: Page) -> None:
        self._listed_pages += 1
        objects, self._token = page
        self.is_complete = self.is_last = page.next_token is None
        through = self._through
        if through is not None and objects and objects[-1].relative >= through:
            end = bisect_right(objects, through, key=attrgetter("relative"))
            if beyond := objects[end:]:
                self.is_last, self.next_name = False, beyond[0].relative
            objects, self.is_complete = objects[:end], True
        if not objects:
            return
        self.count += len(objects)
        self._first = self._first or objects[0].relative
        self._after = objects[-1].relative
        self.waiting.append(objects)
        if not self.is_complete and self._listed_pages >= self._pages_before_split:
            alphabet = _alphabet(objects)
            self.find_split(Listed(self._first, self._after, self._listed_pages, alphabet))

    def _follow(self, listed: Listed, name: str | None) -> list[_Range]:
        """Take the next name of those that have fewer characters in common with the last one."""
        if name is not None and name <= self._beyond:
            # The service does not know StartAfter.
            return self._stay_whole(sys.maxsize)
        if name is not None and (self._through is None or name <= self._through):
            is_next = self._beyond == listed.last
            depth = count_shared(listed.first if is_next else name, listed.last)
            if depth < self._depth:
                if not is_next:
                    self._following.append(name)
                self._beyond, self._depth = f"{listed.last[:depth]}~", depth
                if depth:
                    return []
        points = split_points(listed, self._following)
        if self._through is not None:
            points = [point for point in points if point < self._through]
        return self._split(points) if points else self._stay_whole(4 * self._listed_pages)

    def _stay_whole(self, pages_before_split: int) -> list[_Range]:
        self._listed, self._pages_before_split = None, max(pages_before_split, _PAGES_BEFORE_SPLIT)
        return []

    def _split(self, points: list[str]) -> list[_Range]:
        self.is_complete = True
        ends = [*points[1:], self._through]
        return [
            _Range(self._pages, self._after, points[0], self._requested),
            *(
                _Range(self._pages, after, through)
                for after, through in zip(points, ends, strict=True)
            ),
        ]


class _Listing:
    """Ranges, in order; those at the front are listed side by side.

    Args:
        whole: the range of all objects.
        page_size: the number of objects on a page.
    """

    def __init__(self, whole: _Range, page_size: int) -> None:
        # The front is at the end.
        self._ranges = [whole]
        self._arrived: SimpleQueue[_Range] = SimpleQueue()
        self._objects_wanted = _PAGES_OF_A_RANGE * page_size
        self._listed_parts = 0
        self._listed_objects = 0

    def objects(self) -> Iterator[list[Entry]]:
        """Yield the objects of all ranges, page by page."""
        while self._ranges:
            front = self._ranges[-1]
            self._request_ahead()
            while not (front.waiting or front.is_complete):
                self._take()
                self._request_ahead()
            while front.waiting:
                yield front.waiting.popleft()
            if front.is_complete:
                self._ranges.remove(front)

    def _request_ahead(self) -> None:
        number = 0
        while number < min(_PARALLEL_RANGES, len(self._ranges)):
            one = self._ranges[-1 - number]
            if not one.is_begun:
                self._lengthen(len(self._ranges) - 1 - number)
            is_full = number > 0 and len(one.waiting) >= _PAGES_AHEAD
            if one.awaited is None and not (one.is_complete or is_full):
                one.request().add_done_callback(partial(self._note_arrival, one))
            number += 1

    def _lengthen(self, position: int) -> None:
        """Put a range together with those after it, if the ranges so far have proven short."""
        if not self._listed_objects:
            return
        parts = self._objects_wanted * self._listed_parts // self._listed_objects
        first = position
        while first > 0 and position - first + 1 < parts and not self._ranges[first - 1].is_begun:
            first -= 1
        self._ranges[position].extend(self._ranges[first:position][::-1])
        del self._ranges[first:position]

    def _note_arrival(self, one: _Range, _: Future[Response]) -> None:
        self._arrived.put(one)

    def _take(self) -> None:
        one = self._arrived.get()
        if one.awaited is not None and (parts := one.take(one.awaited.result())):
            position = self._ranges.index(one)
            self._ranges[position:position] = reversed(parts)
        elif one.is_complete:
            self._listed_parts += one.parts
            self._listed_objects += one.count
            self._drop_empty(self._ranges.index(one))

    def _drop_empty(self, position: int) -> None:
        """Drop the ranges, of which none is begun, that one before them has shown to be empty."""
        one, first = self._ranges[position], position
        while first > 0 and self._ranges[first - 1].is_empty_after(one):
            first -= 1
        begun = [other for other in self._ranges[first:position] if other.is_begun]
        self._ranges[first:position] = begun
