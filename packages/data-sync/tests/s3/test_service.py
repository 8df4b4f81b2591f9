"""What a service supports is found out once, and said once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import (
    Feature,
    Service,
    refuses_trailer,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import Call, FaultyS3, Reply, faulty_s3, refusal
from servers import aws_settings
from tables import table

LARGE = 9 * 2**20


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyS3]:
    with faulty_s3() as s3:
        yield s3


@pytest.fixture
def s3(server: FaultyS3, no_aws: None, monkeypatch: pytest.MonkeyPatch) -> FaultyS3:
    server.reset()
    for name, value in aws_settings(server.url).items():
        monkeypatch.setenv(name, value)
    return server


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
