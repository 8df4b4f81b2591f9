"""Files that lie or change while they are uploaded: an error names them, nothing mixed stays."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root, Route
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.upload import Upload
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import Call, FaultyS3, Reply, refusal
from tables import table

SMALL = 1000
# Of three parts.
LARGE = 20 * 2**20
OLD = 1_000_000_000.0


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


def write(file: Path, size: int, modified: float = OLD) -> bytes:
    content = random.Random(file.name).randbytes(size)
    file.write_bytes(content)
    os.utime(file, (modified, modified))
    return content


def upload(source: Path, **options) -> None:
    Engine().sync(
        DataSyncRequest(source_path=source, destination_path="s3://bucket/dst/", **options)
    )


def at(operation: str, key: str, change: Callable[[], None]):
    """Change a file when a request for its object comes, the first time."""
    once = threading.Lock()

    def fault(call: Call, proceed: Callable[[], Reply]) -> Reply:
        if call.operation == operation and call.key.endswith(key) and once.acquire(blocking=False):
            change()
        return proceed()

    return fault


def grow(file: Path) -> None:
    with file.open("ab") as writer:
        writer.write(b"more")


def shrink(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def rewrite(file: Path) -> None:
    # Not truncated first: another thread may read it in between.
    with file.open("r+b") as writer:
        writer.write(bytes(file.stat().st_size))


def replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(bytes(file.stat().st_size))
    other.replace(file)


CHANGES = {
    "a small file that shrinks": (SMALL, "PutObject", shrink, "it shrank from 1000 to 500 bytes"),
    "a small file that is written to": (SMALL, "PutObject", rewrite, "it was written to"),
    "a small file that is replaced": (SMALL, "PutObject", replace, "another file replaced it"),
    "a large file that is written to": (LARGE, "UploadPart", rewrite, "it was written to"),
    "a large file that is replaced": (LARGE, "UploadPart", replace, "another file replaced it"),
}


@table("size, operation, change, message", CHANGES)
def test_file_that_changes_is_named_and_its_object_is_not_kept(
    s3: FaultyS3, source: Path, size, operation, change, message
):
    file = source / "file"
    write(file, size)
    s3.fault = at(operation, "file", lambda: change(file))
    with pytest.raises(OSError, match=message) as raised:
        upload(source)
    assert str(file) in str(raised.value)
    assert s3.objects == {}
    assert s3.uploads == {}
    s3.heal()
    upload(source)
    assert s3.read("bucket", "dst/") == {"file": file.read_bytes()}


def test_object_of_a_large_file_that_shrinks_before_it_is_read_is_of_one_piece_and_stays(
    s3: FaultyS3, source: Path
):
    file = source / "file"
    write(file, LARGE)
    s3.fault = at("CreateMultipartUpload", "file", lambda: shrink(file))
    with pytest.raises(OSError, match=f"file changed during the sync: it shrank from {LARGE} to"):
        upload(source)
    assert s3.read("bucket", "dst/") == {"file": file.read_bytes()}
    assert s3.uploads == {}


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_object_of_a_file_that_only_grows_is_of_one_piece_and_stays(
    s3: FaultyS3, source: Path, size
):
    content = write(source / "log", size)
    operation = "PutObject" if size == SMALL else "UploadPart"
    s3.fault = at(operation, "log", lambda: grow(source / "log"))
    with pytest.raises(OSError, match=f"log changed during the sync: it grew from {size} to"):
        upload(source)
    assert s3.read("bucket", "dst/") == {"log": content}


def test_object_stays_if_the_file_is_deleted_after_it_was_read(s3: FaultyS3, source: Path):
    content = write(source / "file", SMALL)
    s3.fault = at("PutObject", "file", (source / "file").unlink)
    with pytest.raises(FileNotFoundError, match="file was deleted or renamed during the sync"):
        upload(source)
    assert s3.read("bucket", "dst/") == {"file": content}


def test_file_that_vanishes_between_two_parts_is_named(s3: FaultyS3, source: Path):
    write(source / "file", LARGE)
    s3.fault = at("CreateMultipartUpload", "file", (source / "file").unlink)
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: .*src/file"):
        upload(source)
    assert (s3.objects, s3.uploads) == ({}, {})


def test_object_that_another_has_replaced_meanwhile_stays(s3: FaultyS3, source: Path):
    write(source / "file", SMALL)

    def fault(call: Call, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        if call.operation == "PutObject":
            rewrite(source / "file")
            s3.put("bucket", "dst/file", b"of another", OLD)
        return reply

    s3.fault = fault
    with pytest.raises(OSError, match="it was written to"):
        upload(source)
    assert s3.read("bucket", "dst/") == {"file": b"of another"}


def test_object_that_cannot_be_deleted_is_named(s3: FaultyS3, source: Path):
    write(source / "file", SMALL)
    change = at("PutObject", "file", lambda: rewrite(source / "file"))
    s3.fault = lambda call, proceed: (
        refusal(403, "AccessDenied") if call.operation == "DeleteObject" else change(call, proceed)
    )
    with pytest.raises(OSError, match="s3://bucket/dst/file, which may mix several versions"):
        upload(source)


def test_service_without_conditional_deletions_is_asked_first(s3: FaultyS3, source: Path):
    write(source / "file", SMALL)
    change = at("PutObject", "file", lambda: rewrite(source / "file"))
    s3.fault = lambda call, proceed: (
        refusal(501, "NotImplemented")
        if call.operation == "DeleteObject" and "if-match" in call.headers
        else change(call, proceed)
    )
    with pytest.raises(OSError, match="it was written to"):
        upload(source)
    assert s3.objects == {}


@pytest.mark.parametrize("changes", [False, True])
def test_object_that_was_only_received_when_the_sync_ended(s3: FaultyS3, source: Path, changes):
    file = source / "file"
    file.write_bytes(bytes(SMALL))
    route = Route(Root(None, f"{source}/"), Root("bucket", "dst/"))
    found = file.stat()
    entry = Entry("file", found.st_size, found.st_mtime, inode=found.st_ino)
    step = Step("transfer", "missing", "file", entry)
    upload_of = Upload(route, S3(1), lambda: None)
    response = upload_of.start(step, None).result()
    if changes:
        file.write_bytes(b"more, and other content" + bytes(SMALL))
    upload_of.discard([(step, response)])
    assert s3.read("bucket", "dst/") == ({} if changes else {"file": bytes(SMALL)})


@pytest.mark.parametrize("name", ["/proc/self/status", "/sys/kernel/profiling"])
@pytest.mark.parametrize("destination", ["s3://bucket/dst", "copy"])
def test_file_of_untrue_size_is_named(s3: FaultyS3, tmp_path: Path, name, destination):
    if not Path(name).exists():
        pytest.skip("this machine has no such file")
    path = tmp_path / destination if destination == "copy" else destination
    with pytest.raises(OSError, match=f"{name} (was listed with|has) .*reports no true sizes"):
        Engine().sync(DataSyncRequest(source_path=name, destination_path=path))
    assert s3.objects == {}
    assert list(tmp_path.iterdir()) == []


def test_empty_file_is_uploaded(s3: FaultyS3, source: Path):
    write(source / "empty", 0)
    upload(source)
    assert s3.read("bucket", "dst/") == {"empty": b""}
