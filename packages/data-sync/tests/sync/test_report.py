"""What a sync tells of each entry."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.sync import report
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.result import Comparison
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResult

ETAG_OF_X = "etag:9dd4e461268c8034f5c8564e155c67a6"


def sync(source: Any, destination: Any, **options: Any) -> DataSyncResult:
    request = DataSyncRequest(
        source_path=str(source), destination_path=str(destination), **options
    )
    return Engine().sync(request).result


def write(path: Path, text: str = "x", *, age: float = 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def lines(text: str | bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_report_has_a_line_for_each_item(bucket, tmp_path: Path):
    source = tmp_path / "src"
    for name in ("new", "same", "differs"):
        write(source / name)
    bucket.put("dst/same", "x")
    bucket.put("dst/differs", "y")
    bucket.put("dst/extra", "123")
    report = tmp_path / "report.jsonl"
    result = sync(source, "s3://bucket/dst", report_path=report)
    assert result.details == report
    by_name = {
        (line.get("source") or line["destination"]).rpartition("/")[2]: line
        for line in lines(report.read_text())
    }
    new = by_name["new"]
    assert new["seconds"] >= 0
    assert new["finished"] >= source.stat().st_mtime
    assert new == {
        "action": "transfer",
        "reason": "missing",
        "source": f"{source}/new",
        "destination": "s3://bucket/dst/new",
        "size": 1,
        "checksum": new["checksum"],
        "verified": True,
        "seconds": new["seconds"],
        "finished": new["finished"],
    }
    assert by_name["differs"]["reason"] == "checksum"
    assert by_name["same"] == {
        "action": "keep",
        "reason": "checksum",
        "source": f"{source}/same",
        "destination": "s3://bucket/dst/same",
        "size": 1,
        "checksum": ETAG_OF_X,
        "verified": True,
    }
    assert by_name["extra"] == {
        "action": "delete",
        "destination": "s3://bucket/dst/extra",
        "size": 3,
    }
    assert len(by_name) == 4


def test_what_was_not_looked_into_is_not_called_verified(bucket, tmp_path: Path):
    write(tmp_path / "src" / "a")
    bucket.put("dst/a", "y")
    sync(tmp_path / "src", "s3://bucket/dst", size_only=True, report_path=tmp_path / "r")
    [line] = lines((tmp_path / "r").read_text())
    assert (line["action"], line["verified"]) == ("keep", False)


@pytest.mark.parametrize("size", [10, 300_000])
def test_download_is_verified_by_the_checksum_that_it_was_sent_with(
    bucket, faults, tmp_path: Path, size
):
    write(tmp_path / "src" / "a", "x" * size)
    sync(tmp_path / "src", "s3://bucket/a")
    [faults.crc] = faults.checksums
    sync("s3://bucket/a", tmp_path / "dst", report_path=tmp_path / "r")
    [line] = lines((tmp_path / "r").read_text())
    assert (line["action"], line["verified"]) == ("transfer", True)


@pytest.mark.parametrize("size", [10, 300_000])
def test_download_with_another_checksum_never_becomes_a_file(bucket, faults, tmp_path: Path, size):
    bucket.put("a/a", "x" * size)
    faults.crc = "AAAAAAAAAAA="
    with pytest.raises(AWSError, match="s3://bucket/a/a"):
        sync("s3://bucket/a", tmp_path / "dst")
    assert [file for file in (tmp_path / "dst").rglob("*") if file.is_file()] == []


def test_copy_between_disks_is_not_called_verified(tmp_path: Path):
    write(tmp_path / "src" / "a")
    sync(tmp_path / "src", tmp_path / "dst", report_path=tmp_path / "r")
    [line] = lines((tmp_path / "r").read_text())
    assert (line["action"], line["verified"]) == ("transfer", False)


def test_names_that_are_not_utf_8_are_quoted_in_reports_as_in_responses(tmp_path: Path):
    for name in ("a\udcff", "a\udcfe", "a\u201bFF"):
        write(tmp_path / "src" / name)
    sync(tmp_path / "src", tmp_path / "dst", report_path=tmp_path / "r")
    quoted = ["a\u201bFE", "a\u201bFF", "a\u201b\u201bFF"]
    found = lines((tmp_path / "r").read_text())
    assert [line["source"] for line in found] == [f"{tmp_path}/src/{name}" for name in quoted]
    assert [line["destination"] for line in found] == [f"{tmp_path}/dst/{name}" for name in quoted]


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_report_is_written_to_a_pipe_and_does_not_replace_it(tmp_path: Path, name):
    write(tmp_path / "src" / "a")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    # Opened for both, so that writing does not wait for a reader.
    reader = os.open(tmp_path / "pipe", os.O_RDWR)
    sync(tmp_path / "src", tmp_path / "dst", report_path=tmp_path / name)
    [line] = lines(os.read(reader, 10_000))
    os.close(reader)
    assert line["action"] == "transfer"
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_removal_at_the_source_is_reported(bucket, tmp_path: Path):
    bucket.put("src/a", "x")
    options = {"retain_source_data": False, "report_path": "s3://bucket/reports/r.jsonl"}
    sync("s3://bucket/src", "s3://bucket/dst", **options)
    found = lines(bucket.get("reports/r.jsonl"))
    assert [line["action"] for line in found] == ["transfer", "remove"]
    assert found[0]["checksum"] == ETAG_OF_X
    assert found[0]["verified"] is True


class TestReportThatCannotBeWritten:
    """Nothing is deleted without it."""

    def test_device_is_full(self, bucket, tmp_path: Path):
        write(tmp_path / "src" / "a")
        bucket.put("dst/extra")
        with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
            sync(tmp_path / "src", "s3://bucket/dst", report_path="/dev/full")
        assert bucket.keys() == ["dst/a", "dst/extra"]

    def test_bucket_does_not_exist(self, bucket, tmp_path: Path):
        write(tmp_path / "src" / "a")
        write(tmp_path / "dst" / "extra")
        mirror = {"local_mirror": True, "report_path": "s3://nowhere/r.jsonl"}
        with pytest.raises(AWSError, match=r"upload the report to s3://nowhere/r\.jsonl: NoS"):
            sync(tmp_path / "src", tmp_path / "dst", **mirror)
        assert (tmp_path / "dst" / "extra").exists()

    def test_source_of_a_move_stays(self, tmp_path: Path):
        write(tmp_path / "src" / "a")
        move = {"retain_source_data": False, "report_path": "/dev/full"}
        with pytest.raises(OSError, match="No space left"):
            sync(tmp_path / "src", tmp_path / "dst", **move)
        assert (tmp_path / "src" / "a").exists()

    def test_files_that_a_new_tree_does_not_have_stay(self, tmp_path: Path):
        write(tmp_path / "src" / "a")
        write(tmp_path / "dst" / "extra")
        switch = {"switch": True, "local_mirror": True, "report_path": "/dev/full"}
        with pytest.raises(OSError, match="No space left"):
            sync(tmp_path / "src", tmp_path / "dst", **switch)
        assert (tmp_path / "dst" / "extra").exists()

    @pytest.mark.parametrize("written", [0, 1])
    def test_disk_is_full_when_lines_are_put_in_order(
        self, bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written
    ):
        def fail(lines: Iterable[str], target: Path) -> None:
            target.write_text("".join(list(lines)[:written])[:-9])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(report, "_write_sorted", fail)
        write(tmp_path / "src" / "a")
        bucket.put("dst/extra")
        with pytest.raises(OSError, match="No space left"):
            sync(tmp_path / "src", "s3://bucket/dst", report_path=tmp_path / "report")
        assert bucket.keys() == ["dst/a", "dst/extra"]
        assert {path.name for path in tmp_path.iterdir()} <= {"src", "report"}


@pytest.mark.parametrize("is_in_s3", [False, True])
def test_report_of_a_mirror_is_in_the_order_of_paths(bucket, tmp_path: Path, is_in_s3):
    for name in ("a", "c"):
        write(tmp_path / "src" / name)
    bucket.put("dst/b")
    location = "s3://bucket/r" if is_in_s3 else str(tmp_path / "r")
    sync(tmp_path / "src", "s3://bucket/dst", report_path=location)
    text = bucket.get("r") if is_in_s3 else (tmp_path / "r").read_bytes()
    assert [line["action"] for line in lines(text)] == ["transfer", "delete", "transfer"]


@pytest.mark.parametrize("location", ["s3://bucket/dst/report", "s3://bucket/reports/r"])
def test_report_below_the_destination_is_replaced_as_others(bucket, tmp_path: Path, location):
    write(tmp_path / "src" / "a")
    options = {"report_path": location, "backup_path": "s3://bucket/backup/"}
    for _ in range(2):
        bucket.put("dst/b")
        sync(tmp_path / "src", "s3://bucket/dst", **options)
    found = lines(bucket.get(location.removeprefix("s3://bucket/")))
    deleted = ["dst/b", "dst/report"] if "dst" in location else ["dst/b"]
    assert [
        line["destination"].removeprefix("s3://bucket/")
        for line in found
        if line["action"] == "delete"
    ] == deleted


def test_pipe_gets_transfers_before_anything_is_deleted(bucket, tmp_path: Path):
    for name in ("a", "c"):
        write(tmp_path / "src" / name)
    bucket.put("dst/b")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR)
    sync(tmp_path / "src", "s3://bucket/dst", report_path=tmp_path / "pipe")
    found = lines(os.read(reader, 10_000))
    os.close(reader)
    assert [line["action"] for line in found] == ["transfer", "transfer", "delete"]


def test_report_of_a_sync_that_fails_names_the_item_and_the_error(bucket, faults, tmp_path: Path):
    bucket.put("src/a", "x")
    faults.status = 403
    with pytest.raises(AWSError):
        sync("s3://bucket/src", tmp_path / "dst", report_path=tmp_path / "r")
    [line] = lines((tmp_path / "r").read_text())
    assert line["source"] == "s3://bucket/src/a"
    assert "s3:GetObject" in line["error"]


def test_dry_run_writes_the_plan(bucket, tmp_path: Path):
    write(tmp_path / "src" / "a")
    bucket.put("dst/extra")
    sync(tmp_path / "src", "s3://bucket/dst", dry_run=True, report_path=tmp_path / "plan")
    plan = lines((tmp_path / "plan").read_text())
    assert [(line["action"], line["destination"]) for line in plan] == [
        ("transfer", "s3://bucket/dst/a"),
        ("delete", "s3://bucket/dst/extra"),
    ]
    assert bucket.keys() == ["dst/extra"]


def test_details_say_where_the_report_is_that_nobody_named_a_place_for(
    bucket, tmp_path: Path, monkeypatch
):
    write(tmp_path / "src" / "a")
    monkeypatch.setenv("DEFAULT_BUCKET_NAME", "bucket")
    details = sync(tmp_path / "src", "s3://bucket/dst", include_detailed_response=True).details
    assert str(details).startswith("s3://bucket/scratch/")
    assert [line["action"] for line in lines(bucket.get(details.key))] == ["transfer"]
    monkeypatch.delenv("DEFAULT_BUCKET_NAME")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    details = sync(tmp_path / "src", "s3://bucket/dst", include_detailed_response=True).details
    assert details.parent == tmp_path
    assert [line["action"] for line in lines(details.read_text())] == ["keep"]


def test_each_call_of_a_sync_has_a_report_of_its_own(tmp_path: Path):
    write(tmp_path / "src" / "a")
    result = sync(
        tmp_path / "src",
        tmp_path / "dst",
        report_path=tmp_path / "report.jsonl",
        continuation={"calls": 1},
    )
    assert result.details == tmp_path / "report-2.jsonl"
    assert result.details.exists()


@pytest.mark.parametrize("location", ["s3://bucket", "s3://bucket/folder/", "{tmp}"])
def test_place_that_is_no_file_is_refused_before_anything_moves(bucket, tmp_path: Path, location):
    write(tmp_path / "src" / "a")
    with pytest.raises(ValueError, match="report"):
        sync(tmp_path / "src", "s3://bucket/dst", report_path=location.format(tmp=tmp_path))
    assert bucket.keys() == []


class TestVerify:
    def test_it_compares_both_sides_and_changes_nothing(self, bucket, tmp_path: Path):
        for name in ("equal", "other", "gone", "long"):
            write(tmp_path / "src" / name)
        bucket.put("dst/equal", "x")
        bucket.put("dst/other", "y")
        bucket.put("dst/long", "xx")
        bucket.put("dst/extra")
        before = bucket.read()
        result = sync(tmp_path / "src", "s3://bucket/dst", verify=True, report_path=tmp_path / "r")
        assert result.verification == Comparison(
            files_equal=1, files_different=2, files_missing=1, files_extra=1
        )
        assert (result.files_transferred, result.files_deleted) == (0, 0)
        assert bucket.read() == before
        actions = {
            line["destination"].rpartition("/")[2]: line["action"]
            for line in lines((tmp_path / "r").read_text())
        }
        assert actions == {
            "equal": "equal",
            "other": "different",
            "long": "different",
            "gone": "missing",
            "extra": "extra",
        }

    def test_time_does_not_make_a_difference(self, bucket, tmp_path: Path):
        bucket.put("dst/a", "x")
        write(tmp_path / "src" / "a", age=-1000)
        result = sync(tmp_path / "src", "s3://bucket/dst", verify=True)
        assert result.verification.files_equal == 1

    @pytest.mark.parametrize(
        ("source", "destination"),
        [("{tmp}/src", "s3://bucket/dst"), ("s3://bucket/dst", "{tmp}/src")],
    )
    @pytest.mark.parametrize(("content", "is_equal"), [(b"x", True), (b"y", False)])
    def test_object_with_an_etag_that_tells_nothing_is_read(
        self, bucket, tmp_path: Path, source, destination, content, is_equal
    ):
        size = 6 * 2**20
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "a").write_bytes(b"x" * size)
        upload_in_odd_parts(bucket, "dst/a", b"x" * (size - 1) + content)
        result = sync(source.format(tmp=tmp_path), destination.format(tmp=tmp_path), verify=True)
        assert result.verification.files_equal == int(is_equal)
        assert result.verification.files_different == int(not is_equal)

    def test_objects_with_different_etags_are_read(self, bucket):
        content = b"x" * 6 * 2**20
        bucket.put("src/a", content)
        upload_in_odd_parts(bucket, "dst/a", content)
        found = sync("s3://bucket/src", "s3://bucket/dst", verify=True).verification
        assert found.files_equal == 1

    @pytest.mark.parametrize("destination", ["s3://bucket/dst", "{tmp}/dst"])
    def test_equal_files_are_equal_with_force_too(self, bucket, tmp_path: Path, destination):
        bucket.put("src/a", b"x")
        target = destination.format(tmp=tmp_path)
        sync("s3://bucket/src", target)
        found = sync("s3://bucket/src", target, verify=True, force=True).verification
        assert (found.files_equal, found.files_different) == (1, 0)

    def test_disks_are_compared_with_what_is_extra(self, tmp_path: Path):
        write(tmp_path / "src" / "a")
        write(tmp_path / "dst" / "a", "y")
        write(tmp_path / "dst" / "b")
        found = sync(tmp_path / "src", tmp_path / "dst", verify=True).verification
        assert (found.files_different, found.files_extra) == (1, 1)
        assert (tmp_path / "dst" / "a").read_text() == "y"


def upload_in_odd_parts(bucket: Any, key: str, content: bytes) -> None:
    """Make an object of parts whose sizes differ, so that nobody can make its ETag again."""
    s3, at = bucket.client, {"Bucket": "bucket", "Key": key}
    upload = s3.create_multipart_upload(**at)["UploadId"]
    sizes = [5 * 2**20 + 7, len(content)]
    parts, start = [], 0
    for number, end in enumerate(sizes, 1):
        body = content[start:end]
        etag = s3.upload_part(**at, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
        start = end
    s3.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": parts})
