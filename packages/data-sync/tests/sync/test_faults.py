"""Syncs in a world where things break: nothing is lost, and nothing half is ever seen."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request, Response
from aibs_informatics_aws_lambda.handlers.data_sync.sync import (
    deletions as deletions_module,
    engine as engine_module,
    move_marker,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

SYNC = """
import json, sys
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
Engine().sync(DataSyncRequest(**json.loads(sys.argv[1])))
"""
# Root reads every file, unless it gives that up.
AS_A_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.geteuid() == 0)


def sync(source, destination, **options):
    request = DataSyncRequest(
        source_path=str(source), destination_path=str(destination), **options
    )
    return Engine().sync(request).result


def sync_command(source, destination, **options) -> list[str]:
    """Return the command of a process that syncs."""
    request = {"source_path": str(source), "destination_path": str(destination), **options}
    return [sys.executable, "-c", SYNC, json.dumps(request)]


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
    bucket.put_all({f"src/{path}": data for path, data in content.items()})
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
            sync_command(f"s3://bucket/{source}", target, require_lock=True, force=True)
        )
        for source in ("one", "two")
    ]
    assert [process.wait(180) for process in processes] == [0, 0]
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
    ("status", "why"), [(403, "Forbidden.*Grant s3:GetObject"), (499, "HTTP status 499")]
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


@pytest.mark.parametrize("destination", ["s3://bucket/dst", "{tmp}/dst"])
def test_unreadable_file_among_hundreds_is_named_and_nothing_is_deleted(
    bucket, tmp_path: Path, destination
):
    content = make_files(tmp_path / "src", 300)
    unreadable = tmp_path / "src" / "3" / "0153"
    unreadable.chmod(0)
    (tmp_path / "dst").mkdir()
    (tmp_path / "dst" / "extra").write_text("kept")
    bucket.put("dst/extra", "kept")
    command = sync_command(
        tmp_path / "src", destination.format(tmp=tmp_path), retain_source_data=False
    )
    done = subprocess.run([*AS_A_USER, *command], capture_output=True, text=True, timeout=180)
    assert done.returncode == 1
    reason = done.stderr.splitlines()[-1]
    assert "Permission denied" in reason
    assert str(unreadable) in reason
    assert bucket.get("dst/extra") == b"kept"
    assert (tmp_path / "dst" / "extra").read_text() == "kept"
    unreadable.chmod(0o644)
    assert read_files(tmp_path / "src") == content


@pytest.fixture
def on_small_disk(tmp_path: Path):
    """Runs a command where ``disk`` is a file system of 1 MiB, and lists what is left there."""
    namespace = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    (tmp_path / "disk").mkdir()
    script = (
        f'mount -t tmpfs -o size=1m none "{tmp_path}/disk" && echo older > "{tmp_path}/disk/0"; '
        f'"$@"; status=$?; cd "{tmp_path}/disk"; ls -A; cat 0; exit $status'
    )

    def run(command: list[str]):
        return subprocess.run(
            [*namespace, "sh", "-c", script, "sh", *command],
            capture_output=True,
            text=True,
            timeout=180,
        )

    return run


@pytest.mark.parametrize("number", [40, 2], ids=["many small objects", "a large one"])
def test_full_disk_is_named_and_leaves_whole_files_only(
    bucket, tmp_path: Path, on_small_disk, number
):
    for key in range(number):
        bucket.put(f"src/{number - key - 1}", "x" * (4_000_000 // number))
    done = on_small_disk(sync_command("s3://bucket/src", tmp_path / "disk"))
    assert done.returncode == 1
    assert "No space left on device" in done.stderr.splitlines()[-1]
    assert str(tmp_path / "disk") in done.stderr.splitlines()[-1]
    *names, content = done.stdout.splitlines()
    assert not [name for name in names if name.endswith(".tmp")]
    assert content in ("older", "x" * (4_000_000 // number))


def test_full_disk_of_a_local_copy_is_named(tmp_path: Path, on_small_disk):
    make_files(tmp_path / "src", 40, size=100_000)
    done = on_small_disk(sync_command(tmp_path / "src", tmp_path / "disk" / "dst"))
    assert done.returncode == 1
    assert f"No space left on device: '{tmp_path}/disk" in done.stderr.splitlines()[-1]
    assert done.stdout.splitlines()[-1] == "older"


def test_full_disk_of_the_report_is_named_and_no_part_of_it_is_left(
    bucket, tmp_path: Path, on_small_disk
):
    make_files(tmp_path / "src", 40)
    path = tmp_path / "disk" / "report"
    filler = ["sh", "-c", f'head -c 1040000 /dev/zero > "{tmp_path}/disk/filler"; exec "$@"', "sh"]
    done = on_small_disk(
        [*filler, *sync_command(tmp_path / "src", "s3://bucket/dst", report_path=str(path))]
    )
    assert done.returncode == 1
    assert f"No space left on device: '{tmp_path}/disk" in done.stderr.splitlines()[-1]
    assert done.stdout.split() == ["0", "filler", "older"]


def test_full_folder_of_temporary_files_is_named(tmp_path: Path, monkeypatch, on_small_disk):
    (tmp_path / "src").mkdir()
    for number in range(20_000):
        (tmp_path / "src" / f"{'n' * 100}{number}").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "disk"))
    done = on_small_disk(sync_command(tmp_path / "src", tmp_path / "dst"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"No space left on device: '{tmp_path}/disk'")
    assert not (tmp_path / "dst").exists()


def test_killed_sync_leaves_nothing_half_and_the_next_one_completes_it(bucket, tmp_path: Path):
    content = put_objects(bucket, 40, size=200_000)
    target = tmp_path / "dst"
    chance = random.Random(7)
    for _ in range(4):
        process = subprocess.Popen(sync_command("s3://bucket/src", target))
        deadline = time.monotonic() + 120
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
    sync("s3://bucket/src", target)
    # A temporary file that is younger than a day may be that of another sync.
    left = [path for path in read_files(target) if path.endswith(".tmp")]
    for path in left:
        os.utime(target / path, (0, 0))
    sync("s3://bucket/src", target)
    assert read_files(target) == content


def test_killed_upload_is_completed_by_the_next_sync(bucket, tmp_path: Path):
    content = make_files(tmp_path / "src", 40, size=200_000)
    for wanted in (1, 10, 25):
        process = subprocess.Popen(sync_command(tmp_path / "src", "s3://bucket/dst"))
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if len(bucket.keys()) >= wanted:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path, data in bucket.read("dst/").items():
            assert data == content[path]
    sync(tmp_path / "src", "s3://bucket/dst")
    assert bucket.read("dst/") == content
    assert read_files(tmp_path / "src") == content


@pytest.mark.parametrize("source", ["s3://bucket/src", "{tmp}/src"])
def test_move_that_was_killed_loses_nothing_when_it_is_run_again(
    bucket, tmp_path: Path, monkeypatch, source
):
    is_remote = source.startswith("s3")
    content = put_objects(bucket, 8) if is_remote else make_files(tmp_path / "src", 8)

    def remove_three_objects(_, deletions, *__):
        for entry in list(deletions)[:3]:
            bucket.delete(entry.path)
        raise OSError("killed")

    def remove_three_files(_, deletions, __):
        for entry in list(deletions)[:3]:
            Path(entry.path).unlink()
        raise OSError("killed")

    location = source.format(tmp=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(deletions_module, "delete_objects", remove_three_objects)
        patch.setattr(deletions_module, "delete_source_files", remove_three_files)
        with pytest.raises(OSError, match="killed"):
            sync(location, "s3://bucket/dst", retain_source_data=False)
    sync(location, "s3://bucket/dst", retain_source_data=False)
    assert bucket.read("dst/") == content
    assert bucket.keys("src/") == []
    assert not (tmp_path / "src").exists()


@pytest.fixture
def killed_at_the_marker(bucket, tmp_path: Path, monkeypatch) -> dict[str, bytes]:
    """What a move has copied that was killed when its source was gone, and the marker was not."""
    content = make_files(tmp_path / "src", 3)
    delete_one = move_marker.requests.delete_one

    def die(*_: Any) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(move_marker.requests, "delete_one", die)
        with pytest.raises(OSError, match="killed"):
            sync(tmp_path / "src", "s3://bucket/dst", retain_source_data=False)
    assert move_marker.requests.delete_one is delete_one
    assert "dst/.data-sync-move" in bucket.keys("dst/")
    return content


def test_move_that_was_killed_once_its_source_was_gone_is_finished_by_the_next_run(
    bucket, tmp_path: Path, monkeypatch, killed_at_the_marker
):
    monkeypatch.chdir(tmp_path)
    response = sync("src", "s3://bucket/dst", retain_source_data=False)
    assert response.files_transferred == 0
    assert bucket.read("dst/") == killed_at_the_marker
    with pytest.raises(FileNotFoundError, match="does not exist"):
        sync("src", "s3://bucket/dst", retain_source_data=False)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("src", {}),
        ("other", {"retain_source_data": False}),
        ("src", {"retain_source_data": False, "dry_run": True}),
    ],
    ids=["a sync that is no move", "a move of another source", "a dry run"],
)
def test_marker_of_a_killed_move_is_kept_by(
    bucket, tmp_path: Path, killed_at_the_marker, source, options
):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        sync(tmp_path / source, "s3://bucket/dst", **options)
    assert "dst/.data-sync-move" in bucket.keys("dst/")


def test_sync_from_what_a_killed_move_has_left_deletes_nothing(bucket, tmp_path: Path, caplog):
    make_files(tmp_path / "src", 1)
    bucket.put("dst/moved", "x")
    bucket.put("dst/.data-sync-move")
    sync(tmp_path / "src", "s3://bucket/dst")
    assert bucket.get("dst/moved") == b"x"
    assert "s3://bucket/dst/.data-sync-move" in caplog.text


class Page:
    """A service that responds to some requests with a page and status 200."""

    def __init__(self, real: S3, *operations: str, body: bytes = b"<html>log in</html>") -> None:
        self._real = real
        self._operations = operations
        self._body = body

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def ask(self, request: Request) -> Response:
        return self.send(request).result()

    def send(self, request: Request, *arguments: Any, **options: Any) -> Future[Response]:
        if request.operation not in self._operations:
            return self._real.send(request, *arguments, **options)
        future: Future[Response] = Future()
        future.set_result(Response({}, self._body))
        return future


@pytest.mark.parametrize("source", ["s3://bucket/src", "{tmp}/src"])
@pytest.mark.parametrize(
    "body", [b"", b"<html>log in</html>", b"<Error><Code>Slow</Code></Error>"]
)
def test_move_removes_nothing_that_a_page_has_confirmed(
    bucket, tmp_path: Path, monkeypatch, source, body
):
    content = put_objects(bucket, 3)
    make_files(tmp_path / "src", 3)
    monkeypatch.setattr(
        engine_module,
        "S3",
        lambda count, *_, **__: Page(S3(count), "PutObject", "CopyObject", body=body),
    )
    with pytest.raises(AWSError, match=r"does not confirm the copy|does not exist, although"):
        sync(source.format(tmp=tmp_path), "s3://bucket/dst", retain_source_data=False)
    assert bucket.read("src/") == content
    assert len(list((tmp_path / "src").rglob("*"))) >= 3


def test_move_removes_nothing_that_arrived_with_another_size(bucket, tmp_path: Path, monkeypatch):
    make_files(tmp_path / "src", 2)
    upload = S3.send

    def spoil(s3: S3, request: Request, *arguments: Any, **options: Any) -> Future[Response]:
        future = upload(s3, request, *arguments, **options)
        if request.operation == "PutObject" and request.file_name:
            future.result()
            bucket.put(request.key, "spoiled, and longer than it was")
        return future

    monkeypatch.setattr(S3, "send", spoil)
    with pytest.raises(AWSError, match=r"has 31 bytes instead of \d+, although"):
        sync(tmp_path / "src", "s3://bucket/dst", retain_source_data=False)
    assert len([path for path in (tmp_path / "src").rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize("body", [b"", b"<html>log in</html>"])
def test_deletion_that_a_page_has_confirmed_is_an_error(bucket, tmp_path, monkeypatch, body):
    put_objects(bucket, 1)
    bucket.put("dst/extra")
    monkeypatch.setattr(
        engine_module, "S3", lambda count, *_, **__: Page(S3(count), "DeleteObjects", body=body)
    )
    with pytest.raises(AWSError, match="does not confirm it"):
        sync("s3://bucket/src", "s3://bucket/dst")
