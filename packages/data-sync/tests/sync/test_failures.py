"""Single files that fail, and the rest of the sync."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.errors import translate_error
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request
from aibs_informatics_aws_lambda.handlers.data_sync.sync import failures
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.failures import (
    Failures,
    NothingTransferredError,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.download import Download
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.local_copy import LocalCopy
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.upload import Upload
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table

BUCKET = "s3://bucket/data/"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with good files, a dangling symlink and a name that cannot be a key."""
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    for name in ("a", "sub/z"):
        (folder / name).write_text(name)
    (folder / "dangling").symlink_to("missing")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_text("x")
    return folder


def sync(source: object, destination: object, **fields: object):
    fields = {"continue_on_error": True, **fields}
    paths = {"source_path": str(source), "destination_path": str(destination)}
    return Engine().sync(DataSyncRequest.from_dict({**paths, **fields})).result


def test_the_rest_is_uploaded_and_nothing_is_deleted(aws, source):
    aws.make_bucket()
    aws.put("bucket", "data/extra", "x")

    result = sync(source, BUCKET)

    assert (result.files_transferred, result.files_deleted, result.files_failed) == (2, 0, 2)
    assert aws.keys("bucket") == ["data/a", "data/extra", "data/sub/z"]
    assert [Path(file.path).name for file in result.failed_files] == ["dangling", "\udcff"]
    assert "is a dangling symlink" in result.failed_files[0].error


def test_first_failure_ends_a_sync_by_default(aws, source):
    aws.make_bucket()

    with pytest.raises(ValueError, match="dangling symlink"):
        sync(source, BUCKET, continue_on_error=None)


def test_excluded_dangling_symlink_is_no_failure(aws, source):
    aws.make_bucket()

    result = sync(source, BUCKET, filter_config={"include": "a|sub/.*"})

    assert (result.files_transferred, result.files_failed) == (2, None)


def test_source_of_a_move_stays_after_a_failure(aws, source):
    aws.make_bucket()

    result = sync(source, BUCKET, retain_source_data=False)

    assert (result.files_transferred, result.files_removed) == (2, 0)
    assert (source / "a").exists()


def test_object_that_cannot_be_downloaded_is_named_and_the_others_arrive(aws, tmp_path):
    aws.make_bucket()
    for key in ("data/a", "data/../b", "data/c"):
        aws.put("bucket", key, key)
    (tmp_path / "c").mkdir()
    (tmp_path / "c/file").write_text("x")
    folder = tmp_path / "to"

    result = sync(BUCKET, folder)

    assert (result.files_transferred, result.files_failed) == (2, 1)
    assert result.failed_files[0].path == "s3://bucket/data/../b"
    assert sorted(path.name for path in folder.iterdir()) == ["a", "c"]


def test_file_that_changes_is_named_and_reported_and_the_others_arrive(
    aws, source, tmp_path, monkeypatch
):
    aws.make_bucket()
    for path in (source / "dangling", Path(os.fsdecode(os.fsencode(source) + b"/\xff"))):
        path.unlink()
    original = Engine.sync

    def restrict(_plans: object) -> None:
        (source / "a").write_text("changed meanwhile")

    request = DataSyncRequest(
        source_path=source,
        destination_path=BUCKET,
        continue_on_error=True,
        report_path=tmp_path / "report.jsonl",
    )
    result = original(Engine(), request, restrict=restrict).result

    assert (result.files_transferred, result.files_failed) == (1, 1)
    assert "data/sub/z" in aws.keys("bucket")
    lines = map(json.loads, (tmp_path / "report.jsonl").read_text().splitlines())
    assert [line["action"] for line in lines if "error" in line] == ["transfer"]


@pytest.mark.parametrize("fields", [{}, {"dry_run": True}])
def test_entry_file_of_a_store_is_left_out_if_its_data_failed(aws, tmp_path, fields):
    aws.make_bucket()
    store = tmp_path / "data.zarr"
    (store / "c").mkdir(parents=True)
    (store / "c/0").symlink_to("missing")
    (store / "c/1").write_text("1")
    (store / "zarr.json").write_text("{}")

    result = sync(store, "s3://bucket/data.zarr/", **fields)

    assert result.files_failed == 2
    assert aws.keys("bucket") == ([] if fields else ["data.zarr/c/1"])


def test_missing_bucket_ends_the_sync(aws, source):
    aws.make_bucket()

    with pytest.raises(ResourceNotFoundError, match="NoSuchBucket"):
        sync(source, "s3://missing-bucket/")


def _general(error: AWSError) -> AWSError:
    error.is_general = True
    return error


