from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request, Response
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root, Route
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import s3_copy
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.s3_copy import S3Copy
from tables import table

MIB = 2**20
GIB = 2**30
MD5 = "0" * 32


@table(
    "size, etag, first_part, part_bytes",
    {
        "an object that came in one go is copied whole": (10 * MIB, MD5, 10 * MIB, None),
        "an object of 5 GiB is copied whole": (5 * GIB, MD5, 5 * GIB, None),
        "a larger object is copied in the usual parts": (5 * GIB + 1, MD5, 5 * GIB + 1, 8 * MIB),
        "an object far larger is copied in larger parts": (
            8 * MIB * 10_000 + 1,
            MD5,
            8 * MIB * 10_000 + 1,
            16 * MIB,
        ),
        "an object in parts is copied in the same parts": (
            20 * MIB,
            f"{MD5}-2",
            10 * MIB,
            10 * MIB,
        ),
        "a last part may be smaller": (20 * MIB + 1, f"{MD5}-3", 10 * MIB, 10 * MIB),
        "a last part may be one byte short": (20 * MIB - 1, f"{MD5}-2", 10 * MIB, 10 * MIB),
        "one part is a part": (MIB, f"{MD5}-1", MIB, MIB),
        "an empty part is copied whole": (0, f"{MD5}-1", 0, None),
        "parts of 5 MiB are large enough": (10 * MIB, f"{MD5}-2", 5 * MIB, 5 * MIB),
        "parts below 5 MiB cannot be made by a copy": (8 * MIB, f"{MD5}-2", 4 * MIB, None),
        "parts one byte below 5 MiB cannot be made": (
            10 * MIB - 2,
            f"{MD5}-2",
            5 * MIB - 1,
            None,
        ),
        "parts of several sizes are copied whole": (20 * MIB, f"{MD5}-3", 15 * MIB, None),
        "parts of several sizes are copied in the usual parts where there is more than 5 GiB": (
            6 * GIB,
            f"{MD5}-3",
            5 * MIB,
            8 * MIB,
        ),
    },
)
def test_size_of_parts_to_copy_in(size, etag, first_part, part_bytes):
    assert s3_copy._part_bytes(size, etag, first_part) == part_bytes


class FakeS3:
    """An S3 that copies an object of which it knows the headers."""

    def __init__(self, first_part: int, fails_at: int | None = None, **headers: str) -> None:
        self.headers = {"content-length": str(first_part), **headers}
        self.fails_at = fails_at
        self.requests: list[Request] = []
        self.contents: dict[str, bytes] = {}

    def ask(self, request: Request) -> Response:
        self.requests.append(request)
        bodies = {
            "CreateMultipartUpload": "<UploadId>id</UploadId>",
            "GetObjectTagging": "<Tag><Key>k</Key><Value>v &amp; w</Value></Tag>",
        }
        return Response(self.headers, bodies.get(request.operation, "").encode())

    def send(
        self, request: Request, take: Callable[[bytes], None] | None = None
    ) -> Future[Response]:
        self.requests.append(request)
        future: Future[Response] = Future()
        if take:
            take(self.contents[f"{request.bucket}/{request.key}"])
        if self.fails_at and f"partNumber={self.fails_at}&" in request.query:
            future.set_exception(AWSError("cannot copy"))
        else:
            future.set_result(Response({}, f"<ETag>e{len(self.requests)}</ETag>".encode()))
        return future

    def named(self, operation: str) -> list[Request]:
        return [request for request in self.requests if request.operation == operation]


def copy(s3: FakeS3, size: int, etag: str) -> list[int]:
    """Copy an object, and return how the bytes that are copied are told."""
    told: list[int] = []
    step = Step("transfer", "missing", "a", Entry("a", size, 0.0, etag))
    route = Route(Root("bucket", "src/"), Root("other", "dst/"))
    with ThreadPoolExecutor(1) as pool:
        S3Copy(route, s3, pool).start(step, told.append).result()
    return told


@table(
    "size, etag, first_part, spans",
    {
        "parts begin where the one before ends": (
            20 * MIB,
            f"{MD5}-2",
            10 * MIB,
            ["0-10485759", "10485760-20971519"],
        ),
        "the last part ends with the object": (
            10 * MIB + 1,
            f"{MD5}-2",
            10 * MIB,
            ["0-10485759", "10485760-10485760"],
        ),
        "one part is the whole object": (MIB, f"{MD5}-1", MIB, ["0-1048575"]),
    },
)
def test_parts_of_a_copy(size, etag, first_part, spans):
    s3 = FakeS3(first_part)
    told = copy(s3, size, etag)
    parts = s3.named("UploadPartCopy")
    assert [part.headers["x-amz-copy-source-range"] for part in parts] == [
        f"bytes={span}" for span in spans
    ]
    assert [part.query for part in parts] == [
        f"partNumber={number}&uploadId=id" for number in range(1, len(spans) + 1)
    ]
    assert sum(told) == size
    assert len(told) == len(spans)


