"""Round trips and requests of listings by ranges of keys, for the layouts that buckets have.

The service is simulated: a response takes one round trip, and to read a page takes a tenth of one.
Pages have a tenth of the objects and folders that those of S3 have, and layouts a tenth of the
objects.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from datetime import date, timedelta
from hashlib import sha256
from heapq import heappop, heappush
from itertools import count as count_from
from uuid import NAMESPACE_URL, uuid5

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.evidence import ListedPage, ListingEvidence
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import key_folders, key_ranges
from aibs_informatics_aws_lambda.handlers.data_sync.s3.key_folders import find_folders
from aibs_informatics_aws_lambda.handlers.data_sync.s3.key_ranges import Page, list_ranges
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Response
from common_prefixes import common_prefixes
from tables import table

PAGE_SIZE = 100
ROUND_TRIPS_TO_READ_A_PAGE = 0.1
CHAINED_PAGES = 3


class SimulatedService:
    """The pages of a service whose responses take time.

    Args:
        names: the names, in order.
        round_trips_of_folders: the round trips that a response with folders takes.

    Attributes:
        now: the time, in round trips.
        pages: the number of pages that were requested.
        probes: the number of requests for a single name, or for folders.
    """

    def __init__(self, names: list[str], round_trips_of_folders: float = 1) -> None:
        self.now = 0.0
        self.pages = 0
        self.probes = 0
        self._names = names
        self._round_trips_of_folders = round_trips_of_folders
        self._sent: list[tuple[float, int, Future[Response], Response]] = []

    def request(self, token=None, *, after=None, limit=1000):
        self.pages += limit > 1
        self.probes += limit == 1
        start = token if token is not None else after
        position = 0 if start is None else bisect_right(self._names, start)
        names = self._names[position : position + min(limit, PAGE_SIZE)]
        more = names[-1] if names and names[-1] != self._names[-1] else None
        future: Future[Response] = Future()
        response = Response({"names": names, "more": more}, b"")
        heappush(self._sent, (self.now + 1, self.pages + self.probes, future, response))
        return future

    def read(self, response, evidence):
        names, more = response.headers["names"], response.headers["more"]
        self.now += ROUND_TRIPS_TO_READ_A_PAGE * len(names) / PAGE_SIZE
        evidence.check(ListedPage("bucket", "", more is not None, more, names))
        return Page([Entry(name, 1, 0.0, "etag") for name in names], more)

    def evidence(self, after=None):
        return ListingEvidence("bucket", "", after)

    def request_folders(self, parent, after):
        self.probes += 1
        response = Response({"names": common_prefixes(parent, self._names, after)}, b"")
        future: Future[Response] = Future()
        arrival = self.now + self._round_trips_of_folders
        heappush(self._sent, (arrival, self.pages + self.probes, future, response))
        return future

    def read_folders(self, awaited, parent):
        names = awaited.result().headers["names"]
        return Page([], "more" if len(names) > PAGE_SIZE else None, names[:PAGE_SIZE])

    def receive(self) -> None:
        """Let the next response arrive."""
        arrival, _, future, response = heappop(self._sent)
        self.now = max(self.now, arrival)
        future.set_result(response)

    def names(self) -> Iterator[str]:
        """Yield all names: those of some pages of a chain, and the rest by ranges."""
        evidence, following = self.evidence(), self.request()
        for count in count_from(1):
            self.receive()
            page = self.read(following.result(), evidence)
            names = [entry.relative for entry in page.objects]
            yield from names
            following = self.request(page.next_token)
            if count == CHAINED_PAGES or find_folders(names):
                break
        for objects in list_ranges(self, self._names[0], count, page, following):
            yield from (entry.relative for entry in objects)


@pytest.fixture
def simulate(monkeypatch):
    """Return a function that returns the service of some names, whose responses are waited for."""

    def simulate(names, round_trips_of_folders=1):
        service = SimulatedService(names, round_trips_of_folders)

        class Arrivals(deque):
            """A queue that lets responses arrive while it is empty."""

            put = deque.append

            def get(self):
                while not self:
                    service.receive()
                return self.popleft()

        monkeypatch.setattr(key_ranges, "SimpleQueue", Arrivals)
        monkeypatch.setattr(key_folders, "_MOST_ON_A_PAGE", key_folders._MOST_ON_A_PAGE // 10)
        return service

    return simulate


def numbered(count: int, form: str) -> Iterable[str]:
    return (form.format(number) for number in range(count))


def dated(days: int, form: str, files: int) -> Iterable[str]:
    first = date(2024, 1, 1)
    return (
        f"{first + timedelta(day):{form}}/f{file:05d}.json"
        for day in range(days)
        for file in range(files)
    )


def hashed(count: int) -> Iterable[str]:
    return (sha256(str(number).encode()).hexdigest() for number in range(count))


@table(
    "names, most_round_trips",
    {
        "2,000 numbers": (numbered(2000, "f{:05d}"), 13),
        "5,500 numbers": (numbered(5500, "f{:05d}"), 15),
        "10,000 numbers": (numbered(10_000, "f{:07d}"), 19),
        "2,000 hashes": (hashed(2000), 16.4),
        "10,000 hashes": (hashed(10_000), 25),
        "hashes in folders": ((f"{name[:2]}/{name}" for name in hashed(10_000)), 16),
        "UUIDs": ((str(uuid5(NAMESPACE_URL, name)) for name in hashed(10_000)), 25),
        "short days of a year": (dated(366, "%Y-%m-%d", 5), 11),
        "days of a year": (dated(366, "%Y-%m-%d", 27), 15),
        "days of three years": (dated(1096, "%Y-%m-%d", 9), 21),
        "folders of years, months and days": (dated(1096, "data/%Y/%m/%d", 9), 18.7),
        "partitions of Hive": (dated(731, "year=%Y/month=%m/day=%d", 14), 33.4),
        "one deep folder": (numbered(10_000, "a/b/c/d/e/f/{:06d}"), 19),
        "a few large folders among many small ones": (
            [
                *(f"{folder:03d}/0" for folder in range(500)),
                *(f"{folder}/{file:06d}" for folder in (150, 300, 450) for file in range(3000)),
            ],
            60.1,
        ),
        "a thousand folders of ten": ((f"d{n % 1000:04d}/k{n:07d}" for n in range(10_000)), 18.6),
        "fifty folders of twenty": ((f"d{n % 50:02d}/f{n:05d}" for n in range(1000)), 4.2),
        "fifty folders of ten": ((f"d{n % 50:02d}/f{n:05d}" for n in range(500)), 3.6),
    },
)
def test_listings_take_few_round_trips_and_pages(simulate, names, most_round_trips):
    expected = sorted(names)
    service = simulate(expected)
    assert list(service.names()) == expected
    assert service.pages <= 1.2 * len(expected) / PAGE_SIZE
    assert service.now <= most_round_trips


def test_pages_do_not_wait_for_folders(simulate):
    names = [f"d{number // 30:03d}/f{number % 30:02d}" for number in range(6000)]
    service = simulate(names, round_trips_of_folders=1000)
    assert list(service.names()) == names
    assert service.pages <= 1.2 * len(names) / PAGE_SIZE
    assert service.now <= 29
