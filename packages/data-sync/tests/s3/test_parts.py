from __future__ import annotations

from concurrent.futures import Future

from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.parts import (
    common_part_sizes,
    is_copyable,
    known_part_sizes,
    part_bytes_for,
    parts_of,
    split_parts,
    upload_part_bytes,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import (
    ObjectVersion,
    Request,
    Response,
)
from tables import table

MIB = 2**20
GIB = 2**30


@table(
    "size, part_bytes",
    {
        "an empty object has parts of 8 MiB": (0, 8 * MIB),
        "10,000 parts of 8 MiB are not too many": (8 * MIB * 10_000, 8 * MIB),
        "a byte more doubles the parts": (8 * MIB * 10_000 + 1, 16 * MIB),
        "10,000 parts of 16 MiB are not too many": (16 * MIB * 10_000, 16 * MIB),
        "a byte more doubles the parts again": (16 * MIB * 10_000 + 1, 32 * MIB),
        "the largest object of S3 has parts of 1 GiB": (5 * 2**40, GIB),
    },
)
def test_size_of_parts(size, part_bytes):
    assert part_bytes_for(size) == part_bytes


@table(
    "size, part_bytes, on_aws",
    {
        "1,000 parts of 8 MiB are few": (8000 * MIB, 8 * MIB, 8 * MIB),
        "a byte more doubles the parts elsewhere": (8000 * MIB + 1, 16 * MIB, 8 * MIB),
        "50 GiB": (50 * GIB, 64 * MIB, 8 * MIB),
        "parts fit the memory of the client": (500 * GIB, 64 * MIB, 64 * MIB),
        "but 10,000 are the most": (5 * 2**40, GIB, GIB),
    },
)
def test_size_of_the_parts_of_an_upload(size, part_bytes, on_aws):
    assert upload_part_bytes(size, is_aws=False) == part_bytes
    assert upload_part_bytes(size, is_aws=True) == on_aws


@table(
    "size, wanted, part_bytes",
    {
        "parts have the size that is wanted": (GIB, 5 * MIB, 5 * MIB),
        "also larger than the memory of other uploads": (GIB, 512 * MIB, 512 * MIB),
        "10,000 of them are not too many": (50_000 * MIB, 5 * MIB, 5 * MIB),
        "with a byte more, all of them are larger": (50_000 * MIB + 1, 5 * MIB, 5 * MIB + 1),
    },
)
def test_wanted_size_of_the_parts_of_an_upload(size, wanted, part_bytes):
    assert upload_part_bytes(size, is_aws=True, wanted=wanted) == part_bytes
    assert upload_part_bytes(size, is_aws=False, wanted=wanted) == part_bytes


@table(
    "etag, number",
    {
        "an MD5 has no parts": ("d41d8cd98f00b204e9800998ecf8427e", None),
        "the number of parts follows a dash": ("d41d8cd98f00b204e9800998ecf8427e-12", 12),
        "one part is a number of parts": ("d41d8cd98f00b204e9800998ecf8427e-1", 1),
        "a dash alone tells no number": ("d41d8cd98f00b204e9800998ecf8427e-", None),
        "letters after a dash are no number": ("d41d8cd98f00b204e9800998ecf8427e-x1", None),
        "an ETag with several dashes has no parts": ("d41d8cd9-8f00-1", None),
        "a superscript is no number": ("d41d8cd98f00b204e9800998ecf8427e-²", None),
        "no ETag has no parts": ("", None),
    },
)
def test_number_of_parts(etag, number):
    assert parts_of(etag) == number


@table(
    "size, part_bytes, sizes",
    {
        "the last part may be smaller": (10, 4, [4, 4, 2]),
        "the last part may be whole": (8, 4, [4, 4]),
        "a smaller object is one part": (3, 4, [3]),
        "no content is one part": (0, 4, [0]),
        "parts of no size are one byte each": (2, 0, [0, 2]),
    },
)
def test_parts_of_one_size(size, part_bytes, sizes):
    assert split_parts(size, part_bytes) == sizes


@table(
    "sizes, copyable",
    {
        "parts of 5 MiB": ([5 * MIB, 5 * MIB, 1], True),
        "one part": ([1], True),
        "one empty part": ([0], False),
        "a part that is too small": ([5 * MIB, 5 * MIB - 1, 5 * MIB], False),
    },
)
def test_parts_that_can_be_copied(sizes, copyable):
    assert is_copyable(sizes) is copyable


@table(
    "size, number, first",
    {
        "10 MiB in two parts": (10 * MIB, 2, [5 * MIB, 6 * MIB, 8 * MIB]),
        "a part of 10 MB is no common one": (10_000_000, 1, [10 * MIB, 12 * MIB, 15 * MIB]),
        "too many parts": (10 * MIB, 5, []),
    },
)
def test_common_sizes_of_parts(size, number, first):
    found = list(common_part_sizes(size, number))
    assert [sizes[0] for sizes in found][:3] == [min(part, size) for part in first]
    assert all(sum(sizes) == size and len(sizes) == number for sizes in found)


class FakeS3:
    """An S3 that knows the sizes of the parts of one object."""

    def __init__(self, *sizes: int, ignores: bool = False, fails_at: int | None = None) -> None:
        self.sizes = sizes
        self.ignores = ignores
        self.fails_at = fails_at
        self.asked: list[int] = []

    def ask(self, request: Request) -> Response:
        return self.send(request).result()

    def send(self, request: Request) -> Future[Response]:
        number = int(request.query.removeprefix("partNumber="))
        self.asked.append(number)
        future: Future[Response] = Future()
        if number == self.fails_at:
            future.set_exception(AWSError("no such part"))
        size = sum(self.sizes) if self.ignores else self.sizes[number - 1]
        if not future.done():
            future.set_result(Response({"content-length": str(size)}, b""))
        return future


@table(
    "s3, number, sizes, asked",
    {
        "parts of one size": (FakeS3(5, 5, 2), 3, [[5, 5, 2]], [1, 2, 3]),
        "parts of several sizes": (FakeS3(5, 7, 3), 3, [[5, 5, 5], [5, 7, 3]], [1, 2, 3]),
        "sizes that one size cannot make": (FakeS3(9, 5, 1), 3, [[9, 5, 1]], [1, 2, 3]),
        "one part": (FakeS3(5), 1, [[5]], [1]),
        "a service that ignores the number": (FakeS3(5, 2, ignores=True), 2, [], [1]),
        "a service that refuses the number": (FakeS3(5, 2, fails_at=1), 2, [], [1]),
        "a service that refuses another number": (FakeS3(5, 2, fails_at=2), 2, [[5, 2]], [1, 2]),
        "no number of parts": (FakeS3(5), None, [], [1]),
    },
)
def test_sizes_that_a_service_tells(s3, number, sizes, asked):
    etag = f"{'0' * 32}-{number}" if number else "0" * 32
    found = known_part_sizes(s3, ObjectVersion("bucket", "key", etag), sum(s3.sizes))
    assert list(found) == sizes
    assert s3.asked == asked


def test_sizes_of_all_parts_are_asked_for_only_if_they_are_needed():
    s3 = FakeS3(5, 5, 2)
    found = known_part_sizes(s3, ObjectVersion("bucket", "key", f"{'0' * 32}-3"), 12)
    assert next(found) == [5, 5, 2]
    assert s3.asked == [1]


def test_sizes_of_many_parts_are_in_order():
    s3 = FakeS3(*range(1, 101))
    found = known_part_sizes(s3, ObjectVersion("bucket", "key", f"{'0' * 32}-100"), 5050)
    assert list(found) == [list(range(1, 101))]
