"""Syncs in a world where things break: nothing is lost, and nothing half is ever seen."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.engine import execution
from aibs_informatics_aws_lambda.handlers.data_sync.engine.sync import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

SYNC = """
import json, sys
from aibs_informatics_aws_lambda.handlers.data_sync.engine.sync import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
Engine().sync(DataSyncRequest(**json.loads(sys.argv[1])))
"""


def sync(source, destination, **options):
    request = DataSyncRequest(
        source_path=str(source), destination_path=str(destination), **options
    )
    return Engine().sync(request).result


def make_files(folder: Path, count: int, size: int = 100) -> dict[str, bytes]:
    content = {f"{n % 5}/{n:04}": random.Random(n).randbytes(size) for n in range(count)}
    for path, data in content.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return content


def read_files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def put_objects(bucket, count: int, size: int = 100) -> dict[str, bytes]:
    content = {f"{n % 5}/{n:04}": random.Random(n).randbytes(size) for n in range(count)}
    for path, data in content.items():
        bucket.put(f"src/{path}", data)
    return content


def test_every_fifth_request_is_refused_on_the_way_up(faults, bucket, tmp_path: Path):
    content = make_files(tmp_path / "src", 30)
    faults.fail_every = 5
    sync(tmp_path / "src", "s3://bucket/dst")
    assert faults.failed > 5
    assert bucket.read("dst/") == content


def test_every_fifth_request_is_refused_on_the_way_down(faults, bucket, tmp_path: Path):
    content = put_objects(bucket, 30)
    faults.fail_every = 5
    sync("s3://bucket/src", tmp_path / "dst")
    assert faults.failed > 5
    assert read_files(tmp_path / "dst") == content


def test_every_fifth_request_is_refused_within_s3(faults, bucket):
    content = put_objects(bucket, 30)
    bucket.put("dst/extra")
    faults.fail_every = 5
    sync("s3://bucket/src", "s3://bucket/dst", retain_source_data=False)
    assert faults.failed > 5
    assert bucket.read("dst/") == content
    assert bucket.read("src/") == {}


def test_body_that_breaks_off_is_fetched_again(faults, bucket, tmp_path: Path):
    content = put_objects(bucket, 20, size=50_000)
    faults.cut_every = 3
    sync("s3://bucket/src", tmp_path / "dst")
    assert faults.cut
    assert read_files(tmp_path / "dst") == content


def test_answer_that_is_too_short_never_becomes_a_file(faults, bucket, tmp_path: Path):
    put_objects(bucket, 3)
    faults.shorten = True
    with pytest.raises(AWSError, match="s3://bucket/src/"):
        sync("s3://bucket/src", tmp_path / "dst")
    assert read_files(tmp_path / "dst") == {}


def test_two_syncs_with_the_lock_come_one_after_the_other(bucket, tmp_path: Path):
    for source in ("one", "two"):
        for number in range(20):
            bucket.put(f"{source}/{number}", source * 1000)
    target = tmp_path / "dst"
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                SYNC,
                json.dumps(
                    {
                        "source_path": f"s3://bucket/{source}",
                        "destination_path": str(target),
                        "require_lock": True,
                        "force": True,
                    }
                ),
            ]
        )
        for source in ("one", "two")
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len(set(read_files(target).values())) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["dst"]


def test_bucket_in_another_region_is_found_there(faults, bucket, tmp_path: Path):
    content = put_objects(bucket, 3)
    faults.region = "eu-central-1"
    sync("s3://bucket/src", tmp_path / "dst")
    assert read_files(tmp_path / "dst") == content
    # Nothing is listed before these are sent.
    sync(tmp_path / "dst", "s3://bucket/dst", force=True, delete=False)
    assert bucket.read("dst/") == content


@pytest.mark.parametrize(
    ("status", "why"), [(403, "Forbidden.*allow s3:GetObject"), (499, "HTTP status 499")]
)
def test_refusal_without_a_word_is_told_by_its_status(
    faults, bucket, tmp_path: Path, status: int, why: str
):
    put_objects(bucket, 3)
    faults.status = status
    with pytest.raises(AWSError, match=why):
        sync("s3://bucket/src", tmp_path / "dst")
    assert read_files(tmp_path / "dst") == {}


def test_missing_object_is_not_asked_for_again(faults, bucket, tmp_path: Path):
    put_objects(bucket, 1)
    bucket.put("dst/keep", "k")

    def remove(method: str, path: str) -> None:
        if method == "GET" and "list-type" not in path:
            bucket.delete("src/0/0000")

    faults.before = remove
    with pytest.raises(AWSError, match="s3://bucket/src/0/0000"):
        sync("s3://bucket/src", tmp_path / "dst")
    gets = [path for method, path in faults.requests if method == "GET" and "0000" in path]
    assert len(gets) == 1


def test_object_that_is_replaced_meanwhile_is_not_taken_for_what_was_listed(
    faults, bucket, tmp_path: Path
):
    bucket.put("src/a", "old")

    def replace(method: str, path: str) -> None:
        if method == "GET" and "list-type" not in path:
            bucket.put("src/a", "new content")

    faults.before = replace
    (tmp_path / "dst").mkdir()
    (tmp_path / "dst" / "extra").write_text("kept")
    with pytest.raises(AWSError, match="s3://bucket/src/a"):
        sync("s3://bucket/src", tmp_path / "dst")
    assert read_files(tmp_path / "dst") == {"extra": b"kept"}


def test_file_that_changes_while_it_is_sent_is_an_error_and_nothing_is_removed(
    faults, bucket, tmp_path: Path
):
    make_files(tmp_path / "src", 1)
    bucket.put("dst/extra", "kept")

    def change(method: str, path: str) -> None:
        if method == "PUT":
            (tmp_path / "src" / "0" / "0000").write_bytes(b"other")

    faults.before = change
    with pytest.raises((OSError, AWSError), match="0000"):
        sync(tmp_path / "src", "s3://bucket/dst", retain_source_data=False)
    assert (tmp_path / "src" / "0" / "0000").read_bytes() == b"other"
    assert "extra" in bucket.read("dst/")


def test_first_error_ends_the_sync_and_nothing_is_deleted(faults, bucket, tmp_path: Path):
    put_objects(bucket, 40)
    bucket.delete("src/4/0039")
    bucket.put("src/4/0039", "x")
    (tmp_path / "dst").mkdir()
    (tmp_path / "dst" / "extra").write_text("kept")

    def remove(method: str, path: str) -> None:
        if method == "GET" and path.endswith("0039"):
            bucket.delete("src/4/0039")

    faults.before = remove
    with pytest.raises(AWSError, match="0039"):
        sync("s3://bucket/src", tmp_path / "dst")
    left = read_files(tmp_path / "dst")
    assert left["extra"] == b"kept"
    assert not [path for path in left if path.endswith(".tmp")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file_among_many_is_named(bucket, tmp_path: Path):
    make_files(tmp_path / "src", 200)
    (tmp_path / "src" / "3" / "0103").chmod(0)
    bucket.put("dst/extra", "kept")
    with pytest.raises((OSError, AWSError), match="0103"):
        sync(tmp_path / "src", "s3://bucket/dst")
    assert "extra" in bucket.read("dst/")


def test_killed_sync_leaves_nothing_half_and_the_next_one_completes_it(bucket, tmp_path: Path):
    content = put_objects(bucket, 40, size=200_000)
    target = tmp_path / "dst"
    request = {"source_path": "s3://bucket/src", "destination_path": str(target)}
    arguments = [sys.executable, "-c", SYNC, json.dumps(request)]
    chance = random.Random(7)
    for _ in range(4):
        process = subprocess.Popen(arguments)
        deadline = time.monotonic() + 30
        wanted = chance.randrange(1, 30)
        while process.poll() is None and time.monotonic() < deadline:
            if len(list(target.rglob("*"))) >= wanted:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path, data in read_files(target).items():
            if not path.endswith(".tmp"):
                assert data == content[path]
    sync(source=request["source_path"], destination=target)
    assert read_files(target) == content


def test_killed_upload_is_completed_by_the_next_sync(bucket, tmp_path: Path):
    content = make_files(tmp_path / "src", 40, size=200_000)
    request = {"source_path": str(tmp_path / "src"), "destination_path": "s3://bucket/dst"}
    arguments = [sys.executable, "-c", SYNC, json.dumps(request)]
    for wanted in (1, 10, 25):
        process = subprocess.Popen(arguments)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            if len(bucket.keys()) >= wanted:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path, data in bucket.read("dst/").items():
            assert data == content[path]
    sync(request["source_path"], request["destination_path"])
    assert bucket.read("dst/") == content
    assert read_files(tmp_path / "src") == content


@pytest.mark.parametrize("source", ["s3://bucket/src", "{tmp}/src"])
def test_move_that_was_killed_loses_nothing_when_it_is_run_again(
    bucket, tmp_path: Path, monkeypatch, source
):
    is_remote = source.startswith("s3")
    content = put_objects(bucket, 8) if is_remote else make_files(tmp_path / "src", 8)

    def remove_three_objects(_, __, doomed, *___):
        for entry in list(doomed)[:3]:
            bucket.delete(entry.path)
        raise OSError("killed")

    def remove_three_files(doomed, _):
        for entry in list(doomed)[:3]:
            Path(entry.path).unlink()
        raise OSError("killed")

    place = source.format(tmp=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(execution, "remove_objects", remove_three_objects)
        patch.setattr(execution, "remove_source_files", remove_three_files)
        with pytest.raises(OSError, match="killed"):
            sync(place, "s3://bucket/dst", retain_source_data=False)
    sync(place, "s3://bucket/dst", retain_source_data=False)
    assert bucket.read("dst/") == content
    assert bucket.keys("src/") == []
    assert not (tmp_path / "src").exists()


def test_sync_from_what_a_killed_move_has_left_deletes_nothing(bucket, tmp_path: Path, caplog):
    make_files(tmp_path / "src", 1)
    bucket.put("dst/moved", "x")
    bucket.put("dst/.data-sync-move")
    sync(tmp_path / "src", "s3://bucket/dst")
    assert bucket.get("dst/moved") == b"x"
    assert "s3://bucket/dst/.data-sync-move" in caplog.text
