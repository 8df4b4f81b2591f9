"""Syncs in several processes."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from dataclasses import replace
from functools import partial
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli import parallel, pool
from aibs_informatics_aws_lambda.handlers.data_sync.cli.failed_files import FailedFiles
from aibs_informatics_aws_lambda.handlers.data_sync.cli.progress import Amount
from aibs_informatics_aws_lambda.handlers.data_sync.local import locks
from aibs_informatics_aws_lambda.handlers.data_sync.progress import NullProgress
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.sync.failures import Failures
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from tables import table

FILES = {f"f{folder}/{name}": f"{folder}{name}" * 10 for folder in range(5) for name in "abc"}
TREE = {**FILES, "top": "top"}
INTERRUPTED = "data-sync: error: interrupted: run the same command again to continue\n"
IN_BATCHES = ("--jobs", "2", "--batch-bytes", "80")


@pytest.fixture
def bucket(aws) -> str:
    return aws.make_bucket()


@pytest.fixture
def data(disk) -> Path:
    disk.write({f"data/{name}": content for name, content in TREE.items()})
    return disk.root / "data"


def children_of(process):
    """Return the processes that a process has started, except those of multiprocessing itself."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            command = (status.parent / "cmdline").read_text()
        except (OSError, IndexError):
            continue
        if parent == process.pid and "resource_tracker" not in command:
            found.append(int(status.parent.name))
    return found


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_batches_transfer_the_same_files_as_one_sync(run, data, disk, aws, bucket):
    up = run(*IN_BATCHES, "-v", "data", "s3://bucket/data/")
    down = run(*IN_BATCHES, "s3://bucket/data/", "copy")
    again = run("data", "s3://bucket/data/")

    assert up.returncode == 0, up.stderr
    assert "Batches of data: 5" in up.stderr
    assert up.stdout.startswith("16 files (303 B) transferred in ")
    assert down.returncode == 0, down.stderr
    assert disk.read("copy") == TREE
    assert again.stdout.endswith("16 unchanged, 1 request\n")


def test_extraneous_objects_at_any_depth_are_deleted_after_all_batches(run, data, aws, bucket):
    for key in ("extra", "f1/extra", "gone/extra"):
        aws.put(bucket, f"data/{key}", "x")
    aws.put(bucket, "data.txt", "x")

    result = run(*IN_BATCHES, "--delete", "data", "s3://bucket/data/")

    assert result.returncode == 0, result.stderr
    assert "3 deleted at the destination" in result.stdout
    assert aws.keys(bucket) == sorted(["data.txt", *(f"data/{name}" for name in TREE)])


def test_max_delete_is_checked_before_any_transfer(run, data, aws, bucket):
    for key in ("data/extra", "data/f1/extra"):
        aws.put(bucket, key, "x")

    options = ("--delete", "--max-delete", "1")
    result = run(*IN_BATCHES, *options, "data", "s3://bucket/data/")

    assert result.returncode == 1
    assert "--max-delete allows 1" in result.stderr
    assert aws.keys(bucket) == ["data/extra", "data/f1/extra"]


def test_move_removes_the_source_after_all_batches(run, data, aws, bucket):
    result = run(*IN_BATCHES, "--move", "data", "s3://bucket/data/")

    assert result.returncode == 0, result.stderr
    assert "16 removed at the source" in result.stdout
    assert len(aws.keys(bucket)) == 16
    assert not data.exists()


# So long that a file cannot be sent there whose own path is as long as it can be.
FAR = f"s3://bucket/{'d' * 40}/"


@pytest.fixture
def misfit(disk, data) -> None:
    disk.write({f"data/f3/{'/'.join(['n' * 250] * 4)}": "x"})


def test_failure_names_its_batch_and_other_batches_continue(run, data, misfit, aws, bucket):
    extra = aws.put(bucket, f"{FAR.removeprefix('s3://bucket/')}extra", "x")

    result = run(*IN_BATCHES, "--fail-fast", "--delete", "--move", "data", FAR)

    assert result.returncode == 4
    [line] = result.stderr.splitlines()
    assert line.startswith("data-sync: error: batch ")
    assert " of 5, data/f3: " in line
    assert "more than 1024 bytes" in line
    uris = {f"s3://bucket/{key}" for key in aws.keys(bucket)}
    assert {FAR + name for name in TREE if not name.startswith("f3")} <= uris
    assert extra in uris, "it is deleted although not all batches have succeeded"
    assert (data / "top").exists(), "it is removed although not all batches have succeeded"


