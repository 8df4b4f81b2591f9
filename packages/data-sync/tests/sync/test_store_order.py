"""Stores stay readable while they are synced: entry files are written last and deleted first."""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import delete, staging
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResponse
from tables import table

DATA = ["0/.0", "0/c/1", "zebra/c/0"]
# Names by which they would be among the first, in the middle and among the last.
ENTRY_FILES = ["0/.zarray", "zebra/zarr.json", ".zattrs", ".zgroup", ".zmetadata"]
STORE = {name: name.encode() for name in [*DATA, *ENTRY_FILES]}


def write(folder: Path, content: dict[str, bytes], age: float = 0) -> Path:
    for name, body in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, (time.time() - age,) * 2)
    return folder


def put(bucket, prefix: str, content: dict[str, bytes], age: float = 0) -> str:
    bucket.put_all({prefix + name: body for name, body in content.items()}, age)
    return f"s3://bucket/{prefix}"


def sync(source: str | Path, destination: str | Path, **options) -> DataSyncResponse:
    request = {"source_path": str(source), "destination_path": str(destination), **options}
    return Engine().sync(DataSyncRequest(**request))


def write_source(kind: str, bucket, folder: Path) -> str:
    return put(bucket, "src/", STORE) if kind == "s3" else str(write(folder / "src", STORE))


def full_path(name: str, folder: int | None) -> str:
    """Return the path of a name in a folder that is held open."""
    return name if folder is None else f"{Path(f'/proc/self/fd/{folder}').readlink()}/{name}"


@pytest.fixture
def renamed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The local files that were put in their places, in that order."""
    names: list[str] = []
    replace = os.replace

    def noted(source, target, **folders):
        replace(source, target, **folders)
        names.append(full_path(target, folders["dst_dir_fd"]))

    monkeypatch.setattr(staging.os, "replace", noted)
    return names


def requested(faults, method: str, prefix: str) -> list[str]:
    """The keys below a prefix that were requested, in order."""
    paths = (unquote(path) for verb, path in faults.requests if verb == method)
    return [path.partition(f"/{prefix}")[2] for path in paths if f"/{prefix}" in path]


def in_order(names: list[str]) -> bool:
    """Return whether all data comes first, and then the entry files as a reader needs them."""
    names = [name for name in names if name in STORE]
    return sorted(names[: len(DATA)]) == sorted(DATA) and names[len(DATA) :] == ENTRY_FILES


@pytest.mark.parametrize("jobs", [1, 25])
@pytest.mark.parametrize("source", ["s3", "local"])
def test_entry_files_are_uploaded_and_copied_last(bucket, faults, tmp_path, source, jobs):
    path = write_source(source, bucket, tmp_path)
    sync(path, "s3://bucket/dst/", max_concurrency=jobs)
    assert in_order(requested(faults, "PUT", "dst/"))
    assert bucket.read("dst/") == STORE


@pytest.mark.parametrize("source", ["s3", "local"])
def test_entry_files_are_put_into_a_folder_last(bucket, tmp_path, renamed, source):
    path = write_source(source, bucket, tmp_path)
    sync(path, tmp_path / "dst")
    assert in_order([name.removeprefix(f"{tmp_path}/dst/") for name in renamed])


def test_no_entry_file_overtakes_data_that_takes_longer(bucket, faults, tmp_path):
    early: list[str] = []

    def look(method: str, path: str) -> None:
        if method == "PUT" and path.endswith(tuple(DATA)):
            time.sleep(0.1)
        if method == "PUT" and path.endswith(tuple(ENTRY_FILES)):
            early.extend(name for name in DATA if f"dst/{name}" not in bucket.keys("dst/"))

    faults.before = look
    sync(write(tmp_path / "src", STORE), "s3://bucket/dst/")
    assert early == []


def test_entry_file_is_one_by_the_path_of_the_destination(bucket, faults, tmp_path):
    commits = {f"{number}.json": b"x" for number in range(30)} | {"_last_checkpoint": b"x"}
    sync(write(tmp_path / "src", commits), "s3://bucket/dst/_delta_log/")
    assert requested(faults, "PUT", "dst/_delta_log/") == [
        *sorted(commits)[:30],
        "_last_checkpoint",
    ]


@table(
    "broken, published",
    {
        "without its data no entry file is published": ("zebra/c/0", set()),
        "without a node none above it is published": ("zebra/zarr.json", {"0/.zarray"}),
    },
)
def test_what_a_failed_sync_has_published(bucket, tmp_path, monkeypatch, broken, published):
    source = write(tmp_path / "src", STORE)
    replace = os.replace

    def fail(path, target, **folders):
        if full_path(target, folders["dst_dir_fd"]).endswith(f"dst/{broken}"):
            raise OSError(13, "Permission denied", target)
        replace(path, target, **folders)

    monkeypatch.setattr(staging.os, "replace", fail)
    with pytest.raises(OSError, match="Permission denied"):
        sync(source, tmp_path / "dst", max_concurrency=1)
    found = {str(p.relative_to(tmp_path / "dst")) for p in (tmp_path / "dst").rglob("*")}
    assert found & set(ENTRY_FILES) == published


@pytest.fixture
def unlinked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the local files that were deleted, in that order."""
    names: list[str] = []
    unlink = os.unlink

    def noted(name, *, dir_fd=None):
        names.append(full_path(os.fspath(name), dir_fd))
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(delete.os, "unlink", noted)
    return names


