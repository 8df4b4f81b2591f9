from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.evidence import StoredObject
from aibs_informatics_aws_lambda.handlers.data_sync.s3.etags import (
    file_has_etag,
    file_is_stored,
    find_part_sizes,
    object_digest,
    starts_with_object,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.parts import split_parts
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import (
    PART_BYTES,
    ObjectVersion,
    Request,
    Response,
)
from tables import table

MIB = 2**20
TEN = b"0123456789"
REQUEST = Request("GetObject", "s3:GetObject", "bucket", "key")


def etag_of(content: bytes, part_bytes: int | None = None) -> str:
    """The ETag that S3 gives an object that is uploaded in parts of some size, or in one go."""
    if part_bytes is None:
        return hashlib.md5(content).hexdigest()
    starts = range(0, max(len(content), 1), part_bytes)
    digests = [hashlib.md5(content[start : start + part_bytes]).digest() for start in starts]
    return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"


class Checks:
    """Counts how often a comparison could have been stopped, and stops it after so many."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.count = 0
        self.stop_at = stop_at

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.stop_at:
            raise InterruptedError("stopped")


class FakeS3:
    """An S3 that has one object."""

    def __init__(self, *blocks: bytes, headers: dict[str, str] | None = None) -> None:
        self.blocks = blocks
        self.headers = headers or {}
        self.requests: list[Request] = []

    def ask(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(self.headers, b"")

    def send(
        self, request: Request, take: Callable[[bytes], None] = lambda block: None
    ) -> Future[Response]:
        self.requests.append(request)
        future: Future[Response] = Future()
        try:
            for block in self.blocks:
                take(block)
            future.set_result(Response(self.headers, b""))
        except Exception as error:
            future.set_exception(error)
        return future


@table(
    "content, etag, first_part, same",
    {
        "an MD5 is that of the content": (TEN, etag_of(TEN), None, True),
        "another MD5 is another content": (TEN, etag_of(TEN[1:]), None, False),
        "no content has an MD5": (b"", etag_of(b""), None, True),
        "one part of the usual size needs no question": (TEN, etag_of(TEN, 8 * MIB), None, True),
        "no content in one part needs no question": (b"", etag_of(b"", 8 * MIB), None, True),
        "parts of the size that the object has are compared": (TEN, etag_of(TEN, 4), 4, True),
        "a file of exactly the parts is compared": (TEN, etag_of(TEN, 5), 5, True),
        "other content in such parts differs": (TEN[::-1], etag_of(TEN, 4), 4, False),
        "as many parts of another size differ": (TEN, etag_of(TEN, 4), 5, False),
        "parts that do not add up are not compared": (TEN, etag_of(TEN, 4), 1, False),
        "other content in one part differs": (TEN[::-1], etag_of(TEN, 8 * MIB), 8 * MIB, False),
        "an ETag that is no MD5 differs": (TEN, "0" * 32, None, False),
    },
)
def test_file_has_the_etag_of_an_object(tmp_path: Path, content, etag, first_part, same):
    file = tmp_path / "file"
    file.write_bytes(content)

    def find_sizes() -> list[list[int]]:
        assert first_part is not None, "the sizes of the parts were asked for"
        return [split_parts(len(content), first_part)]

    assert file_has_etag(str(file), len(content), etag, find_sizes, Checks()) is same


def test_file_is_compared_in_parts_of_any_sizes(tmp_path: Path):
    (tmp_path / "file").write_bytes(TEN)
    digests = b"".join(hashlib.md5(part).digest() for part in (TEN[:5], TEN[5:9], TEN[9:]))
    etag = f"{hashlib.md5(digests).hexdigest()}-3"

    def find_sizes() -> Iterator[list[int]]:
        yield [4, 4, 2]
        yield [5, 4, 1]
        pytest.fail("further sizes were asked for")

    assert file_has_etag(str(tmp_path / "file"), 10, etag, find_sizes, Checks())


def test_large_file_in_parts_of_the_usual_size_needs_no_question(tmp_path: Path):
    content = bytes(8 * MIB) + b"x"
    file = tmp_path / "file"
    file.write_bytes(content)
    etag = etag_of(content, 8 * MIB)
    assert etag.endswith("-2")
    assert file_has_etag(str(file), len(content), etag, lambda: pytest.fail("asked"), Checks())


def test_file_in_as_many_parts_of_another_size_is_compared_in_those(tmp_path: Path):
    content = bytes(9 * MIB) + b"x"
    file = tmp_path / "file"
    file.write_bytes(content)
    etag = etag_of(content, 5 * MIB)
    assert etag.endswith("-2")
    assert file_has_etag(str(file), len(content), etag, lambda: [[5 * MIB, 4 * MIB + 1]], Checks())


@table(
    "parts, told, same",
    {
        "the sizes are told": (4, [[4, 4, 2]], False),
        "no sizes are told": (4, [], False),
        "there may be other sizes": (4, [[5, 5], []], None),
        "the usual size gives as many parts": (8 * MIB, [[]], False),
    },
)
def test_other_etag_tells_nothing_where_the_sizes_of_parts_are_unknown(
    tmp_path: Path, parts, told, same
):
    (tmp_path / "file").write_bytes(TEN[::-1])
    etag = etag_of(TEN, parts)
    assert file_has_etag(str(tmp_path / "file"), 10, etag, lambda: told, Checks()) is same


@table(
    "etag_parts, parts_read",
    {
        "a file is read once for an MD5": (None, 1),
        "a file is read once in parts that are told": (4, 3),
        "a file is read once where the parts are the usual": (8 * MIB, 1),
    },
)
def test_file_that_differs_is_read_no_more_than_needed(tmp_path: Path, etag_parts, parts_read):
    file = tmp_path / "file"
    file.write_bytes(TEN[::-1])
    checks = Checks()
    told = [split_parts(10, etag_parts or 10)]
    assert not file_has_etag(str(file), 10, etag_of(TEN, etag_parts), lambda: told, checks)
    assert checks.count == parts_read


@table(
    "size, blocks",
    {
        "no content is no block": (0, 0),
        "1 MiB is one block": (MIB, 1),
        "a byte more is two blocks": (MIB + 1, 2),
        "3 MiB are three blocks": (3 * MIB, 3),
    },
)
def test_each_block_can_be_stopped_at(tmp_path: Path, size, blocks):
    file = tmp_path / "file"
    file.write_bytes(bytes(size))
    checks = Checks()
    file_has_etag(str(file), size, etag_of(bytes(size)), list, checks)
    assert checks.count == blocks


def test_comparison_ends_when_it_is_stopped(tmp_path: Path):
    file = tmp_path / "file"
    file.write_bytes(bytes(3 * MIB))
    with pytest.raises(InterruptedError):
        file_has_etag(str(file), 3 * MIB, etag_of(b""), list, Checks(stop_at=2))


def test_md5_is_for_no_security(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Builds of OpenSSL that follow FIPS refuse it otherwise.
    md5 = hashlib.md5

    def in_fips_mode(*content: bytes, usedforsecurity: bool = True):
        assert not usedforsecurity
        return md5(*content, usedforsecurity=usedforsecurity)

    both = etag_of(TEN), etag_of(TEN, 4)
    file = tmp_path / "file"
    file.write_bytes(TEN)
    monkeypatch.setattr(hashlib, "md5", in_fips_mode)
    for etag in both:
        assert file_has_etag(str(file), 10, etag, lambda: [[4, 4, 2]], Checks())


def test_missing_file_is_named(tmp_path: Path):
    path = str(tmp_path / "file")
    for etag in (etag_of(TEN), etag_of(TEN, 8 * MIB)):
        with pytest.raises(FileNotFoundError, match=path):
            file_has_etag(path, 10, etag, list, Checks())


def test_digest_of_an_object_is_its_sha256():
    checks = Checks()
    digest = object_digest(FakeS3(TEN[:4], TEN[4:]), REQUEST, checks)
    assert digest == hashlib.sha256(TEN).digest()
    assert checks.count == 2


def test_object_that_cannot_be_fetched_has_no_digest():
    with pytest.raises(InterruptedError):
        object_digest(FakeS3(TEN, TEN), REQUEST, Checks(stop_at=2))


@table(
    "first, sizes",
    {
        "a service tells the sizes": (6 * MIB, [[6 * MIB, 6 * MIB, 3 * MIB]]),
        "a service that ignores the number of the part leaves common sizes": (
            15 * MIB,
            [[5 * MIB] * 3, [6 * MIB, 6 * MIB, 3 * MIB], []],
        ),
    },
)
def test_sizes_of_parts(first, sizes):
    s3 = FakeS3(headers={"content-length": str(first)})
    version = ObjectVersion("bucket", "key", f"{'0' * 32}-3")
    found = find_part_sizes(s3, version, 15 * MIB)
    assert [next(found) for _ in sizes] == sizes


@table(
    "stored, same",
    {
        "the checksum tells": (StoredObject(10, "?", crc64nvme="Ffmx7kz9nB0="), True),
        "another checksum tells": (StoredObject(10, etag_of(TEN), "AAAAAAAAAAA="), False),
        "the ETag tells": (StoredObject(10, etag_of(TEN)), True),
        "the ETag of parts tells": (StoredObject(10, etag_of(TEN, 8 * MIB)), True),
        "another ETag tells": (StoredObject(10, etag_of(b"other")), False),
        "the size need not be known": (StoredObject(None, etag_of(TEN)), True),
        "another size tells": (StoredObject(9, etag_of(TEN)), False),
        "the ETag of an encrypted object tells nothing": (
            StoredObject(10, etag_of(TEN), is_encrypted=True),
            None,
        ),
        "an ETag that is no digest tells nothing": (StoredObject(10, "0x8D"), None),
        "the ETag of a large object of Swift tells nothing": (
            StoredObject(10, f"{etag_of(TEN)}-N"),
            None,
        ),
        "no ETag tells nothing": (StoredObject(10), None),
    },
)
def test_file_is_compared_with_what_was_stored(tmp_path: Path, stored, same):
    (tmp_path / "a").write_bytes(TEN)
    assert file_is_stored(str(tmp_path / "a"), 10, stored, lambda: None, PART_BYTES) is same


@pytest.mark.parametrize("stored", [StoredObject(10, crc64nvme="x"), StoredObject(10, "0" * 32)])
def test_comparison_with_what_was_stored_can_be_stopped(tmp_path: Path, stored):
    (tmp_path / "a").write_bytes(TEN)
    with pytest.raises(InterruptedError):
        file_is_stored(str(tmp_path / "a"), 10, stored, Checks(stop_at=1), PART_BYTES)


@table(
    "content, etag, starts",
    {
        "the whole file": (TEN, etag_of(TEN), True),
        "the beginning of a file": (TEN + b"more", etag_of(TEN), True),
        "another beginning": (b"x" + TEN, etag_of(TEN), False),
        "a shorter file": (TEN[:-1], etag_of(TEN), False),
        "parts of the usual size": (TEN + b"more", etag_of(TEN, 8 * MIB), True),
        "other content in such parts": (b"x" + TEN, etag_of(TEN, 8 * MIB), False),
        "parts of another size": (TEN, etag_of(TEN, 4), False),
    },
)
def test_file_starts_with_an_object(tmp_path: Path, content, etag, starts):
    (tmp_path / "file").write_bytes(content)
    assert starts_with_object(str(tmp_path / "file"), 10, etag, Checks()) is starts


def test_sizes_that_a_service_tells_are_all_that_there_are():
    s3 = FakeS3(headers={"content-length": str(6 * MIB)})
    version = ObjectVersion("bucket", "key", f"{'0' * 32}-3")
    assert list(find_part_sizes(s3, version, 15 * MIB)) == [[6 * MIB, 6 * MIB, 3 * MIB]]


def test_object_that_was_not_uploaded_in_parts_has_no_sizes_of_parts():
    s3 = FakeS3(headers={"content-length": str(15 * MIB)})
    version = ObjectVersion("bucket", "key", "0" * 32)
    assert list(find_part_sizes(s3, version, 15 * MIB)) == [[]]


@table(
    "part_bytes, same",
    {
        "parts of the size that was sent": (4, True),
        "parts of another size": (3, False),
    },
)
def test_large_file_is_compared_in_the_parts_of_its_upload(tmp_path: Path, part_bytes, same):
    (tmp_path / "a").write_bytes(TEN)
    stored = StoredObject(10, etag_of(TEN, part_bytes))
    assert file_is_stored(str(tmp_path / "a"), 10, stored, lambda: None, 4) is same