def test_nothing_is_deleted_if_the_report_of_all_batches_cannot_be_written(run, data, aws, bucket):
    aws.put(bucket, "data/extra", "x")

    result = run(*IN_BATCHES, "--delete", "--report", "/dev/full", "data", "s3://bucket/data/")

    assert result.returncode == 1
    assert "/dev/full: No space left on device" in result.stderr
    assert "data/extra" in aws.keys(bucket)


def test_report_of_all_batches_has_a_line_per_file(run, data, aws, bucket, disk):
    aws.put(bucket, "data/extra", "x")
    where = ("--report", "reports/report.jsonl")

    result = run(*IN_BATCHES, "--delete", *where, "data", "s3://bucket/data/")

    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "report: reports/report.jsonl"
    lines = (disk.root / "reports/report.jsonl").read_text().splitlines()
    entries = [(line["action"], line["destination"]) for line in map(json.loads, lines)]
    moved = [("transfer", f"s3://bucket/data/{name}") for name in TREE]
    assert sorted(entries) == sorted([*moved, ("delete", "s3://bucket/data/extra")])


def test_deadline_stops_the_batches_and_the_same_command_continues(run, data, aws, bucket):
    stopped = run(*IN_BATCHES, "--deadline", "0.001", "data", "s3://bucket/data/")
    rest = run(*IN_BATCHES, "--deadline", "3600", "data", "s3://bucket/data/")

    assert stopped.returncode == 4, stopped.stderr
    assert stopped.stdout.endswith("run the same command again to continue\n")
    assert rest.returncode == 0, rest.stderr
    assert len(aws.keys(bucket)) == 16


def test_json_is_the_response_of_the_batch_handler(run, data, misfit, bucket):
    result = run(*IN_BATCHES, "--json", "data", FAR)

    answer = json.loads(result.stdout)
    assert answer["result"]["total_requests_count"] == 6
    assert answer["result"]["failed_requests_count"] == 1
    assert answer["result"]["successful_requests_count"] == 5
    assert [request["source_path"] for request in answer["failed_requests"]] == ["data/f3"]


def test_single_batch_runs_as_without_jobs(run, data, aws, bucket):
    aws.put(bucket, "data/extra", "x")

    result = run("--jobs", "4", "--delete", "data", "s3://bucket/data/")
    missing = run("--jobs", "4", "nothing", "s3://bucket/data/")

    assert result.returncode == 0, result.stderr
    assert "1 deleted" in result.stdout
    assert missing.returncode == 1
    assert missing.stderr.count("\n") == 1


def no_s3() -> S3:
    raise AssertionError("nothing is in S3")


def test_folder_of_very_many_small_files_is_split_only_with_a_given_size(monkeypatch, data):
    monkeypatch.setattr(parallel, "_BATCH_BYTES", 30)
    monkeypatch.setattr(parallel, "_MAX_SMALL_PARTS", 2)
    request = DataSyncRequest(source_path=data / "f1", destination_path="s3://bucket/data/")

    by_default, _ = parallel.split_into_batches(request, None, Failures(), no_s3)
    as_given, _ = parallel.split_into_batches(request, 30, Failures(), no_s3)

    assert [len(batch.syncs) for batch in by_default] == [1]
    assert [len(batch.syncs) for batch in as_given] == [1, 1, 1]


def batches_of(data: Path, processes: int) -> list[parallel.Batch]:
    request = DataSyncRequest(source_path=data, destination_path="s3://bucket/data/")
    return parallel.split_into_batches(request, None, Failures(), no_s3, processes)[0]


def test_tree_below_the_size_of_a_batch_is_divided_among_all_processes(monkeypatch, data):
    monkeypatch.setattr(parallel, "_FILES_OF_A_PROCESS", 5)
    assert len(batches_of(data, 1)) == 1
    for processes in (2, 3):
        batches = batches_of(data, processes)
        assert len(batches) >= 2 * processes
        assert sum(batch.amount.files for batch in batches) == len(TREE)


def test_folders_of_very_many_small_files_are_batches_themselves(monkeypatch, data):
    monkeypatch.setattr(parallel, "_FILES_OF_A_PROCESS", 5)
    monkeypatch.setattr(parallel, "_MAX_SMALL_PARTS", 2)
    batches = batches_of(data, 2)
    assert len(batches) > 2
    sources = {str(sync.source_path) for batch in batches for sync in batch.syncs}
    assert sources == {str(data / name) for name in ("f0", "f1", "f2", "f3", "f4", "top")}


def test_tree_with_little_to_transfer_is_not_divided(data):
    assert len(batches_of(data, 8)) == 1


