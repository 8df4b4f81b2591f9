"""Uploads: which responses are evidence that a file has arrived."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request, Response
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import Feature, Service
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.report import Evidence
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root, Route
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import upload
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.upload import Upload
from tables import table

CONTENT = b"x\n"
CRC = {"x-amz-checksum-crc64nvme": "4RWCqeBLzwQ="}
OTHER_CRC = {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}
MD5 = hashlib.md5(CONTENT).hexdigest()
ETAG = {"etag": f'"{MD5}"'}
OTHER_ETAG = {"etag": f'"{"0" * 32}"'}
OPAQUE_ETAG = {"etag": '"0x8D"'}
PAGE = {"content-length": "500", "content-type": "text/html"}
KMS = {"x-amz-server-side-encryption": "aws:kms"}
HERE = {"content-length": "2"}
MISSING = ResourceNotFoundError("no such object")
DENIED = AWSError("denied")


class FakeS3:
    """An S3 that responds to HEAD with some headers in turn, and serves some content."""

    def __init__(self, *heads, content: bytes = b"", is_aws: bool = False) -> None:
        self.heads = list(heads)
        self.content = content
        self.service = Service("http://s3", is_aws=is_aws)
        self.requests: list[Request] = []

    def ask(self, request: Request) -> Response:
        self.requests.append(request)
        head = self.heads.pop(0)
        if isinstance(head, Exception):
            raise head
        return Response(head, b"")

    def send(self, request: Request, take=None, on_bytes=None, future=None) -> Future[Response]:
        self.requests.append(request)
        future = future or Future()
        if take:
            take(self.content)
        future.set_result(Response(ETAG, b""))
        return future


def publish(folder: Path, s3: FakeS3, headers, *, target_etag=None, **options) -> Evidence:
    """Upload a file, and publish it with the headers of a response."""
    (folder / "a").write_bytes(CONTENT)
    found = (folder / "a").stat()
    entry = Entry("a", found.st_size, found.st_mtime)
    step = Step("transfer", "size", "a", entry, Entry("a", 1, 0.0, target_etag))
    route = Route(Root(None, f"{folder}/"), Root("bucket", "dst/"))
    method = Upload(route, s3, lambda: None, **options)
    return method.publish(step, Response(headers, b""))


@table(
    "headers, heads",
    {
        "a checksum is evidence": (CRC, []),
        "an ETag is evidence": (ETAG, []),
        "an ETag with a body is evidence if the object has it": (
            {**ETAG, **PAGE},
            [{**ETAG, **HERE}],
        ),
        "a status alone is evidence if the object has the content": ({}, [{**ETAG, **HERE}]),
        "a status alone is evidence if the object has the checksum": (
            {},
            [{**OPAQUE_ETAG, **CRC, **HERE}],
        ),
        "a status alone is evidence if the object has another ETag than before": (
            {},
            [{**OPAQUE_ETAG, **HERE}],
        ),
        "an object of another ETag than the response is the file if it has its MD5": (
            {"etag": f'"{"0" * 32}-2"', **PAGE},
            [{**ETAG, **HERE}],
        ),
        "an ETag is evidence if the object may not be read": ({**ETAG, **PAGE}, [DENIED]),
    },
)
def test_confirmed_upload(tmp_path: Path, headers, heads):
    s3 = FakeS3(*heads)
    publish(tmp_path, s3, headers)
    assert [request.operation for request in s3.requests] == ["HeadObject"] * len(heads)


@table(
    "headers, head, target_etag, message",
    {
        "no object": ({}, MISSING, None, "does not exist, although"),
        "no object in spite of an ETag": ({**ETAG, **PAGE}, MISSING, None, "does not exist"),
        "an object of another size": ({}, {"content-length": "3"}, None, "3 bytes instead of 2"),
        "an object of other content": ({}, {**OTHER_ETAG, **HERE}, None, "no ETag or checksum"),
        "the object of before": ({}, {**OPAQUE_ETAG, **HERE}, "0x8D", "no ETag or checksum"),
        "an object of another ETag than the response": (
            {**ETAG, **PAGE},
            {**OTHER_ETAG, **HERE},
            None,
            "the ETag 0{32} instead of",
        ),
        "an object that may not be read": ({}, DENIED, None, "denied"),
    },
)
@pytest.mark.parametrize("moves", [False, True])
def test_unconfirmed_upload_is_an_error(
    tmp_path: Path, headers, head, target_etag, message, moves
):
    with pytest.raises(AWSError, match=message):
        publish(tmp_path, FakeS3(head), headers, target_etag=target_etag, moves=moves)


@table(
    "headers, content, message",
    {
        "a checksum of the content": (CRC, None, None),
        "a checksum of other content": (OTHER_CRC, b"y\n", "differs from the file"),
        "the ETag of the content": (ETAG, None, None),
        "another ETag, and the content": (OTHER_ETAG, CONTENT, None),
        "another ETag, and other content": (OTHER_ETAG, b"y\n", "differs from the file"),
        "an encrypted ETag, and the content": ({**OTHER_ETAG, **KMS}, CONTENT, None),
        "an encrypted ETag, and other content": ({**ETAG, **KMS}, b"y\n", "differs from the file"),
    },
)
def test_file_is_moved_once_its_content_was_seen(tmp_path: Path, headers, content, message):
    s3 = FakeS3(content=content or b"")
    if message:
        with pytest.raises(AWSError, match=message):
            publish(tmp_path, s3, headers, moves=True)
    else:
        assert publish(tmp_path, s3, headers, moves=True).verified
    # The object is read only where neither checksum nor ETag tells.
    assert [r.operation for r in s3.requests] == (["GetObject"] if content else [])


@table(
    "headers, checksum, verified",
    {
        "a checksum of the content": (CRC, f"crc64nvme:{CRC['x-amz-checksum-crc64nvme']}", True),
        "a checksum of other content": (OTHER_CRC, "crc64nvme:AAAAAAAAAAA=", False),
        "the ETag of the content": (ETAG, f"etag:{MD5}", True),
        "another ETag": (OTHER_ETAG, f"etag:{'0' * 32}", False),
        "an encrypted ETag": ({**ETAG, **KMS}, f"etag:{MD5}", False),
    },
)
def test_evidence_in_a_report(tmp_path: Path, headers, checksum, verified):
    evidence = publish(tmp_path, FakeS3(), headers, reports=True)
    assert (evidence.checksum, evidence.verified) == (checksum, verified)


@table(
    "is_aws, setting, heads, operations, frames",
    {
        "parts are confirmed by AWS": (True, "", [], [], False),
        "parts are looked at elsewhere": (
            False,
            "",
            [{**ETAG, **HERE}],
            ["HeadObject"],
            False,
        ),
        "frames of checksums in the content are uploaded again without": (
            False,
            "",
            [{**OTHER_ETAG, "content-length": "99"}, {**ETAG, **HERE}],
            ["HeadObject", "PutObject", "HeadObject"],
            True,
        ),
        "another size without checksums is no frame": (
            False,
            "when_required",
            [{**ETAG, "content-length": "99"}],
            ["HeadObject"],
            False,
        ),
    },
)
def test_upload_in_parts(tmp_path: Path, monkeypatch, is_aws, setting, heads, operations, frames):
    monkeypatch.setattr(upload, "PART_BYTES", 1)
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", setting)
    s3 = FakeS3(*heads, is_aws=is_aws)
    if setting:
        with pytest.raises(AWSError, match="99 bytes instead of 2"):
            publish(tmp_path, s3, ETAG)
    else:
        publish(tmp_path, s3, ETAG)
    assert [request.operation for request in s3.requests] == operations
    assert s3.service.supports(Feature.TRAILERS) is not frames
