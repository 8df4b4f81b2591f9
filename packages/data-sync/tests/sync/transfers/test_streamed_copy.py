"""Syncs between two services, or with the credentials of two accounts."""

from __future__ import annotations

import gc
import hashlib
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.operations import PrepareBatchDataSyncHandler
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import streamed_copy
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.method import together
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.streamed_copy import _Memory
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, S3Connection
from faulty_s3 import Call, FaultyS3, Reply
from tables import table

MIB = 2**20


@pytest.fixture
def there(s3_server: FaultyS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FaultyS3:
    """A second service, with a profile of its own."""
    s3_server.reset()
    config = tmp_path / "config"
    config.write_text(
        "[profile there]\naws_access_key_id = THERE\naws_secret_access_key = secret\n"
        f"region = eu-central-1\nendpoint_url = {s3_server.url}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return s3_server


def sync(source="s3://bucket/src/", destination="s3://bucket/src/", **options):
    """Sync from the service of the environment to the one of the profile."""
    fields = {"destination_connection": {"profile": "there"}, "delete": False, **options}
    request = DataSyncRequest.from_dict(
        {"source_path": source, "destination_path": destination, **fields}
    )
    return Engine().sync(request).result


def multipart(bucket, key: str, *parts: bytes, **settings) -> bytes:
    named = {"Bucket": "bucket", "Key": key}
    upload = bucket.client.create_multipart_upload(**named, **settings)["UploadId"]
    sent = [
        {
            "PartNumber": number,
            "ETag": bucket.client.upload_part(
                **named, UploadId=upload, PartNumber=number, Body=part
            )["ETag"],
        }
        for number, part in enumerate(parts, 1)
    ]
    bucket.client.complete_multipart_upload(
        **named, UploadId=upload, MultipartUpload={"Parts": sent}
    )
    return b"".join(parts)


def test_objects_of_all_sizes_arrive_once_with_metadata_and_tags(bucket, there: FaultyS3):
    settings = {"ContentType": "text/x", "Metadata": {"a": "b"}, "Tagging": "k=v"}
    contents = {"empty": b"", "small": b"x", "medium": bytes(9 * MIB)}
    for key, body in contents.items():
        bucket.client.put_object(
            Bucket="bucket", Key=f"src/{key}", Body=body, StorageClass="STANDARD_IA", **settings
        )
    contents["parts"] = multipart(bucket, "src/parts", b"p" * 6 * MIB, b"q" * MIB, **settings)
    result = sync(object_settings={"keep": True})
    assert result.files_transferred == 4
    assert there.read("bucket", "src/") == contents
    stores = [c for c in there.calls if c.operation in ("PutObject", "CreateMultipartUpload")]
    assert len(stores) == 4
    for call in stores:
        assert call.headers["content-type"] == "text/x"
        assert call.headers["x-amz-meta-a"] == "b"
        assert call.headers["x-amz-tagging"] == "k=v"
        assert "Credential=THERE/" in call.headers["authorization"]
        assert "/eu-central-1/s3/" in call.headers["authorization"]
        is_single = call.operation == "PutObject"
        assert call.headers.get("x-amz-storage-class") == ("STANDARD_IA" if is_single else None)
    # The parts of the source give the copy the same ETag.
    digests = [hashlib.md5(part).digest() for part in (b"p" * 6 * MIB, b"q" * MIB)]
    etag = f"{hashlib.md5(b''.join(digests)).hexdigest()}-2"
    assert there.objects["bucket", "src/parts"].etag == etag
    again = sync()
    assert (again.files_transferred, again.files_unchanged) == (0, 4)


def test_objects_come_from_the_other_service_too(bucket, there: FaultyS3, monkeypatch):
    monkeypatch.setattr(streamed_copy, "_LARGEST_BYTES", 16 * MIB)
    there.put("bucket", "src/a", b"a")
    there.put("bucket", "src/b", bytes(18 * MIB))
    options = {"source_connection": {"profile": "there"}, "destination_connection": None}
    assert sync(**options).files_transferred == 2
    assert bucket.get("src/a") == b"a"
    assert bucket.client.head_object(Bucket="bucket", Key="src/b")["ContentLength"] == 18 * MIB
    # Its ETag, of an object in one part, cannot be that of a copy in several.
    assert sync(**options).files_unchanged == 2


def test_move_and_mirror_change_the_side_that_they_are_about(bucket, there: FaultyS3):
    bucket.put("src/a", "a")
    there.put("bucket", "src/old", b"o")
    bucket.put("src/big", bytes(2 * MIB))
    result = sync(delete=True, retain_source_data=False)
    assert (result.files_transferred, result.files_deleted, result.files_removed) == (2, 1, 2)
    assert bucket.keys() == []
    assert sorted(there.read("bucket")) == ["src/a", "src/big"]


def test_verification_reads_both_services(bucket, there: FaultyS3):
    for key, body in {"src/a": b"a", "src/b": b"b", "src/c": b"c"}.items():
        bucket.put(key, body)
    there.put("bucket", "src/a", b"a")
    there.put("bucket", "src/b", b"x")
    there.put("bucket", "src/d", b"d")
    found = sync(verify=True).verification
    assert (found.files_equal, found.files_different) == (1, 1)
    assert (found.files_missing, found.files_extra) == (1, 1)


def page(_: FaultyS3, call: Call, proceed: Callable[[], Reply]) -> Reply:
    """Respond to an upload as a login page does."""
    return Reply(body=b"<html>log in</html>") if call.operation == "PutObject" else proceed()


def other_content(there: FaultyS3, call: Call, proceed: Callable[[], Reply]) -> Reply:
    """Store something else than was sent."""
    return there.respond(replace(call, body=b"y")) if call.operation == "PutObject" else proceed()


@table(
    "fault, message",
    {
        "nothing is stored": (page, "does not exist, although"),
        "something else is stored": (other_content, "differs from its source"),
    },
)
def test_nothing_is_removed_without_evidence(bucket, there: FaultyS3, fault, message):
    bucket.put("src/a", "a")
    there.fault = partial(fault, there)
    with pytest.raises(AWSError, match=message):
        sync(retain_source_data=False)
    assert bucket.keys() == ["src/a"]


def test_object_that_arrives_shortened_is_an_error(bucket, there: FaultyS3):
    there.put("bucket", "src/a", b"content")

    def shorten(call: Call, proceed: Callable[[], Reply]) -> Reply:
        return Reply(body=b"con") if call.operation == "GetObject" else proceed()

    there.fault = shorten
    options = {"source_connection": {"profile": "there"}, "destination_connection": None}
    with pytest.raises(AWSError, match="received 3 bytes of 7"):
        sync(**options)
    assert bucket.keys() == []


def test_part_that_is_not_confirmed_aborts_the_upload(bucket, there: FaultyS3):
    multipart(bucket, "src/a", bytes(5 * MIB), b"b")

    def forget(call: Call, proceed: Callable[[], Reply]) -> Reply:
        return Reply() if call.operation == "UploadPart" else proceed()

    there.fault = forget
    with pytest.raises(
        AWSError, match=r"upload part \d of s3://bucket/src/a: the service does not"
    ):
        sync()
    assert there.read("bucket") == {}


def test_service_without_tags_keeps_the_content_of_copies(bucket, there: FaultyS3, caplog):
    body = multipart(bucket, "src/a", bytes(5 * MIB), b"b", Tagging="k=v")

    def ignore_query(call: Call, proceed: Callable[[], Reply]) -> Reply:
        if call.operation != "GetObjectTagging":
            return proceed()
        return Reply(body=there.objects[call.bucket, call.key].content)

    there.fault = ignore_query
    sync()
    assert there.read("bucket") == {"src/a": body}
    assert caplog.text.count("does not support object tags") == 1


def test_batches_carry_the_connections(bucket, there: FaultyS3, lambda_context):
    bucket.put("src/a", "a")
    event = {
        "source_path": "s3://bucket/src/",
        "destination_path": "s3://bucket/src/",
        "destination_connection": {"profile": "there"},
    }
    [batch] = PrepareBatchDataSyncHandler.get_handler()(event, lambda_context)["requests"]
    assert batch["requests"][0]["destination_connection"] == {"profile": "there"}


def test_batches_delete_what_is_extraneous_at_the_service_of_the_destination(
    bucket, there: FaultyS3, lambda_context
):
    for key in ("src/a", "src/b"):
        bucket.put(key, "content")
    there.put("bucket", "dst/old", b"old")
    event = {
        "source_path": "s3://bucket/src/",
        "destination_path": "s3://bucket/dst/",
        "destination_connection": {"profile": "there"},
        "batch_size_bytes_limit": 8,
    }
    batches = PrepareBatchDataSyncHandler.get_handler()(event, lambda_context)["requests"]
    syncs = [sync for batch in batches for sync in batch["requests"]]
    assert [sync["delete_only"] for sync in syncs if "delete_only" in sync] == [["old"]]


def connection(**settings) -> S3Connection:
    return S3Connection(**{"region": "us-west-2", **settings})


@table(
    "source, target, copies",
    {
        "another region": (connection(), connection(region="eu-west-1"), True),
        "another role": (
            connection(),
            connection(role_arn="arn:aws:iam::123456789012:role/r"),
            False,
        ),
        "a public source": (connection(no_sign_request=True), connection(), False),
        "another service": (connection(), connection(endpoint_url="http://127.0.0.1:1"), False),
        "one service": (
            connection(endpoint_url="http://127.0.0.1:1"),
            connection(endpoint_url="http://127.0.0.1:1"),
            True,
        ),
    },
)
def test_service_copies_by_itself_only_for_one_identity(
    monkeypatch: pytest.MonkeyPatch, source, target, copies
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    client = "aibs_informatics_aws_lambda.handlers.data_sync.s3.client"
    monkeypatch.setattr(f"{client}.make_credentials", lambda _: None)
    assert S3(1, target).can_copy_from(S3(1, source)) is copies


def test_pieces_are_freed_once_they_are_joined():
    class Piece:
        """Some bytes."""

    pieces: list[Future[Piece]] = [Future(), Future()]
    first = Piece()
    kept = weakref.ref(first)
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        joined = together(pieces)
        pieces[0].set_result(first)
        pieces[1].set_result(Piece())
        assert joined.result()[0] is first
        del first, joined
        pieces.clear()
        assert kept() is None
    finally:
        if is_enabled:
            gc.enable()


def taking(memory: _Memory, size: int) -> tuple[threading.Thread, threading.Event]:
    """Return a thread that takes memory, and what tells that it was given some."""
    taken = threading.Event()

    def take() -> None:
        memory.take(size)
        taken.set()

    thread = threading.Thread(target=take)
    thread.start()
    return thread, taken


def test_memory_is_given_to_one_alone_if_it_wants_more_than_there_is():
    memory = _Memory(10)
    memory.take(4)
    thread, taken = taking(memory, 20)
    assert not taken.is_set()
    memory.give(4)
    thread.join()
    assert taken.is_set()


def test_large_objects_wait_for_small_ones_in_flight():
    memory = _Memory(10)
    # The window limits these: they do not wait.
    memory.add(8)
    memory.add(8)
    thread, taken = taking(memory, 4)
    memory.give(8)
    assert not taken.is_set()
    memory.give(8)
    thread.join()
    assert taken.is_set()