def test_folder_of_very_many_small_files_is_not_divided_and_listed_once(monkeypatch, data):
    monkeypatch.setattr(parallel, "_FILES_OF_A_PROCESS", 1)
    monkeypatch.setattr(parallel, "_MAX_SMALL_PARTS", 2)
    listings, find_parts = [], parallel.find_parts
    monkeypatch.setattr(
        parallel, "find_parts", lambda *a: listings.append(a[0].source_path) or find_parts(*a)
    )
    assert len(batches_of(data / "f1", 3)) == 1
    assert listings == [data / "f1"]


def test_one_batch_is_said_to_leave_jobs_without_effect(run, data, bucket):
    result = run("--jobs", "4", "-v", "data", "s3://bucket/data/")
    assert result.returncode == 0, result.stderr
    assert "--jobs has no effect: data has too few files to divide" in result.stderr


def test_large_tree_that_is_not_divided_is_a_warning(monkeypatch, data, s3, caplog):
    monkeypatch.setattr(parallel, "_FILES_OF_A_PROCESS", 1)
    monkeypatch.setattr(parallel, "_MAX_SMALL_PARTS", 2)
    request = DataSyncRequest(source_path=data / "f1", destination_path="s3://bucket/data/")

    result = parallel.sync_in_batches(request, NullProgress(), processes=2)

    assert result.counts.files_transferred == 3
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert f"{data / 'f1'} has too few folders" in warning.getMessage()
    assert "(3)" in warning.getMessage()


@table(
    "files, size, processes",
    {
        "next to nothing": (10, 1000, 1),
        "many small files": (50_000, 5000, 5),
        "one large file is not divided, but counts": (1, 4 * 2**30, 3),
        "both": (10_000, 2**31, 2),
    },
)
def test_number_of_processes_that_have_enough_to_transfer(files, size, processes):
    parts = [Node("a", size, files, 0.0, "folder")]
    assert parallel.count_useful_processes(parts) == processes


def test_processes_divide_connections_and_memory(monkeypatch):
    monkeypatch.delenv(pool.WORKERS_KEY, raising=False)
    with pool._shared_machine(4):
        assert os.environ[pool.WORKERS_KEY] == str(4 * pool.WORKERS)
    assert pool.WORKERS_KEY not in os.environ


def test_file_that_is_found_twice_is_a_single_failure():
    failures, files = Failures(), FailedFiles()
    for _ in range(2):
        failures.note("a", ValueError("invalid"))
    files.merge(failures)
    assert files.count == 1


def test_lock_is_held_for_all_batches(monkeypatch, data, disk):
    lock, waits, are_locked = disk.root / "copy.lock", [], []
    run_batches = parallel.run_batches

    def run_and_look(*arguments):
        with lock.open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        are_locked.append(True)
        return run_batches(*arguments)

    def release(seconds):
        assert not (disk.root / "copy").exists()
        waits.append(seconds)
        lock.unlink()
        held.close()

    monkeypatch.setattr(parallel, "run_batches", run_and_look)
    monkeypatch.setattr(locks, "time", SimpleNamespace(monotonic=time.monotonic, sleep=release))
    request = DataSyncRequest(
        source_path=data, destination_path=disk.root / "copy", require_lock=True
    )
    with lock.open("w") as held:
        # As another sync does.
        fcntl.flock(held, fcntl.LOCK_EX)
        parallel.sync_in_batches(request, NullProgress(), processes=2, batch_bytes=80)

    assert len(waits) == len(are_locked) == 1
    assert disk.read("copy") == TREE
    assert not lock.exists()


@pytest.fixture
def objects(s3) -> dict[str, bytes]:
    """Six objects, too large to be held in memory, whose content comes slowly until `heal`."""
    contents = {str(number): bytes(300_000) for number in range(6)}
    for name, content in contents.items():
        s3.put("bucket", f"data/{name}", content)
    pause = partial(time.sleep, 0.05)
    s3.fault = lambda call, proceed: (
        replace(proceed(), pause=pause) if call.operation == "GetObject" else proceed()
    )
    return contents


@pytest.fixture
def partial_file(disk):
    """Return whether a file is being downloaded."""
    return lambda: any(disk.root.glob("copy/.*.tmp"))


EACH_OBJECT = ("-j", "2", "--batch-bytes", "1", "s3://bucket/data/", "copy")


def test_ctrl_c_ends_all_processes_and_leaves_no_partial_file(start, objects, partial_file, disk):
    process = start(*EACH_OBJECT)
    wait_until(partial_file)
    children = children_of(process)
    assert len(children) == 2

    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)

    assert process.returncode == 130
    assert stderr == INTERRUPTED
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert not list((disk.root).glob("copy/.*"))


