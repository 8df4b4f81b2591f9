"""Listings by ranges of keys: the same objects in the same order, with few requests more."""

from __future__ import annotations

from bisect import bisect_right
from concurrent.futures import Future
from itertools import chain

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.evidence import ListedPage, ListingEvidence
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import key_ranges
from aibs_informatics_aws_lambda.handlers.data_sync.s3.key_folders import Folders
from aibs_informatics_aws_lambda.handlers.data_sync.s3.key_ranges import (
    Listed,
    Page,
    choose_probes,
    list_ranges,
    points_before,
    remove_empty,
    split_points,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Response
from common_prefixes import common_prefixes
from hypothesis import given, strategies as st
from tables import table


class Service:
    """The pages of a service that has some names.

    Args:
        names: the names, in order.
        page_size: the number of names on a page.
        knows_start_after: whether the service honours StartAfter.
        tokens_skip: whether, after a name that is none of those, a token leaves out a name.
    """

    def __init__(self, names, page_size=10, *, knows_start_after=True, tokens_skip=False) -> None:
        self.names = names
        self.page_size = page_size
        self.knows_start_after = knows_start_after
        self.tokens_skip = tokens_skip
        self.requests = 0
        self.waiting: list[tuple[Future[Response], Response]] = []
        self.most_waiting = 0

    def request(self, token=None, *, after=None, limit=1000):
        self.requests += 1
        if after is not None and not self.knows_start_after:
            after = None
        start = token if token is not None else after
        position = 0 if start is None else bisect_right(self.names, start)
        end = position + min(limit, self.page_size)
        names = self.names[position:end]
        more = names[-1] if end < len(self.names) else None
        if more and self.tokens_skip and after is not None and after not in self.names:
            more = self.names[end]
        future: Future[Response] = Future()
        future.set_result(Response({"names": names, "more": more}, b""))
        return future

    def read(self, response, evidence):
        names, more = response.headers["names"], response.headers["more"]
        evidence.check(ListedPage("bucket", "", more is not None, more, names))
        return Page([Entry(name, 1, 0.0, "etag") for name in names], more)

    def request_folders(self, parent, after):
        self.requests += 1
        names = common_prefixes(parent, self.names, after if self.knows_start_after else "")
        future: Future[Response] = Future()
        future.set_result(Response({"names": names}, b""))
        return future

    def read_folders(self, awaited, parent):
        names = awaited.result().headers["names"]
        return Page([], "more" if len(names) > self.page_size else None, names[: self.page_size])

    def evidence(self, after=None):
        return ListingEvidence("bucket", "", after)

    def list_after(self, pages):
        """Return all names: some pages of a chain, and the rest by ranges."""
        evidence, following, listed = self.evidence(), self.request(), []
        for _ in range(pages):
            page = self.read(following.result(), evidence)
            listed.extend(page.objects)
            if page.next_token is None:
                return [entry.relative for entry in listed]
            following = self.request(page.next_token)
        rest = list_ranges(self, listed[0].relative, pages, page, following)
        return [entry.relative for entry in chain(listed, chain.from_iterable(rest))]


DIGITS = "0123456789"


@table(
    "listed, following, expected",
    {
        "where the changing character is five pages on": (
            Listed("a100", "a129", 3, DIGITS), [], ["a17"],
        ),
        "more often, where pages hold more of its values": (
            Listed("b", "d", 30, "abcdefgh"), [], ["e", "f", "g", "h"],
        ),
        "at the values of the characters before it": (
            Listed("a790", "a799", 3, DIGITS), ["a800"], ["a8", "a9"],
        ),
        "within values that hold twice as many pages as a range": (
            Listed("a790", "a799", 3, DIGITS), ["a800", "b000"],
            ["a8", "a9", "b", "b2", "b4", "b6", "b8"],
        ),
        "within values of values": (
            Listed("x00", "x02", 6, "0126xy"), ["x10", "y00"],
            ["x1", "x16", "x2", "x26", "x6", "x66", "y", "y06", "y1", "y16", "y2", "y26", "y6",
             "y66"],
        ),
        "behind characters that do not change": (
            Listed("a/0-0", "a/9-0", 20, "0123456789ab-/"), ["b/0-0"],
            ["b", "b/3", "b/6", "b/9"],
        ),
        "only at characters that names have": (
            Listed("k00", "k02", 3, "0257k"), ["k20"], ["k2", "k5", "k7"],
        ),
        "at letters, where a letter stands": (Listed("a90", "a99", 3, "09ab"), ["ab0"], ["ab"]),
        "at values after those from the first name to the last one": (
            Listed("c", "d", 5, "abcdefghij"), [], ["f", "h", "j"],
        ),
        "next to a name that has grown by a character": (
            Listed("x", "x1", 5, "12345"), [], ["x2", "x3", "x4", "x5"],
        ),
        "nowhere, if all names are one": (Listed("az", "az", 3, "az"), [], []),
    },
)  # fmt: skip
def test_split_points(listed, following, expected):
    assert split_points(listed, following) == expected


def test_split_points_are_bounded():
    alphabet = "".join(map(chr, range(40, 120)))
    points = split_points(Listed("(((0", "(()1", 90, alphabet), [")((0"])
    assert 300 <= len(points) <= 1024
    assert points == sorted(points)


@table(
    "points, expected",
    {
        "all of few": ("ab", ["a", "b"]),
        "the last one and others, evenly spread": (DIGITS, ["1", "3", "5", "7", "9"]),
        "those before the ends of five parts": (DIGITS[1:], ["1", "3", "5", "7", "9"]),
        "none of none": ("", []),
    },
)
def test_probes_are_split_points(points, expected):
    assert choose_probes(points) == expected


@table(
    "points, probe, name, expected",
    {
        "all from the probe, if no name follows": (["a", "b", "c"], "b", None, ["a"]),
        "none, if a name follows before the next one": (
            ["a", "b", "c"], "b", "b0", ["a", "b", "c"],
        ),
        "those before the last one before the name": (
            ["a", "a3", "a5", "a7", "b"], "a3", "a61", ["a", "a5", "a7", "b"],
        ),
        "the probe, if the next point is before the name": (
            ["a1", "a2", "b1"], "a1", "a25", ["a2", "b1"],
        ),
        "values that do not exist after the same character elsewhere either": (
            ["1-1", "1-2", "1-4", "1-6", "2-1", "2-3", "2-4", "2-6", "22"], "1-4", "2-0",
            ["1-1", "1-2", "2-1", "2-3", "22"],
        ),
        "but not after other characters, or of other positions": (
            ["04", "05", "1", "14", "2", "204", "3"], "14", "2",
            ["04", "05", "1", "2", "204", "3"],
        ),
        "up to the last character of ASCII": (["1x4", "2", "2x~"], "1x4", "2", ["2"]),
        "but not characters beyond ASCII": (["a4", "b3", "bé"], "a4", "b", ["b3", "bé"]),
    },
)  # fmt: skip
def test_split_points_that_a_probe_leaves(points, probe, name, expected):
    assert remove_empty(points, probe, name) == expected


@table(
    "names, expected",
    {
        "the last ones before the names": (["b5", "d"], ["b", "c"]),
        "one, if several names follow it": (["b5", "b7"], ["b"]),
        "none, if there is no name": ([None], []),
        "none, if the name is before all": (["a"], []),
        "the last one before a name that equals a point": (["c"], ["b"]),
    },
)
def test_split_points_before_names(names, expected):
    assert points_before(["b", "c", "d"], names) == expected


NAMES = {
    "numbered": [f"f{number:05d}" for number in range(3000)],
    "in folders": [
        f"d{folder:02d}/f{number:04d}" for folder in range(30) for number in range(100)
    ],
    "one deep folder": [f"a/b/c/d/e/f/{number:05d}" for number in range(3000)],
    "of one letter": ["x" * length for length in range(1, 500)],
    "with other letters later": [f"a{n:04d}" for n in range(1000)]
    + [f"é{n:04d}" for n in range(1000)],
    "in hexadecimal": sorted(f"{(number * 2654435761) % 2**32:08x}" for number in range(3000)),
    "a few long folders after many small ones": [f"{n:03d}/x" for n in range(500)]
    + [f"z/{n:05d}" for n in range(3000)],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_all_objects_are_listed_in_order(names):
    service = Service(names)
    assert service.list_after(3) == names


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_names_that_tokens_leave_out_are_listed(names):
    service = Service(names, tokens_skip=True)
    assert service.list_after(1 if "/" in names[0] else 3) == names


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES.keys())
def test_requests_are_hardly_more_than_those_of_a_chain(names):
    service = Service(names)
    service.list_after(3)
    assert service.requests <= 1.35 * len(names) / 10 + 20


@given(
    st.sets(st.text(alphabet="ab/0é", min_size=1, max_size=6), max_size=200),
    st.integers(1, 7),
    st.integers(1, 3),
)
def test_any_names_are_listed_in_order(names, page_size, pages):
    service = Service(sorted(names), page_size)
    assert service.list_after(pages) == sorted(names)


def test_ranges_that_prove_short_are_put_together():
    # Of ten values of each digit but the first one, two exist.
    names = [f"{a}{b}{c:03d}" for a in range(10) for b in range(2) for c in range(150)]
    service = Service(names)
    made = note_requests(service)
    assert service.list_after(3) == names
    assert len([request for request in made if not request.endswith("?")]) <= 1.2 * len(names) / 10


def test_ranges_that_a_page_has_shown_to_be_empty_are_not_requested():
    service = Service(NAMES["numbered"])
    made = note_requests(service)
    service.list_after(3)
    empty = [request for request in made if request > ">f03" and not request.endswith("?")]
    assert len(empty) <= 24


@table(
    "is_last, next_name, through, is_empty",
    {
        "all ranges behind the last page are empty": (True, None, "c", True),
        "one that ends before the next name is empty": (False, "d", "c", True),
        "one that ends with the next name is not": (False, "c", "c", False),
        "one that goes on to the end is not": (False, "d", None, False),
        "one is not, if no next name is known": (False, None, "c", False),
    },
)
def test_empty_ranges(is_last, next_name, through, is_empty):
    service = Service([])
    listed = key_ranges._Range(service, "a", "b")
    listed.is_last, listed.next_name = is_last, next_name
    assert key_ranges._Range(service, "b", through).is_empty_after(listed) is is_empty


def test_range_that_has_no_page_yet_tells_nothing_of_those_after_it():
    one, following = a_range("a", "b"), a_range("b", "c")
    assert not following.is_empty_after(one)


def a_range(after, through=None, names=(), page_size=2):
    return key_ranges._Range(Service(list(names), page_size), after, through)


def test_range_is_put_together_from_parts():
    one, *others = map(a_range, "abc")
    one.extend(others)
    assert one.parts == 3


def test_range_that_is_put_together_searches_as_its_last_part_does():
    one, other = a_range("a", "b"), a_range("b")
    other._folders = Folders("", "c", 2)
    one.extend([other])
    assert one._folders == Folders("", "c", 2)


@table(
    "through, is_complete, is_last, next_name",
    {
        "goes on after its page": ("e", False, False, None),
        "ends with its page": ("c", True, False, None),
        "ends within its page, which tells the next name": ("b", True, False, "c"),
    },
)
def test_first_page_of_a_range(through, is_complete, is_last, next_name):
    one = a_range("a", through, "abcdef")
    one.request()
    one.take()
    assert (one.is_complete, one.is_last, one.next_name) == (is_complete, is_last, next_name)


@table(
    "through, listed, is_last, next_name",
    {
        "tells that no name follows": (None, "bcd", True, None),
        "tells the first of the names that follow": ("b", "b", False, "c"),
    },
)
def test_last_page_of_a_listing(through, listed, is_last, next_name):
    one = a_range("a", through, "abcd", page_size=3)
    one.request()
    one.take()
    assert "".join(entry.relative for entry in one.waiting[0]) == listed
    assert (one.is_complete, one.is_last, one.next_name) == (True, is_last, next_name)


def test_last_name_is_within_its_range():
    one = a_range("a", "c")
    assert [one._is_within(name) for name in "bcd"] == [True, True, False]


@table(
    "names, following, probes",
    {
        "a name shows where fewer characters are equal": (
            ["a800", "a800"], ["a800"], ["a~"],
        ),
        "each probe shows another one": (["a7b0", "a800"], ["a7b0", "a800"], ["a~"]),
        "no name after the first probe ends the search": ([None, None], [], []),
        "a name that is as near as before ends the search": (["a79é", "a800"], [], []),
    },
)  # fmt: skip
def test_names_that_follow_the_last_one(names, following, probes):
    one = a_range("a799")
    one.find_split(Listed("a790", "a799", 3, "789a"))
    assert one._probes == ["a79~", "a7~"]
    one._follow(names)
    assert one._following == following
    assert one._probes == probes


@table(
    "rounds, next_round, probes",
    {
        "a second one": (0, 1, ["m"]),
        "a last one": (1, 2, ["m"]),
        "none after it": (2, 2, []),
    },
)
def test_rounds_of_probes(rounds, next_round, probes):
    one = a_range("a")
    one._points, one._probes, one._rounds = ["m", "t"], ["t"], rounds
    assert one._check(["t"], [None]) == []
    one._points = one._points or ["m"]
    assert one._rounds == next_round
    assert one._probes == probes


def test_search_begins_with_the_first_round_of_probes():
    one = a_range("k02")
    one.find_split(Listed("k00", "k02", 3, "0257k"))
    assert one._look_behind(2) == []
    [behind] = one._follow(["k20", "k20"])
    assert behind._points == behind._probes == ["k5", "k7"]
    assert behind._rounds == 0


class Ranges:
    """Ranges of a listing from one name to the next, the first ones first."""

    def __init__(self, names: str, begun: str = "") -> None:
        self.all = [a_range(a, b) for a, b in zip(names, [*names[1:], None], strict=True)]
        for one in self.all:
            one.is_begun = one._after in begun
        self.listing = key_ranges._Listing(self.all[0], 1)
        self.listing._ranges = self.all[::-1]

    def left(self) -> str:
        return "".join(one._after for one in reversed(self.listing._ranges))

    def position_of(self, name: str) -> int:
        return next(n for n, one in enumerate(self.listing._ranges) if one._after == name)


@table(
    "next_name, begun, left",
    {
        "the next name is in the next range": ("bx", "a", "abcdef"),
        "one range before the next name": ("cx", "a", "acdef"),
        "several": ("ex", "a", "aef"),
        "those that are begun stay": ("ex", "ac", "acef"),
        "all but the last one": ("fx", "a", "af"),
    },
)
def test_ranges_that_are_dropped_because_they_are_empty(next_name, begun, left):
    ranges = Ranges("abcdef", begun)
    ranges.all[0].next_name = next_name
    ranges.listing._drop_empty(ranges.position_of("a"))
    assert ranges.left() == left


def test_page_that_is_beyond_the_end_of_its_range_drops_the_empty_ones():
    ranges = Ranges("abcdef", "a")
    front = a_range("a", "b", ["aa", "dd", "ee"])
    ranges.listing._ranges[-1] = front
    front.request()
    ranges.listing._arrived.put(front)
    ranges.listing._take()
    assert [one._after for one in ranges.listing._ranges] == ["f", "e", "d", "aa"]


def test_all_ranges_after_the_last_page_are_dropped():
    ranges = Ranges("abcd", "a")
    ranges.all[0].is_last = True
    ranges.listing._drop_empty(ranges.position_of("a"))
    assert ranges.left() == "a"


@table(
    "parts, objects, begun, left, size",
    {
        "nothing, before a range is complete": (0, 0, "a", "abcdef", 1),
        "nothing, if ranges are long": (2, 10, "a", "abcdef", 1),
        "two, if they have half of the objects that are wanted": (4, 10, "a", "abdef", 2),
        "three, if they have a third": (6, 10, "a", "abef", 3),
        "as many as there are, if they have next to nothing": (1000, 1, "a", "ab", 5),
        "none that is begun": (1000, 1, "ad", "abdef", 2),
    },
)
def test_ranges_that_are_put_together(parts, objects, begun, left, size):
    ranges = Ranges("abcdef", begun)
    ranges.listing._listed_parts, ranges.listing._listed_objects = parts, objects
    ranges.listing._lengthen(ranges.position_of("b"))
    assert ranges.left() == left
    assert ranges.all[1].parts == size


def test_objects_are_given_when_their_page_has_arrived():
    service = Service(NAMES["numbered"])
    page = service.read(service.request().result(), service.evidence())
    rest = list_ranges(service, "f00000", 1, page, service.request(page.next_token))
    assert [entry.relative for entry in next(rest)] == NAMES["numbered"][10:20]
    assert service.requests == 7


def test_service_that_ignores_start_after_is_listed_page_by_page():
    service = Service(NAMES["numbered"], knows_start_after=False)
    assert service.list_after(3) == NAMES["numbered"]
    assert service.requests == 302


def test_many_pages_are_awaited_at_a_time(monkeypatch):
    service = Service(NAMES["numbered"])
    awaited = []

    def request(token=None, *, after=None, limit=1000):
        future = Service.request(service, token, after=after, limit=limit)
        if limit == 1:
            return future
        delayed: Future[Response] = Future()
        awaited.append(delayed)
        most.append(len(awaited))
        results[delayed] = future.result()
        return delayed

    class Arrivals(key_ranges.SimpleQueue):
        """Lets one response arrive whenever the listing waits for one."""

        def get(self):
            if self.empty():
                delayed = awaited.pop(0)
                delayed.set_result(results.pop(delayed))
            return super().get()

    most, results = [], {}
    monkeypatch.setattr(key_ranges, "SimpleQueue", Arrivals)
    page = service.read(service.request().result(), service.evidence())
    service.request = request
    listed = list_ranges(service, "f00000", 1, page, request(page.next_token))
    rest = [entry.relative for objects in listed for entry in objects]
    assert rest == NAMES["numbered"][10:]
    assert max(most) > 10


def test_page_that_is_none_ends_the_listing_with_an_error():
    service = Service(NAMES["numbered"])
    read = service.read

    def fail_later(response, evidence):
        page = read(response, evidence)
        if page.objects and page.objects[-1].relative > "f02":
            raise AWSError("not a listing")
        return page

    service.read = fail_later
    with pytest.raises(AWSError, match="not a listing"):
        service.list_after(3)


def numbered(count: int, prefix: str = "") -> list[str]:
    return [f"{prefix}{number:02d}" for number in range(count)]


# By a token, ``=01``, or after a name, ``>05``; with ``?`` for that of the next name alone.
@table(
    "names, requests",
    {
        "a short listing is looked through once more": (
            numbered(12),
            "=None =01 =03 =05 >0~? =07 >4? >5? >1 =09",
        ),
        "a range that proves long is split again": (
            numbered(60),
            "=None =01 =03 =05 >0~? =07 >4? >5? >1 =09 >11 >4 >13 >15 >17 >41 >1~? >19 >21 >23 "
            ">25 >27 >29 >31 >33 >35 >37 >39 >43 >45 >4~? >47 >49 >6? >7? >5 >51 >53 >55 >5~? "
            ">57",
        ),
        "names that are split points are in one range": (
            sorted(["1", "5", *numbered(30)]),
            "=None =01 =03 =05 >0~? >1? >4? >5? =07 =09 >1 >4 >11 >13 >15 >1~? >17 >19 >2 >21 "
            ">23 >25 >2~? >27 >29",
        ),
        "a range that ends with its page needs no other one": (
            sorted(["1", *numbered(30)[1:]]),
            "=None =02 =04 =06 >0~? >1? >5? >6? =08 =1 =11 =13 =15 =17 =19 =21 =23 =25 =27",
        ),
        "a range whose first page crosses folders is split before them": (
            [name for name in numbered(60) if not "10" <= name <= "18"],
            "=None =01 =03 =05 >0~? =07 >4? >5? >1 =09 >20 >4 >22 >24 >26 >41 >2~? >28 >30 >32 "
            ">34 >36 >38 >43 >45 >4~? >47 >49 >6? >7? >5 >51 >53 >55 >5~? >57",
        ),
        "the prefix that all share is not split": (
            numbered(20, "a/b/"),
            "=None =a/b/01 =a/b/03 =a/b/05 >a/b/0~? >a/b/~? =a/b/07 >a/b/4? >a/b/5? >a/b/1 "
            "=a/b/09 >a/b/11 >a/b/13 >a/b/15 >a/b/1~? >a/b/~? >a/b/17",
        ),
        "folders are split as well": (
            numbered(20, "a") + numbered(20, "b"),
            "=None =a01 =a03 =a05 >a0~? >a~? =a07 >a4? >a5? >a1 >b4? >b =a09 >a11 >a13 >a15 "
            ">b01 >a1~? >a~? >a17 >a19 >b03 >b05 >b0~? >b~? >b07 >b09 >b6? >b7? >b1 >b11 >b13 "
            ">b15 >b1~? >b~? >b17",
        ),
        "values that days and months end before are not tried again": (
            [f"{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 11)],
            "=None =01-02 =01-04 =01-06 >01-0~? >01-~? >0~? =01-08 >01-5? >01-6? =01-10 >02-5? "
            ">05? >05-5? >06? >06-5? >02 >12-5? >50-5? >55-5? >61-5? >66-5? >1 >02-02 >05 "
            ">02-04 >02-06 >02-08 >02-~? >02~? >02-10 >0~? >03-02 >10-5? >11? >11-5? >12? "
            ">10-02 >03-9? >03-04 >05-02 >03-06 >03-08 >03-10 >04-02 >04-04 >04-06 >04-08 "
            ">04-10 >11 >05-04 >11-02 >05-06 >05-0~? >05-~? >05-08 >0~? >05-10 >06-5? >07? "
            ">07-7? >08-1? >08-8? >06-02 >06-1? >06-04 >07-1? >07 >08 >06-06 >06-1 >06-08 "
            ">07-02 >07-1 >07-04 >08-02 >07-06 >07-08 >08-1 >08-04 >09-01 >08-06 >08-0~? >08-~? "
            ">08-08 >09-03 >09-05 >0~? >09-07 >09-09 >10-04 >12 >10-06 >12-02 >10-08 >10-10 "
            ">11-04 >11-06 >11-0~? >11-~? >11-08 >11-7? >11-8? >11-10 >12-04 >12-06 >12-0~? "
            ">12-~? >12-08",
        ),
    },
)
def test_requests_of_a_listing(few_pages, names, requests):
    service = Service(names, page_size=2)
    made = note_requests(service)
    assert service.list_after(3) == names
    assert made == requests.split()


IN_FOLDERS = [f"{folder}/{number}" for folder in "abcdefgh" for number in range(2)]


# As above, with ``parent/*>b0`` for the folders in a parent after a name.
@table(
    "names, requests",
    {
        "some folders at a time, as many as a response tells": (
            IN_FOLDERS,
            "=None =b/0 *>b0 =c/1 *>e0 >e/ >f/0 >h/ >g/1",
        ),
        "then those of the folder above": (
            [f"{above}/{name}" for above in "xyz" for name in IN_FOLDERS[:10]],
            "=None =x/b/0 x/*>x/b0 =x/c/1 >x/e/ *>x0 >x0 >y/b/0 >y/c/1 >y/e/0 *>z0 >z/a/1 >z/c/0 "
            ">z/d/1",
        ),
        "if none follow, probes tell where to split": (
            ["a/0", "a/1", "b/0", *numbered(20, "b/c")],
            "=None =b/0 *>b0 =b/c02 >b/c0~? >b/c~? =b/c05 =b/c08 >b/c3? >b/c4? >b/c5? >b/c1 "
            ">b/c12 >b/c15 >b/c18",
        ),
    },
)
def test_requests_of_a_listing_in_folders(few_pages, names, requests):
    service = Service(names, page_size=3)
    made = note_requests(service)
    assert service.list_after(1) == names
    assert made == requests.split()


def test_service_that_ignores_start_after_tells_no_folders():
    names = [f"{folder}/{number}" for folder in "abcdefgh" for number in range(4)]
    service = Service(names, page_size=6, knows_start_after=False)
    made = note_requests(service)
    assert service.list_after(1) == names
    assert made == ["=None", "=b/1", "*>b0", "=c/3", "=e/1", "=f/3", "=h/1"]


def test_folders_may_arrive_some_pages_later():
    one = a_range("a/1")
    one._listed_pages = 9
    one.begin_search("a/0", 9, [Entry(name, 1, 0.0, "etag") for name in IN_FOLDERS])
    assert one._pages_before_split == 16


def test_probes_tell_where_to_split_if_no_folders_arrive(few_pages):
    names = [f"{folder}{name}" for folder in "rst" for name in IN_FOLDERS]
    service = Service(names, page_size=3)
    service.request_folders = lambda parent, after: Future()
    made = note_requests(service)
    assert service.list_after(1) == names
    assert made[:7] == ["=None", "=rb/0", "*>rb0", "=rc/1", "=re/0", "=rf/1", ">r~?"]
    assert sum("*" in request for request in made) == 1


def test_folders_are_split_off_while_a_page_is_awaited():
    one = a_range("a/1", None, IN_FOLDERS, page_size=4)
    awaited: Future[Response] = Future()
    response = one._pages.request_folders("", "a0").result()
    one._pages.request_folders = lambda parent, after: awaited
    one._folders = Folders("", "a", 1)
    one.request()
    assert one.take() == []
    one.request()
    one.awaited[0] = Future()
    awaited.set_result(response)
    assert [part._after for part in one.take()] == ["e/"]
    assert one.take() == []


def test_parts_that_probes_tell_are_not_lost_where_folders_arrive_as_well(monkeypatch):
    one, part = a_range("a/1", None, IN_FOLDERS), a_range("c")
    one._folders = Folders("", "a", 1)
    one.request()
    monkeypatch.setattr(one, "_take_page", lambda: [part])
    assert one.take() == [part]


def test_range_that_cannot_be_split_is_tried_again_after_four_times_as_many_pages(few_pages):
    service = Service(["x" * length for length in range(1, 70)], page_size=2)
    made = note_requests(service)
    service.list_after(3)
    looks = [number for number, request in enumerate(made) if request.endswith("?")]
    assert looks == [4, 8, 9, 26, 27]


@pytest.fixture
def few_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few pages be many."""
    for name, figure in {"PARALLEL_RANGES": 3, "PAGES_AHEAD": 2, "PAGES_BEFORE_SPLIT": 4}.items():
        monkeypatch.setattr(key_ranges, f"_{name}", figure)


def note_requests(service: Service) -> list[str]:
    """Return the requests of a service, to which further ones are added."""
    made, request, request_folders = [], service.request, service.request_folders

    def note(token=None, *, after=None, limit=1000):
        made.append(f"={token}" if after is None else f">{after}" + "?" * (limit == 1))
        assert limit in (1, 1000)
        return request(token, after=after, limit=limit)

    def note_folders(parent, after):
        made.append(f"{parent}*>{after}")
        return request_folders(parent, after)

    service.request, service.request_folders = note, note_folders
    return made
