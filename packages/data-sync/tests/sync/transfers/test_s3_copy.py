from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import (
    Request,
    Response,
    ResponseFuture,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import Service
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root, Route
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.s3_copy import S3Copy
from aibs_informatics_aws_lambda.storage.data_sync.object_settings import ObjectSettings
from tables import table

MIB = 2**20
GIB = 2**30
MD5 = "0" * 32


class FakeS3:
    """An S3 that copies an object of which it knows the headers."""

    def __init__(self, first_part: int, fails_at: int | None = None, **headers: str) -> None:
        self.headers = {"content-length": str(first_part), **headers}
        self.fails_at = fails_at
        self.requests: list[Request] = []
        self.etag, self.etags = "", iter(())
        self.contents: dict[str, bytes] = {}
        self.service = Service("http://s3", is_aws=True)

    def ask(self, request: Request) -> Response:
        self.requests.append(request)
        bodies = {
            "CreateMultipartUpload": "<UploadId>id</UploadId>",
            "GetObjectTagging": f"<Tagging><TagSet>{self._tags(request)}</TagSet></Tagging>",
        }
        body = bodies.get(request.operation, "")
        if request.operation == "CompleteMultipartUpload":
            body = f"<ETag>{next(self.etags, self.etag)}</ETag>"
        return Response(self.headers, body.encode())

    def _tags(self, request: Request) -> str:
        is_copy = request.bucket == "other"
        return "" if is_copy else "<Tag><Key>k</Key><Value>v &amp; w</Value></Tag>"

    def send(
        self, request: Request, take: Callable[[bytes], None] | None = None, future=None
    ) -> Future[Response]:
        self.requests.append(request)
        future = future or Future()
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
    s3.etag = etag
    step = Step("transfer", "missing", "a", Entry("a", size, 0.0, etag))
    route = Route(Root("bucket", "src/"), Root("other", "dst/"))
    with ThreadPoolExecutor(1) as pool:
        S3Copy(route, s3, s3, pool).start(step, told.append).result()
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
    assert len(s3.named("HeadObject")) == (2 if "-" in etag else 0)
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
        mover = S3Copy(ROUTE, FakeS3(1), FakeS3(1), pool)
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
        mover = S3Copy(ROUTE, s3, s3, pool)
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
        evidence = S3Copy(ROUTE, s3, s3, pool).publish(step("e"), response)
    etag = told or found
    assert evidence[:3] == (f"etag:{etag}", verified, etag)
    assert [request.operation for request in s3.requests] == (["HeadObject"] if found else [])


class OtherS3(FakeS3):
    """A service that is not AWS, and serves objects with their contents and an ETag each."""

    def __init__(self, source: bytes, target: bytes) -> None:
        super().__init__(1)
        self.service = Service("http://s3", is_aws=False)
        self.contents = {"bucket/src/a": source, "other/dst/a": target}

    def ask(self, request: Request) -> Response:
        self.requests.append(request)
        size = len(self.contents[f"{request.bucket}/{request.key}"])
        etag = f'"{request.bucket}"'
        return Response({"content-length": str(size), "etag": etag}, b"")


@table(
    "content, reads",
    {
        "the same content is accepted": (b"x", 2),
        "other content is not": (b"y", 2),
        "another size is not, which is not read": (b"xy", 0),
    },
)
def test_copy_under_another_etag_is_looked_at_except_on_aws(content, reads):
    s3 = OtherS3(b"x", content)
    response = Response({}, b"<ETag>other</ETag>")
    with ThreadPoolExecutor(1) as pool:
        mover = S3Copy(ROUTE, s3, s3, pool)
        if content == b"x":
            assert mover.publish(step("bucket"), response).verified is False
        else:
            message = "cannot copy s3://bucket/src/a to s3://other/dst/a: .* different content"
            with pytest.raises(AWSError, match=message):
                mover.publish(step("bucket"), response)
    conditions = [read.headers["If-Match"] for read in s3.named("GetObject")]
    assert conditions == ['"bucket"', '"other"'][:reads]


class PartsS3(FakeS3):
    """An S3 that knows the sizes of the parts of an object, and puts copies together."""

    def __init__(self, *sizes: int, etags: Sequence[str] = (), is_aws: bool = True) -> None:
        super().__init__(0)
        self.sizes = sizes
        self.etags = iter(etags)
        self.service = Service("http://s3", is_aws=is_aws)
        self.changes = False

    def ask(self, request: Request) -> Response:
        if request.query.startswith("partNumber="):
            number = int(request.query.removeprefix("partNumber="))
            self.headers = {"content-length": str(self.sizes[number - 1])}
        elif request.operation == "HeadObject":
            etag = f"{len(self.named('UploadPartCopy')) if self.changes else 0}"
            self.headers = {"content-length": str(sum(self.sizes)), "etag": etag}
        return super().ask(request)

    def send(self, request: Request, take=None) -> Future[Response]:
        if request.operation != "HeadObject":
            return super().send(request, take)
        future: Future[Response] = Future()
        future.set_result(self.ask(request))
        return future

    @property
    def copied(self) -> list[int]:
        spans = [
            request.headers["x-amz-copy-source-range"].removeprefix("bytes=").split("-")
            for request in self.named("UploadPartCopy")
        ]
        return [int(last) - int(first) + 1 for first, last in spans]


@table(
    "sizes, etags, copied",
    {
        "parts of one size are copied once": ([5, 5, 3], [], [5, 5, 3]),
        "parts of several sizes are copied as they are": ([5, 7, 3], ["f"], [5, 5, 5, 5, 7, 3]),
        "sizes that one size cannot make are copied as they are": ([9, 5, 1], [], [9, 5, 1]),
        "parts whose ETag is not told are copied once": ([5, 7, 3], [""], [5, 5, 5]),
        "parts that are too small are not copied": ([9, 1, 5], [], []),
    },
)
def test_parts_of_several_sizes(sizes, etags, copied):
    s3 = PartsS3(*(size * MIB for size in sizes), etags=etags)
    copy(s3, sum(sizes) * MIB, f"{MD5}-{len(sizes)}")
    assert s3.copied == [size * MIB for size in copied]
    assert len(s3.named("CopyObject")) == (0 if copied else 1)


@pytest.mark.parametrize("is_aws", [True, False])
def test_copy_does_not_mix_versions_where_conditions_may_be_ignored(is_aws):
    s3 = PartsS3(5 * MIB, 5 * MIB, is_aws=is_aws)
    s3.changes = True
    if is_aws:
        copy(s3, 10 * MIB, f"{MD5}-2")
        return
    with pytest.raises(AWSError, match="cannot copy s3://bucket/src/a: it changed while"):
        copy(s3, 10 * MIB, f"{MD5}-2")
    assert s3.named("AbortMultipartUpload")
    assert not s3.named("CompleteMultipartUpload")


@pytest.mark.parametrize("is_aws", [True, False])
def test_tags_are_set_again_where_an_upload_in_parts_may_lose_them(is_aws):
    s3 = FakeS3(10 * MIB, **{"x-amz-tagging-count": "1"})
    s3.service = Service("http://s3", is_aws=is_aws)
    copy(s3, 20 * MIB, f"{MD5}-2")
    tagged = s3.named("PutObjectTagging")
    assert len(tagged) == (0 if is_aws else 1)
    assert all(b"<Key>k</Key><Value>v &amp; w</Value>" in request.body for request in tagged)


@table(
    "source, target, same",
    {
        "one ETag is served": ({"etag": "g"}, {"etag": "g"}, True),
        "two ETags are served": ({"etag": "g"}, {"etag": "h"}, False),
        "one checksum is served": (
            {"etag": "g", "x-amz-checksum-crc64nvme": "c"},
            {"etag": "h", "x-amz-checksum-crc64nvme": "c"},
            True,
        ),
        "two checksums are served": (
            {"etag": "g", "x-amz-checksum-crc64nvme": "c"},
            {"etag": "g", "x-amz-checksum-crc64nvme": "d"},
            False,
        ),
        "checksums of parts are no evidence": (
            {
                "etag": "g",
                "x-amz-checksum-crc64nvme": "c",
                "x-amz-checksum-type": "COMPOSITE",
            },
            {"etag": "h", "x-amz-checksum-crc64nvme": "c"},
            False,
        ),
        "two sizes are served": (
            {"etag": "g", "content-length": "1"},
            {"etag": "g", "content-length": "2"},
            False,
        ),
    },
)
def test_objects_are_compared_as_they_are_served(source, target, same):
    class ServingS3(FakeS3):
        def ask(self, request: Request) -> Response:
            return Response(source if request.bucket == "bucket" else target, b"")

    with ThreadPoolExecutor(1) as pool:
        mover = S3Copy(ROUTE, ServingS3(1), ServingS3(1), pool)
        assert mover.has_same_checksum(step("e", "f"), lambda: None) is same


class ColdS3(FakeS3):
    """An S3 with an object of another storage class, that may not be looked at or copied."""

    def __init__(self, refuses: str) -> None:
        super().__init__(0)
        self.refuses = refuses

    def send(self, request: Request, *_: None, future: ResponseFuture | None = None):
        self.requests.append(request)
        future = future or ResponseFuture()
        if request.operation == self.refuses:
            future.set_exception(AWSError("AccessDenied"))
        else:
            future.set_result(Response({"x-amz-storage-class": "GLACIER_IR"}, b""))
        return future


@pytest.mark.parametrize("refuses", ["", "HeadObject", "CopyObject"])
def test_copy_that_is_stored_as_its_source_raises_the_error_of_either_request(refuses):
    s3 = ColdS3(refuses)
    route = Route(Root("bucket", "src/"), Root("other", "dst/"))
    step = Step("transfer", "missing", "a", Entry("a", 1, 0.0, MD5))
    with ThreadPoolExecutor(1) as pool:
        copied = S3Copy(route, s3, s3, pool, ObjectSettings(keep=True)).start(step, None)
    assert copied.done()
    if refuses:
        assert str(copied.exception()) == "AccessDenied"
    else:
        assert copied.result()
    classes = [request.headers["x-amz-storage-class"] for request in s3.named("CopyObject")]
    assert classes == ([] if refuses == "HeadObject" else ["GLACIER_IR"])