@pytest.mark.parametrize(
    ("number", "status", "message"),
    [
        (signal.SIGINT, 130, INTERRUPTED),
        (signal.SIGHUP, 129, INTERRUPTED.replace("interrupted", "stopped")),
    ],
)
def test_signal_of_a_terminal_that_reaches_all_processes_is_one_line(
    start, objects, partial_file, disk, number, status, message
):
    process = start(*EACH_OBJECT, start_new_session=True)
    wait_until(partial_file)

    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=120)

    assert (process.returncode, stderr) == (status, message)
    assert not list(disk.root.glob("copy/.*"))


def test_interruption_while_a_worker_starts_waits_for_its_start(monkeypatch, capfd):
    started = []
    start = SpawnProcess.start

    def interrupted_start(process):
        # In another thread, for which the main thread's signal mask does not hold.
        interruption.set()
        interrupted.wait()
        start(process)
        started.append(process)

    def interrupt():
        interruption.wait()
        signal.raise_signal(signal.SIGINT)
        interrupted.set()

    interruption, interrupted = Event(), Event()
    thread = Thread(target=interrupt)
    thread.start()
    monkeypatch.setattr(SpawnProcess, "start", interrupted_start)
    with pytest.raises(KeyboardInterrupt):
        pool.run_batches([pool.Batch((), Amount())], 1, NullProgress())
    thread.join()

    [process] = started
    assert not process.is_alive()
    assert capfd.readouterr().err == ""


def test_killed_worker_fails_its_batch_and_others_continue(start, s3, objects, partial_file, disk):
    process = start(*EACH_OBJECT)
    wait_until(partial_file)

    os.kill(children_of(process)[0], signal.SIGKILL)
    s3.heal()
    _, stderr = process.communicate(timeout=180)

    assert process.returncode == 4
    [line] = stderr.splitlines()
    assert "of 6, s3://bucket/data/" in line
    assert "its worker process was killed" in line
    whole = [path for path in (disk.root / "copy").iterdir() if not path.name.startswith(".")]
    assert len(whole) == 5
    assert [path.read_bytes() for path in whole] == [objects[path.name] for path in whole]


def test_workers_exit_when_the_command_is_killed(start, s3, objects, partial_file):
    process = start(*EACH_OBJECT)
    wait_until(partial_file)
    children = children_of(process)

    process.kill()
    process.wait()
    s3.heal()

    wait_until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()])


@pytest.mark.parametrize("options", [(), ("--delete",), ("--move",), ("--force", "--delete")])
def test_entry_files_of_a_split_store_come_after_all_batches(run, disk, aws, bucket, options):
    store = {**{f"x/c/{n}/0": "chunk" * 10 for n in range(4)}, "x/.zarray": "new", "y": "y"}
    disk.write({f"data/{name}": content for name, content in store.items()})
    aws.put(bucket, "data/x/.zarray", "old")
    aws.put(bucket, "data/x/c/9/0", "old")

    done = run(*IN_BATCHES, "--report", "report", *options, "data", "s3://bucket/data/")

    assert done.returncode == 0, done.stderr
    left = {} if "--delete" in options else {"data/x/c/9/0": "old"}
    content = {f"data/{name}": content for name, content in store.items()} | left
    assert {name: aws.get(bucket, name).decode() for name in aws.keys(bucket)} == content
    assert (disk.root / "data").exists() is ("--move" not in options)
    lines = [json.loads(line) for line in (disk.root / "report").read_text().splitlines()]
    assert sum(line["action"] == "transfer" for line in lines) == len(store)
    assert f"{len(store)} files" in done.stdout


def test_no_entry_file_is_published_if_a_batch_fails(run, disk, aws, bucket):
    for name in ("c/0", "c/1", ".zarray"):
        aws.put(bucket, f"data/x/{name}", "chunk" * 10)
    # A file does not replace a folder.
    disk.write({"copy/x/c/1/in the way": ""})

    done = run(*IN_BATCHES, "s3://bucket/data/", "copy")

    assert done.returncode == 4
    assert (disk.root / "copy/x/c/0").exists()
    assert not (disk.root / "copy/x/.zarray").exists()


def test_limits_hold_for_all_processes_and_requests_are_summed(run, data, aws, bucket):
    limits = ("--bandwidth", "1GB", "--requests-per-second", "1000", "--retries", "2")

    result = run(*IN_BATCHES, *limits, "-v", "data", "s3://bucket/data/")

    *_, last = result.stdout.splitlines()
    puts = len(aws.keys(bucket))
    assert f"{puts} PutObject" in last
    assert "ListObjectsV2" in last