@table(
    "error, goes_on",
    {
        "an unreadable file": (PermissionError(errno.EACCES, "denied"), True),
        "a full disk": (OSError(errno.ENOSPC, "full"), False),
        "a pipe that is read no more": (BrokenPipeError(errno.EPIPE, "broken"), False),
        "a read-only file system": (OSError(errno.EROFS, "read-only"), False),
        "a file that changed": (OSError("it has changed"), True),
        "an object that is refused": (AWSError("AccessDenied"), True),
        "a service that is down": (_general(AWSError("503")), False),
        "a mistake in the program": (KeyError("x"), False),
    },
)
def test_errors_of_single_files_do_not_end_a_sync(error, goes_on):
    if goes_on:
        Failures().check("x", error, transferred=0)
    else:
        with pytest.raises(type(error)) as raised:
            Failures().check("x", error, transferred=0)
        assert raised.value is error


def test_sync_ends_where_nothing_can_be_transferred():
    found, error = Failures(), AWSError("cannot upload: AccessDenied")
    for number in range(100):
        found.check(f"{number}", error, transferred=0)

    found.check("x", error, transferred=1)
    with pytest.raises(NothingTransferredError) as raised:
        found.check("x", error, transferred=0)
    assert str(raised.value) == (
        "no file was transferred, and 101 failed: the others are not tried, as the reason is "
        "probably the same for all. The last error: cannot upload: AccessDenied"
    )


@pytest.mark.parametrize("method", [Upload, LocalCopy])
def test_files_that_cannot_be_read_do_not_keep_others_from_being_transferred(
    aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: Any
):
    monkeypatch.setattr(failures, "_MOST_IN_VAIN", 2)
    monkeypatch.setattr(method, "start", _refusing(method.start, tmp_path / "src"))
    aws.make_bucket()
    result = sync(_many(tmp_path / "src"), BUCKET if method is Upload else tmp_path / "dst")

    assert (result.files_transferred, result.files_failed) == (1, 5)


@pytest.mark.parametrize("method", [Download, LocalCopy])
def test_destination_that_takes_no_file_ends_a_sync(
    aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: Any
):
    monkeypatch.setattr(failures, "_MOST_IN_VAIN", 2)
    monkeypatch.setattr(method, "start", _refusing(method.start, tmp_path / "dst"))
    aws.make_bucket()
    source = BUCKET if method is Download else _many(tmp_path / "src")
    for name in "abcdef":
        aws.put("bucket", f"data/{name}", name)
    with pytest.raises(NothingTransferredError, match=r"3 failed: .*dst/.: Permission denied"):
        sync(source, tmp_path / "dst", max_concurrency=1)


def test_error_of_a_file_descriptor_is_that_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", 5)

    monkeypatch.setattr(LocalCopy, "start", refuse)
    assert sync(_many(tmp_path / "src"), tmp_path / "dst").files_failed == 6


def _many(folder: Path) -> Path:
    folder.mkdir()
    for name in "abcdef":
        (folder / name).write_text(name)
    return folder


def _refusing(start: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    """Refuse to open all files in a folder but the last one."""

    def refuse(self: Any, step: Any, on_bytes: Any) -> Any:
        if step.target != "f":
            path = str(folder / step.target)
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return start(self, step, on_bytes)

    return refuse


def test_first_failures_are_listed_and_all_are_counted():
    failures = Failures()
    for number in range(101):
        failures.note(f"/{number}", PermissionError(errno.EACCES, "Permission denied", "/x"))

    assert (failures.count, len(failures.listed)) == (101, 100)
    assert failures.listed[0].error == "/x: Permission denied"


class _RefusedError(Exception):
    def __init__(self, status: int | None, code: str) -> None:
        super().__init__(code)
        self.status_code = status
        self.name = code
        self.body = f"<Error><Code>{code}</Code></Error>".encode() if status else b""


@table(
    "status, code, is_general",
    {
        "a missing object": (404, "NoSuchKey", False),
        "a missing bucket": (404, "NoSuchBucket", True),
        "a forbidden object": (403, "AccessDenied", False),
        "an archived object": (403, "InvalidObjectState", False),
        "a changed object": (412, "PreconditionFailed", False),
        "expired credentials": (400, "ExpiredToken", True),
        "throttling": (503, "SlowDown", True),
        "an internal error": (500, "InternalError", True),
        "no connection": (None, "AWS_IO_SOCKET_TIMEOUT", True),
    },
)
def test_errors_of_the_service_are_told_from_those_of_an_object(status, code, is_general):
    request = Request("GetObject", "s3:GetObject", "bucket", "key")

    error = translate_error(_RefusedError(status, code), request, "host")

    assert error.is_general is is_general
    assert isinstance(error, ResourceNotFoundError) is (status == 404)