@table(
    "size, etag",
    {
        "an object that came in one go is copied by one request": (5 * GIB, MD5),
        "an object in parts that cannot be made again as well": (8 * MIB, f"{MD5}-2"),
    },
)
def test_copy_by_one_request(size, etag):
    s3 = FakeS3(first_part=4 * MIB)
    copy(s3, size, etag)
    assert len(s3.named("CopyObject")) == 1
    # That came in one go: without a look at its parts.
    assert len(s3.requests) == (2 if "-" in etag else 1)
    assert not s3.named("CreateMultipartUpload")


def test_object_above_5_gib_is_copied_in_parts():
    s3 = FakeS3(first_part=5 * GIB + 1)
    copy(s3, 5 * GIB + 1, MD5)
    assert not s3.named("CopyObject")
    assert len(s3.named("UploadPartCopy")) == 641


def test_parts_are_put_together_in_order():
    s3 = FakeS3(first_part=10 * MIB)
    copy(s3, 30 * MIB, f"{MD5}-3")
    [complete] = s3.named("CompleteMultipartUpload")
    numbers = [complete.body.index(f"<PartNumber>{n}</PartNumber>".encode()) for n in (1, 2, 3)]
    assert numbers == sorted(numbers)
    assert (complete.bucket, complete.key) == ("other", "dst/a")


def test_copy_that_fails_leaves_no_parts():
    s3 = FakeS3(first_part=10 * MIB, fails_at=2)
    with pytest.raises(AWSError, match="cannot copy"):
        copy(s3, 30 * MIB, f"{MD5}-3")
    [abort] = s3.named("AbortMultipartUpload")
    assert abort.query == "uploadId=id"
    assert not s3.named("CompleteMultipartUpload")


@table(
    "headers, kept",
    {
        "the content type is kept": ({"content-type": "text/x"}, {"content-type": "text/x"}),
        "user metadata are kept": ({"x-amz-meta-a": "b"}, {"x-amz-meta-a": "b"}),
        "what S3 says of the request is not": ({"x-amz-request-id": "1", "date": "now"}, {}),
        "tags are kept": ({"x-amz-tagging-count": "1"}, {"x-amz-tagging": "k=v+%26+w"}),
        "no tags are not asked for": ({"x-amz-tagging-count": "0"}, {}),
    },
)
def test_metadata_of_a_copy_in_parts(headers, kept):
    s3 = FakeS3(10 * MIB, **headers)
    copy(s3, 20 * MIB, f"{MD5}-2")
    [create] = s3.named("CreateMultipartUpload")
    assert create.headers == kept
    assert len(s3.named("GetObjectTagging")) == ("x-amz-tagging" in kept)


ROUTE = Route(Root("bucket", "src/"), Root("other", "dst/"))


def step(etag: str, target_etag: str | None = None) -> Step:
    source, target = (Entry("a", 1, 0.0, found) for found in (etag, target_etag))
    return Step("compare", "checksum", "a", source, target)


@table(
    "etag, target_etag, same",
    {
        "objects of one ETag are the same": ("e", "e", True),
        "objects of two ETags are not": ("e", "f", False),
        "no object is not the same": ("e", None, False),
    },
)
def test_objects_are_compared_by_their_etags(etag, target_etag, same):
    with ThreadPoolExecutor(1) as pool:
        mover = S3Copy(ROUTE, FakeS3(1), pool)
        assert mover.has_same_checksum(step(etag, target_etag), lambda: None) is same


@table(
    "content, other, same",
    {
        "the same bytes are the same": (b"x", b"x", True),
        "other bytes are not": (b"x", b"y", False),
    },
)
def test_objects_are_compared_by_their_bytes(content, other, same):
    s3 = FakeS3(1)
    s3.contents = {"bucket/src/a": content, "other/dst/a": other}
    with ThreadPoolExecutor(1) as pool:
        mover = S3Copy(ROUTE, s3, pool)
        assert mover.has_same_bytes(step("e", "f"), lambda: None) is same
    assert [request.headers["If-Match"] for request in s3.requests] == ['"e"', '"f"']


@table(
    "told, found, verified",
    {
        "a copy of the same ETag is verified": ("e", None, True),
        "a copy of another ETag is not": ("f", None, False),
        "an ETag that the service leaves empty is looked up": ("", "e", True),
        "it may be another one": ("", "f", False),
    },
)
def test_evidence_of_a_copy(told, found, verified):
    response = Response({}, f"<ETag>&quot;{told}&quot;</ETag>".encode())
    s3 = FakeS3(1, etag=f'"{found}"')
    with ThreadPoolExecutor(1) as pool:
        evidence = S3Copy(ROUTE, s3, pool).publish(step("e"), response)
    etag = told or found
    assert evidence == (f"etag:{etag}", verified, etag)
    assert [request.operation for request in s3.requests] == (["HeadObject"] if found else [])
