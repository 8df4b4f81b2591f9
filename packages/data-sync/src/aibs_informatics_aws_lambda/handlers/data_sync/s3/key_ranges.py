"""List long prefixes by several ranges of keys at a time.

Each page of a listing names the next one: at 40 ms a page, a million objects take 40 seconds. A
page can also start after any key (``StartAfter``), whether or not there is such a key: ranges of
keys are listed side by side, and their objects given in order. A range that proves long is split
again, and ranges that prove short are put together before they are requested. Where names go
through folders, one request lists those to come (``key_folders``). Elsewhere, where to split is a
guess from the names so far, which small requests check while the range is listed; a bad one costs
time and requests, but no object.
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
from .key_folders import Folders, count_shared, find_folders, split_at_folders
from .requests import Response

_PARALLEL_RANGES = 24
_MOST_POINTS = 1024
_PAGES_BEFORE_SPLIT = 7
# The last page of a range goes beyond its end: with many pages, that is little.
_PAGES_OF_A_RANGE = 5
_PAGES_AHEAD = 8
# Probes are sent in rounds, each beside the request for a page of the range.
_PROBES = 5
_LENGTHS_PROBED = 2
_ROUNDS_OF_PROBES = 3


class Page(NamedTuple):
    """A page of a listing.

    Args:
        objects: the objects, in order.
        next_token: the token to request the next page with, or `None` after the last one.
        prefixes: with a delimiter, the common prefixes, relative to the prefix that is listed.
    """

    objects: list[Entry]
    next_token: str | None
    prefixes: Sequence[str] = ()


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

    def request_folders(self, parent: str, after: str) -> Future[Response]:
        """Request the names of the folders in another one that come after a name."""

    def read_folders(self, awaited: Future[Response], parent: str) -> Page:
        """Return the page of such a response, with the folders as its prefixes.

        It is empty if the service refuses the request.
        """


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
    rest = _Range(pages, page.objects[-1].relative, following=following)
    rest.begin_search(first, count, page.objects)
    yield from _Listing(rest, len(page.objects)).objects()


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


def choose_probes(points: Sequence[str]) -> list[str]:
    """Return the split points to check next: the last one, and others, evenly spread."""
    count = min(len(points), _PROBES)
    return [points[len(points) * number // count - 1] for number in range(1, count + 1)]


def remove_empty(points: Sequence[str], probe: str, name: str | None) -> list[str]:
    """Return split points without those that a probe has shown to be followed by nothing.

    Where the names end before a value of a character, as days do before 40, they are expected to
    end before it after the same character elsewhere as well.

    Args:
        points: the split points, in order.
        probe: the split point that was checked.
        name: the first name after it, or `None` if the range has none.
    """
    before = [point for point in points if point < probe]
    if name is None:
        return before
    following = points[max(len(before), bisect_left(points, name) - 1) :]
    if name.startswith(probe[:-1]):
        return [*before, *following]
    end = len(probe)
    return before + [
        point
        for point in following
        if point[end - 2 : end - 1] != probe[-2:-1] or not probe[-1] <= point[end - 1 : end] <= "~"
    ]


def points_before(points: Sequence[str], names: Sequence[str | None]) -> list[str]:
    """Return the split points that are each the last one before a name."""
    positions = {bisect_left(points, name) for name in names if name is not None}
    return [points[position - 1] for position in sorted(positions) if position]


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


class _AwaitedFolders(NamedTuple):
    """The folders so far, and the response that will have those that follow."""

    known: Folders
    response: Future[Response]


class _Range:
    """The objects after one name, up to and including another.

    It requests one page after the other. If it proves long, it looks for names to come, with small
    requests (probes) beside those for its pages, and is split before them. A request for folders
    holds up no page: some services look at all objects in them first.

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
        awaited: the responses to the latest requests, of a page and of probes, until taken.
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
        self.awaited: list[Future[Response]] = []
        self._pages = pages
        self._evidence = pages.evidence(after)
        self._after = after
        self._through = through
        self._token: str | None = None
        self._has_tokens = following is not None
        self._requested = following
        self._first: str | None = None
        self._listed_pages = 0
        self._pages_before_split = _PAGES_BEFORE_SPLIT
        self._listed = Listed("", "", 0, [])
        self._following: list[str] = []
        self._points: list[str] = []
        self._probes: list[str] = []
        self._rounds = 0
        self._folders: Folders | None = None
        self._awaited_folders: _AwaitedFolders | None = None
        self._has_folders = True

    def is_empty_after(self, other: _Range) -> bool:
        """Return whether nothing is in the range, as one before it has shown."""
        if other.is_last:
            return True
        if self._through is None or other.next_name is None:
            return False
        return self._through < other.next_name

    def extend(self, following: Sequence[_Range]) -> None:
        """Add the ranges that follow, of which none is begun."""
        if following:
            last = following[-1]
            self.parts += len(following)
            self._through, self._folders = last._through, last._folders

    def request(self) -> list[Future[Response]]:
        """Send the next requests: for a page, unless it was requested already, and others."""
        self.is_begun = True
        probes = [self._pages.request(after=probe, limit=1) for probe in self._probes]
        folders = self._request_folders()
        self.awaited = [self._request_page(), *probes]
        return [*self.awaited, *folders]

    def take(self) -> list[_Range]:
        """Take what has arrived, and return the ranges that are split off behind this one."""
        if self.awaited and all(future.done() for future in self.awaited):
            parts = self._take_page()
            if parts or self.is_complete:
                return parts
        folders = self._awaited_folders
        if folders is None or not folders.response.done():
            return []
        self._awaited_folders = None
        return self._split_before(folders)

    def _request_folders(self) -> list[Future[Response]]:
        if self._folders is None:
            return []
        folders, self._folders = self._folders, None
        response = self._pages.request_folders(folders.parent, folders.end)
        self._awaited_folders = _AwaitedFolders(folders, response)
        return [response]

    def _take_page(self) -> list[_Range]:
        page, *sent = self.awaited
        probes, self.awaited = self._probes, []
        self._add(self._pages.read(page.result(), self._evidence))
        found = [future.result() for future in sent]
        names = [self._first_name(response) for response in found]
        if self.is_complete or not names:
            return []
        if any(name <= probe for probe, name in zip(probes, names, strict=True) if name):
            # The service does not know StartAfter.
            return self._stay_whole(sys.maxsize)
        names = [name if name and self._is_within(name) else None for name in names]
        return self._check(probes, names) if self._points else self._follow(names)

    def begin_search(self, first: str, pages: int, objects: Sequence[Entry]) -> None:
        """Let the next requests find where to split the range.

        Args:
            first: the first name.
            pages: the number of pages so far.
            objects: the objects of the latest page.
        """
        if self._awaited_folders is not None:
            # By now, probes would have told where to split it.
            self._awaited_folders, self._has_folders = None, False
        if self._has_folders:
            self._folders = find_folders([entry.relative for entry in objects])
        if self._folders is None:
            self.find_split(Listed(first, objects[-1].relative, pages, _alphabet(objects)))
        else:
            self._pages_before_split = self._listed_pages + _PAGES_BEFORE_SPLIT

    def find_split(self, listed: Listed) -> None:
        """Let the next requests find where to split the range, without folders."""
        self._listed, self._following, self._points = listed, [], []
        self._look_behind(count_shared(listed.first, listed.last))

    def _split_before(self, awaited: _AwaitedFolders) -> list[_Range]:
        """Split the range before the folders that follow."""
        folders = awaited.known
        page = self._pages.read_folders(awaited.response, folders.parent)
        if any(name <= folders.end for name in page.prefixes):
            # The service does not know StartAfter.
            return self._stay_whole(sys.maxsize)
        following = [
            name for name in page.prefixes if self._after < name and self._is_within(name)
        ]
        if not following:
            self._has_folders, self._pages_before_split = False, self._listed_pages + 1
            return []
        is_all = page.next_token is None
        split = split_at_folders(
            folders, following, _PARALLEL_RANGES, _PAGES_OF_A_RANGE, is_all=is_all
        )
        parts = self._split(split.points)
        if parts and parts[-1]._after == split.points[-1]:
            parts[-1]._folders = split.rest
        return parts

    def _request_page(self) -> Future[Response]:
        if self._requested is not None:
            requested, self._requested = self._requested, None
            return requested
        if self._token:
            return self._pages.request(self._token)
        return self._pages.request(after=self._after)

    def _first_name(self, response: Response) -> str | None:
        objects = self._pages.read(response, self._pages.evidence()).objects
        return objects[0].relative if objects else None

    def _is_within(self, name: str) -> bool:
        return self._through is None or name <= self._through

    def _add(self, page: Page) -> None:
        self._listed_pages += 1
        objects = page.objects
        # Of a page that starts after a name that is no key, MinIO gives a token that leaves out a
        # key, https://github.com/minio/minio/issues/21463: the next one starts after the last key.
        self._token = page.next_token if self._has_tokens or not objects else None
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
        is_long = self._listed_pages >= self._pages_before_split
        if is_long and not (self.is_complete or self._probes):
            self.begin_search(self._first, self._listed_pages, objects)

    def _look_behind(self, shared: int) -> list[_Range]:
        """Look for names that have fewer characters in common with the last one, if any can."""
        if not shared:
            return self._narrow(split_points(self._listed, self._following), self._following, 0)
        lengths = range(shared, max(0, shared - _LENGTHS_PROBED), -1)
        self._probes = [f"{self._listed.last[:length]}~" for length in lengths]
        return []

    def _follow(self, names: Sequence[str | None]) -> list[_Range]:
        """Take the first names that have fewer characters in common with the last one."""
        shared = len(self._probes[0]) - 1
        for probe, name in zip(self._probes, names, strict=True):
            length = len(probe) - 1
            if length > shared:
                # The name before is the first one after this probe as well.
                continue
            shared = 0 if name is None else count_shared(name, self._listed.last)
            if name is None or shared >= length:
                return self._look_behind(0)
            self._following.append(name)
        return self._look_behind(shared)

    def _check(self, probes: Sequence[str], names: Sequence[str | None]) -> list[_Range]:
        """Split the range at all points, if names follow all probes, or at those before names."""
        points = self._points
        for probe, name in zip(probes, names, strict=True):
            points = remove_empty(points, probe, name)
        if len(points) == len(self._points):
            return self._split(points)
        return self._narrow(points, names, self._rounds + 1)

    def _narrow(
        self, points: Sequence[str], names: Sequence[str | None], rounds: int
    ) -> list[_Range]:
        """Split the range at the points before names, and let further probes check the others."""
        parts = self._split(points_before(points, names))
        if rounds < _ROUNDS_OF_PROBES:
            for part in [self, *parts]:
                part._points = part._points_within(points)
                part._probes, part._rounds = choose_probes(part._points), rounds
        return parts

    def _points_within(self, points: Sequence[str]) -> list[str]:
        return [
            point
            for point in points
            if point > self._after and (self._through is None or point < self._through)
        ]

    def _stay_whole(self, pages_before_split: int) -> list[_Range]:
        self._points, self._probes = [], []
        self._pages_before_split = max(pages_before_split, _PAGES_BEFORE_SPLIT)
        return []

    def _split(self, points: Sequence[str]) -> list[_Range]:
        points = self._points_within(points)
        if not points:
            return self._stay_whole(4 * self._listed_pages)
        ends = [*points[1:], self._through]
        self._stay_whole(_PAGES_BEFORE_SPLIT)
        self._through, self._first, self._listed_pages = points[0], None, 0
        return [
            _Range(self._pages, after, through)
            for after, through in zip(points, ends, strict=True)
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
            if not (one.awaited or one.is_complete or is_full):
                for future in one.request():
                    future.add_done_callback(partial(self._note_arrival, one))
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
        if one.is_complete:
            # What arrived is about folders, and no longer needed.
            return
        parts, position = one.take(), self._ranges.index(one)
        self._ranges[position:position] = reversed(parts)
        if one.is_complete:
            self._listed_parts += one.parts
            self._listed_objects += one.count
            self._drop_empty(position)

    def _drop_empty(self, position: int) -> None:
        """Drop the ranges, of which none is begun, that one before them has shown to be empty."""
        one, first = self._ranges[position], position
        while first > 0 and self._ranges[first - 1].is_empty_after(one):
            first -= 1
        begun = [other for other in self._ranges[first:position] if other.is_begun]
        self._ranges[first:position] = begun
