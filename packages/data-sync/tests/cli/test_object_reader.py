"""Objects that are read in order, large ones in parts."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.cli import object_reader
from aibs_informatics_aws_lambda.handlers.data_sync.cli.cat import write_to_stdout
from aibs_informatics_aws_lambda.handlers.data_sync.cli.object_reader import ObjectReader
from aibs_informatics_aws_lambda.handlers.data_sync.rate_limits import RateLimits
from aibs_informatics_aws_lambda.handlers.data_sync.s3.errors import ChangedError
from faulty_s3 import Call, Fault, FaultyS3, Reply, refusal
from tables import table

PART = 1000
SOURCE = S3Path("s3://bucket/a")
# Of their own: a request of another test may arrive after that has ended.
SLOW = S3Path("s3://bucket/slow")
WHOLE = S3Path("s3://bucket/whole")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_reader, "_PART_BYTES", PART)


def content_of(size: int) -> bytes:
    return bytes(number * number % 251 for number in range(size))


def count_requests(s3: FaultyS3, source: S3Path) -> int:
    asked = ("GetObject", source.key)
    return sum((call.operation, call.key) == asked for call in s3.calls)


@table(
    "size, requests",
    {
        "an empty object": (0, 1),
        "a small object": (1, 1),
        "two parts in one request": (2 * PART, 1),
        "three parts": (2 * PART + 1, 3),
        "more parts than are downloaded at a time": (21 * PART, 21),
    },
)
def test_objects_are_read_in_order(s3: FaultyS3, size, requests):
    s3.put("bucket", f"{size}", content_of(size))
    source = S3Path(f"s3://bucket/{size}")
    assert b"".join(ObjectReader().read(source)) == content_of(size)
    assert count_requests(s3, source) == requests


def test_object_is_read_in_one_piece_where_bytes_are_limited(s3: FaultyS3):
    s3.put("bucket", "whole", content_of(5 * PART))
    blocks = list(ObjectReader().read(WHOLE, block_bytes=PART))
    assert b"".join(blocks) == content_of(5 * PART)
    assert count_requests(s3, WHOLE) == 1


def test_no_more_than_eight_parts_are_ahead_of_a_slow_reader(s3: FaultyS3):
    s3.put("bucket", "slow", content_of(50 * PART))
    with closing(ObjectReader().read(SLOW)) as blocks:
        assert next(blocks) == content_of(50 * PART)[:PART]
        assert count_requests(s3, SLOW) <= 8
    # Nothing more is requested after a reader that has seen enough.
    assert count_requests(s3, SLOW) <= 8


def test_object_that_is_replaced_meanwhile_is_not_mixed(s3: FaultyS3):
    s3.put("bucket", "a", content_of(20 * PART))
    blocks, read = ObjectReader().read(SOURCE), []
    read.append(next(blocks))
    s3.put("bucket", "a", b"x" * 20 * PART)
    # The response that has begun, and the parts that were requested, are those of before.
    with contextlib.suppress(ChangedError):
        read.extend(blocks)
    assert content_of(20 * PART).startswith(b"".join(read))


def test_object_that_is_replaced_meanwhile_is_not_mixed_where_conditions_are_ignored(s3: FaultyS3):
    def ignore_conditions(call: Call, _: Callable[[], Reply]) -> Reply:
        if call.headers.get("range", "").startswith(f"bytes={9 * PART}-"):
            s3.put("bucket", "a", b"x" * 20 * PART)
        headers = {name: call.headers[name] for name in call.headers if name != "if-match"}
        return s3.respond(replace(call, headers=headers))

    s3.put("bucket", "a", content_of(20 * PART))
    s3.fault, read = ignore_conditions, []
    with pytest.raises(AWSError, match=r"cannot read s3://bucket/a: the object changed"):
        read.extend(ObjectReader().read(SOURCE))
    assert content_of(20 * PART).startswith(b"".join(read))


def part_of(call: Call) -> int | None:
    start = call.headers.get("range", "").removeprefix("bytes=").partition("-")[0]
    return int(start) // PART if start else None


def ignore_ranges(call: Call, respond: Callable[[], Reply]) -> Reply:
    reply = respond()
    return reply if part_of(call) is None else Reply(200, content_of(5 * PART), reply.headers)


def ignore_ends_of_ranges(call: Call, respond: Callable[[], Reply]) -> Reply:
    reply, part = respond(), part_of(call) or 0
    return replace(reply, body=content_of(5 * PART)[part * PART :])


def serve_weak_etags(call: Call, respond: Callable[[], Reply]) -> Reply:
    reply = respond()
    reply.headers["ETag"] = f"W/{reply.headers['ETag']}"
    return refusal(412, "PreconditionFailed") if "if-match" in call.headers else reply


def refuse_parts(call: Call, respond: Callable[[], Reply]) -> Reply:
    return respond() if part_of(call) is None else refusal(403, "AccessDenied")


def break_first_response(call: Call, respond: Callable[[], Reply]) -> Reply:
    return replace(respond(), sends=PART // 2 if part_of(call) is None else None)


def break_each_part_once() -> Fault:
    broken = set()

    def fault(call: Call, respond: Callable[[], Reply]) -> Reply:
        part = part_of(call)
        if part in broken:
            return respond()
        broken.add(part)
        return replace(respond(), sends=PART // 2)

    return fault


@table(
    "fault",
    {
        "ranges are ignored": ignore_ranges,
        "ends of ranges are ignored": ignore_ends_of_ranges,
        "ETags are weak": serve_weak_etags,
        "parts are refused": refuse_parts,
        "the first response breaks": break_first_response,
        "each response breaks": break_each_part_once(),
    },
)
def test_object_is_read_in_spite_of(s3: FaultyS3, fault):
    s3.put("bucket", "a", content_of(5 * PART))
    s3.fault = fault
    assert b"".join(ObjectReader().read(SOURCE)) == content_of(5 * PART)


@pytest.mark.parametrize("block_bytes", [None, 100])
def test_rest_of_an_object_is_read_where_the_connection_breaks(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, block_bytes
):
    monkeypatch.setattr(object_reader, "_FIRST_WAIT_SECONDS", 0.001)
    size = 2 * PART if block_bytes is None else 50 * PART
    s3.put("bucket", "broken", content_of(size))
    s3.fault = lambda _, respond: replace(reply := respond(), sends=(len(reply.body) + 1) // 2)
    blocks = ObjectReader().read(S3Path("s3://bucket/broken"), block_bytes)
    assert b"".join(blocks) == content_of(size)


def replace_object(s3: FaultyS3) -> Fault:
    def fault(call: Call, respond: Callable[[], Reply]) -> Reply:
        if "range" in call.headers:
            s3.put("bucket", "a", content_of(PART)[::-1])
            return respond()
        return replace(respond(), sends=PART // 2)

    return fault


def ignore_ranges_of_the_rest(s3: FaultyS3) -> Fault:
    def fault(call: Call, respond: Callable[[], Reply]) -> Reply:
        headers = {name: value for name, value in call.headers.items() if name != "range"}
        reply = s3.respond(replace(call, headers=headers))
        return reply if "range" in call.headers else replace(reply, sends=PART // 2)

    return fault


def send_nothing(_: FaultyS3) -> Fault:
    return lambda call, respond: replace(respond(), sends=0 if "range" in call.headers else 9)


def name_no_etag(_: FaultyS3) -> Fault:
    def fault(_: Call, respond: Callable[[], Reply]) -> Reply:
        reply = replace(respond(), sends=PART // 2)
        del reply.headers["ETag"]
        return reply

    return fault


@table(
    "fault, message, requests",
    {
        "the object is replaced": (replace_object, "the object has changed meanwhile", 2),
        "ranges are ignored": (ignore_ranges_of_the_rest, "broke, and ranges are ignored", 2),
        "nothing more arrives": (send_nothing, "cannot read s3://bucket/a: ", 10),
        "there is no ETag": (name_no_etag, "cannot read s3://bucket/a: ", 1),
    },
)
def test_rest_of_an_object_cannot_be_read_if(
    s3: FaultyS3, monkeypatch: pytest.MonkeyPatch, fault, message, requests
):
    monkeypatch.setattr(object_reader, "_FIRST_WAIT_SECONDS", 0.001)
    s3.put("bucket", "a", content_of(PART))
    s3.fault, read = fault(s3), []
    with pytest.raises(AWSError, match=message):
        read.extend(ObjectReader().read(SOURCE))
    assert content_of(PART).startswith(b"".join(read))
    assert count_requests(s3, SOURCE) == requests


def test_part_of_another_length_is_an_error(s3: FaultyS3):
    def shorten(call: Call, respond: Callable[[], Reply]) -> Reply:
        reply = respond()
        return replace(reply, body=reply.body[:-1]) if part_of(call) == 2 else reply

    s3.put("bucket", "a", content_of(5 * PART))
    s3.fault = shorten
    with pytest.raises(AWSError, match=f"received {PART - 1} bytes of a part of {PART}"):
        list(ObjectReader().read(SOURCE))


def test_versions_may_have_any_characters(s3: FaultyS3):
    s3.put("bucket", "versions", content_of(5 * PART))
    assert b"".join(
        ObjectReader().read(S3Path("s3://bucket/versions?versionId=3/L4+q&x=%41"))
    ) == content_of(5 * PART)
    calls = [call for call in s3.calls if call.key == "versions"]
    assert {call.query["versionId"] for call in calls} == {"3/L4+q&x=%41"}


def test_requests_for_parts_do_not_exceed_a_limit_of_requests(
    s3: FaultyS3, capfdbinary: pytest.CaptureFixture[bytes]
):
    s3.put("bucket", "whole", content_of(5 * PART))
    write_to_stdout(["s3://bucket/whole"], limits=RateLimits(requests_per_second=1000))
    assert capfdbinary.readouterr().out == content_of(5 * PART)
    assert count_requests(s3, WHOLE) == 1


def test_large_version_is_read_in_parts(bucket):
    client, old = bucket.client, content_of(5 * PART)
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    version = client.put_object(Bucket="bucket", Key="a", Body=old)["VersionId"]
    client.put_object(Bucket="bucket", Key="a", Body=b"new")
    assert b"".join(ObjectReader().read(S3Path(f"s3://bucket/a?versionId={version}"))) == old


def crc(name: str, content: bytes, length: int) -> bytes:
    from awscrt import checksums

    functions = {"crc32": zlib.crc32, "crc32c": checksums.crc32c, "crc64nvme": checksums.crc64nvme}
    return functions[name](content).to_bytes(length, "big")


@table(
    "algorithm, digest",
    {
        "CRC64NVME": ("CRC64NVME", lambda content: crc("crc64nvme", content, 8)),
        "CRC32C": ("CRC32C", lambda content: crc("crc32c", content, 4)),
        "CRC32": ("CRC32", lambda content: crc("crc32", content, 4)),
        "SHA-256": ("SHA256", lambda content: hashlib.sha256(content).digest()),
        "SHA-1": ("SHA1", lambda content: hashlib.sha1(content).digest()),
    },
)
def test_content_in_parts_must_have_the_checksum_that_is_stored(algorithm, digest):
    content = content_of(3 * PART)
    response = {f"Checksum{algorithm}": base64.b64encode(digest(content)).decode()}

    def parts(content: bytes):
        yield content[:PART]
        yield content[PART:]

    def read(content: bytes) -> bytes:
        return b"".join(object_reader._checked(parts(content), response, SOURCE))

    assert read(content) == content
    with pytest.raises(AWSError, match=r"cannot read s3://bucket/a: .* checksum"):
        read(content[:-1] + b"\xff")


def test_checksum_of_checksums_of_parts_is_not_one_of_the_content():
    response = {"ChecksumCRC32": "AAAAAA==-3"}
    assert object_reader._find_checksum(response) is None


def test_credentials_are_looked_up_once_for_all_objects(s3: FaultyS3, monkeypatch, capfdbinary):
    made, make = [], object_reader.s3_client
    monkeypatch.setattr(
        object_reader, "s3_client", lambda connection: made.append(connection) or make(connection)
    )
    for key in "abc":
        s3.put("bucket", key, key.encode())
    write_to_stdout([f"s3://bucket/{key}" for key in "abc"])
    assert capfdbinary.readouterr().out == b"abc"
    assert made == [None]