def test_extraneous_entry_files_are_deleted_first(bucket, tmp_path, unlinked):
    write(tmp_path / "dst", {f"x/{name}": body for name, body in STORE.items()})
    sync(put(bucket, "src/", {"keep": b"k"}), tmp_path / "dst")
    gone = [name.partition("/dst/x/")[2] for name in unlinked if "/dst/x/" in name]
    assert gone[: len(ENTRY_FILES)] == ENTRY_FILES[::-1]
    assert sorted(gone) == sorted(STORE)


def test_extraneous_entry_objects_are_deleted_before_data_is(bucket, faults, tmp_path):
    put(bucket, "dst/x/", STORE)
    left: list[set[str]] = []

    def look(method: str, path: str) -> None:
        if method == "POST" and "delete" in path:
            left.append({key.removeprefix("dst/x/") for key in bucket.keys("dst/x/")})

    faults.before = look
    sync(write(tmp_path / "src", {"keep": b"k"}), "s3://bucket/dst/")
    assert bucket.keys("dst/x/") == []
    assert left == [set(STORE) - set(ENTRY_FILES[len(ENTRY_FILES) - n :]) for n in range(6)]


def test_move_removes_entry_files_from_the_source_first(bucket, tmp_path, unlinked):
    source = write(tmp_path / "src", STORE)
    sync(source, "s3://bucket/dst/", retain_source_data=False)
    gone = [name.partition("/src/")[2] for name in unlinked if "/src/" in name]
    assert gone[: len(ENTRY_FILES)] == ENTRY_FILES[::-1]
    assert not source.exists()
    assert bucket.read("dst/") == STORE


class Time:
    """A time that goes on by a second with each file."""

    def __init__(self) -> None:
        self.now = 0.0

    def plan(self, files: int, size: int) -> None:
        """Take no time."""

    def advance(self, files: int, size: int) -> None:
        self.now += files


@pytest.mark.parametrize("force", [False, True])
def test_sync_in_several_calls_publishes_each_entry_file_once_and_in_order(
    bucket, faults, tmp_path, monkeypatch, force
):
    passing = Time()
    monkeypatch.setattr(deadline, "monotonic", lambda: passing.now)
    source, continuation = write(tmp_path / "src", STORE, age=100), None
    put(bucket, "dst/", dict.fromkeys(STORE, b"old"), age=200)
    for _ in range(20):
        request = DataSyncRequest(
            source_path=str(source),
            destination_path="s3://bucket/dst/",
            max_concurrency=1,
            deadline=2,
            force=force,
            continuation=continuation,
        )
        response = Engine(passing).sync(request)
        continuation = response.continuation
        if not response.incomplete:
            break
    assert not response.incomplete
    assert bucket.read("dst/") == STORE
    sent = [name for name in requested(faults, "PUT", "dst/") if name in STORE]
    assert sorted(sent[: -len(ENTRY_FILES)]) == sorted(DATA)
    assert sent[-len(ENTRY_FILES) :] == ENTRY_FILES
    assert response.result.files_transferred == len(STORE)
    assert response.result.files_unchanged == 0
