"""What a service supports is found out once, and said once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import (
    Feature,
    Service,
    refuses_trailer,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import Call, FaultyS3, Reply, refusal
from tables import table

LARGE = 9 * 2**20


def sync(source, destination, **options):
    request = DataSyncRequest(
        source_path=str(source), destination_path=str(destination), **options
    )
    return Engine().sync(request).result


def test_lack_is_said_once(caplog):
    service = Service("http://s3", is_aws=False)
    assert service.supports(Feature.TRAILERS)
    service.note_lack(Feature.TRAILERS)
    service.note_lack(Feature.TRAILERS)
    assert not service.supports(Feature.TRAILERS)
    assert caplog.text.count("http://s3 does not support trailing checksums") == 1


@table(
    "status, code, refused",
    {
        "Ceph": (400, "XAmzContentSHA256Mismatch", True),
        "a service without chunks": (501, "NotImplemented", True),
        "a service that wants a length": (411, "MissingContentLength", True),
        "a service that signs chunks": (403, "SignatureDoesNotMatch", True),
        "a missing permission": (403, "AccessDenied", False),
        "a missing bucket": (404, "NoSuchBucket", False),
        "a broken connection": (None, "AWS_IO_SOCKET_CLOSED", False),
        "a busy service": (503, "SlowDown", False),
    },
)
def test_refusal_of_a_trailing_checksum(status, code, refused):
    assert refuses_trailer(status, code) is refused


def no_trailers(call: Call, proceed: Callable[[], Reply]) -> Reply:
    if "trailer" in call.headers.get("x-amz-content-sha256", "").lower():
        return refusal(400, "XAmzContentSHA256Mismatch")
    return proceed()


@pytest.mark.parametrize("stores_frames", [False, True])
def test_large_files_arrive_without_trailing_checksums(
    s3: FaultyS3, tmp_path: Path, caplog, stores_frames
):
    def framed(call: Call, proceed: Callable[[], Reply]) -> Reply:
        if "x-amz-trailer" not in call.headers:
            return proceed()
        return s3.respond(replace(call, body=b"900000\r\n" + call.body + b"\r\n0\r\n"))

    s3.fault = framed if stores_frames else no_trailers
    contents = {name: os.urandom(LARGE) for name in ("a", "b")}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert sync(tmp_path, "s3://bucket/dst/").files_transferred == 2
    assert s3.read("bucket", "dst/") == contents
    assert caplog.text.count("does not support trailing checksums") == 1
    parts = [call for call in s3.calls if call.operation == "UploadPart"]
    assert all("x-amz-checksum-crc64nvme" in part.headers for part in parts[-2:])


OLD = 1_000_000_000.0


def ignoring(*names: str) -> Callable[[Call, Callable[[], Reply]], Reply]:
    """Make a service that ignores some headers, and ETags in DeleteObjects."""

    def fault(s3: FaultyS3):
        def respond(call: Call, _: Callable[[], Reply]) -> Reply:
            headers = {k: v for k, v in call.headers.items() if k not in names}
            body = re.sub(rb"<ETag>.*?</ETag>", b"", call.body) if call.query else call.body
            return s3.respond(replace(call, headers=headers, body=body))

        return respond

    return fault


CONDITIONS = ("if-match", "x-amz-copy-source-if-match")


def listing_otherwise(old: str, new: str) -> Callable[[Call, Callable[[], Reply]], Reply]:
    """Make a service that lists something else than it serves."""

    def respond(call: Call, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        if call.operation != "ListObjectsV2":
            return reply
        return replace(reply, body=re.sub(old, new, reply.body.decode()).encode())

    return respond


def test_object_that_is_listed_as_empty_is_downloaded_whole(s3: FaultyS3, tmp_path: Path):
    s3.put("bucket", "src/large", b"large", OLD)
    s3.put("bucket", "src/empty", b"", OLD)
    s3.fault = listing_otherwise(
        r"<ETag>[^<]*</ETag><Size>\d+", f"<ETag>{hashlib.md5().hexdigest()}</ETag><Size>0"
    )
    assert sync("s3://bucket/src/", tmp_path / "dst").files_transferred == 2
    assert (tmp_path / "dst" / "large").read_bytes() == b"large"
    assert (tmp_path / "dst" / "empty").read_bytes() == b""
    assert sync("s3://bucket/src/large", tmp_path / "one").bytes_transferred == 5
    (tmp_path / "dst" / "large").write_bytes(b"")
    found = sync("s3://bucket/src/", tmp_path / "dst", verify=True).verification
    assert (found.files_equal, found.files_different) == (1, 1)


def test_object_that_is_listed_under_another_etag_is_found(s3: FaultyS3, tmp_path: Path):
    s3.put("bucket", "src/a", b"content", OLD)
    s3.fault = listing_otherwise(r"<ETag>[^<]*", "<ETag>" + "0" * 32)
    assert sync("s3://bucket/src/", tmp_path / "dst").files_transferred == 1
    assert (tmp_path / "dst" / "a").read_bytes() == b"content"
    assert sync("s3://bucket/src/", "s3://bucket/dst/").files_transferred == 1
    moved = sync("s3://bucket/src/", "s3://bucket/moved/", retain_source_data=False)
    assert moved.files_removed == 1
    assert s3.read("bucket") == {"dst/a": b"content", "moved/a": b"content"}


def test_object_that_was_replaced_is_not_taken_for_the_one_that_was_listed(
    s3: FaultyS3, tmp_path: Path
):
    s3.put("bucket", "src/a", b"content", OLD)

    def replaced(call: Call, proceed: Callable[[], Reply]) -> Reply:
        if call.operation == "GetObject":
            s3.put("bucket", "src/a", b"another", OLD + 5)
        return proceed()

    s3.fault = replaced
    with pytest.raises(AWSError, match="The object changed after it was listed"):
        sync("s3://bucket/src/", tmp_path / "dst")
    assert not (tmp_path / "dst" / "a").exists()


@table(
    "make_fault",
    {
        "a service that honours conditions": lambda _: lambda _, proceed: proceed(),
        "a service that ignores them": ignoring(*CONDITIONS),
        "a service that refuses them": lambda _: refusing_conditions,
    },
)
@pytest.mark.parametrize("source", ["src/", "src/b"])
def test_move_removes_nothing_that_was_replaced_meanwhile(s3: FaultyS3, make_fault, source):
    for name in ("a", "b", "c\x01"):
        s3.put("bucket", f"src/{name}", f"old {name}".encode(), OLD)
    misbehave = make_fault(s3)

    def replacing(call: Call, proceed: Callable[[], Reply]) -> Reply:
        reply = misbehave(call, proceed)
        if call.operation == "CopyObject" and call.key.endswith("b"):
            s3.put("bucket", "src/b", b"new", OLD + 5)
        return reply

    s3.fault = replacing
    with pytest.raises(AWSError, match="cannot delete s3://bucket/src/b"):
        sync(f"s3://bucket/{source}", "s3://bucket/dst/", retain_source_data=False)
    assert s3.read("bucket")["src/b"] == b"new"


def refusing_conditions(call: Call, proceed: Callable[[], Reply]) -> Reply:
    if call.operation == "DeleteObject" and "if-match" in call.headers:
        return refusal(501, "NotImplemented")
    if call.operation == "DeleteObjects" and b"<ETag>" in call.body:
        return refusal(400, "MalformedXML")
    return proceed()


@table(
    "make_fault",
    {
        "a service that honours conditions": lambda _: lambda _, proceed: proceed(),
        "a service that ignores them": ignoring(*CONDITIONS),
        "a service that refuses them": lambda _: refusing_conditions,
    },
)
def test_move_removes_what_it_has_moved(s3: FaultyS3, make_fault):
    contents = {name: name.encode() for name in ("a", "b", "c\x01")}
    for name, content in contents.items():
        s3.put("bucket", f"src/{name}", content, OLD)
    s3.fault = make_fault(s3)
    moved = sync("s3://bucket/src/", "s3://bucket/dst/", retain_source_data=False)
    assert moved.files_removed == 3
    assert s3.read("bucket") == {f"dst/{name}": content for name, content in contents.items()}


def test_parts_of_unknown_sizes_are_downloaded_once(s3: FaultyS3, tmp_path: Path):
    """Neither is the number of a part known to the service, nor their sizes to anybody."""
    s3.put("bucket", "src/a", b"content", OLD)
    s3.fault = listing_otherwise(r"<ETag>[^<]*", f"<ETag>{'0' * 32}-3")
    assert sync("s3://bucket/src/", tmp_path / "dst").files_transferred == 1
    report = tmp_path / "report"
    assert not sync("s3://bucket/src/", tmp_path / "dst", report_path=report).files_transferred
    assert '"verified": false' in report.read_text()
    (tmp_path / "dst" / "a").write_bytes(b"CONTENT")
    found = sync("s3://bucket/src/", tmp_path / "dst", verify=True).verification
    assert (found.files_equal, found.files_different) == (0, 1)
