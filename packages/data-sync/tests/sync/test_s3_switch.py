"""Syncs with a switch to S3: a pointer names the prefix with the old version or the new one."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.progress import NullProgress
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline, pointer
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.pointer import (
    Building,
    Pointer,
    PointerError,
    read_pointer,
    version_prefix,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.s3_switch import TakenOverError
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from fault_worlds import Verb
from faulty_s3 import Call, Reply
from killable import Ended, Runner, killable_runs
from servers import aws_settings
from tables import table

A, B, C = (version_prefix("x", number) for number in "ABC")
FIRST = Pointer("x")
LATER = Pointer("x", A, (B,))


@table(
    "before, purpose, begun",
    {
        "a first version": (FIRST, "p", Pointer("x", building=Building(C, "p"))),
        "a further one": (LATER, "p", Pointer("x", A, (B,), Building(C, "p"))),
        "the version of a sync that was killed is left to the next switch": (
            Pointer("x", A, (), Building(B, "p")),
            "p",
            Pointer("x", A, (B,), Building(C, "p")),
        ),
        "the version of a sync that has stopped is completed": (
            Pointer("x", A, (), Building(B, "p", stopped=True)),
            "p",
            Pointer("x", A, (), Building(B, "p")),
        ),
        "but not for another purpose": (
            Pointer("x", A, (), Building(B, "q", stopped=True)),
            "p",
            Pointer("x", A, (B,), Building(C, "p")),
        ),
    },
)
def test_pointer_while_a_version_is_built(before, purpose, begun):
    assert pointer.begin(before, purpose, C) == begun
    assert read_pointer(begun.to_text(), "x") == begun


@table(
    "begun, deleted, published",
    {
        "nothing was there before": (
            Pointer("x", None, (), Building(A, "p")),
            [],
            Pointer("x", A),
        ),
        "what was there without a switch stays": (
            Pointer("x", "x/", (), Building(A, "p")),
            [],
            Pointer("x", A),
        ),
        "the version before is left to the next switch": (
            Pointer("x", A, (B,), Building(C, "p")),
            [B],
            Pointer("x", C, (A,)),
        ),
        "what was not deleted is left as well": (
            Pointer("x", A, (B,), Building(C, "p")),
            [],
            Pointer("x", C, (B, A)),
        ),
    },
)
def test_pointer_to_a_new_version(begun, deleted, published):
    assert pointer.publish(begun, deleted) == published


def document(**changes: object) -> str:
    return json.dumps({**json.loads(LATER.to_text()), **changes})


@table(
    "text, message",
    {
        "other text": ("hello", "not a pointer"),
        "another document": ("{}", "not a pointer"),
        "another version": (document(version=2), "not of version 1"),
        "another name": (document(name="y"), "it names 'y'"),
        "a prefix of others": (document(current="others/"), "'others/', which is not a version"),
        "a prefix of others to delete": (document(previous=["y/"]), "'y/', which is not a"),
        "a prefix that leads out": (document(previous=["x.versions/../x/"]), "is not a version"),
    },
)
def test_object_that_is_not_a_pointer(text, message):
    with pytest.raises(PointerError, match=message):
        read_pointer(text, "x")


SOURCE = {"a": "same", "b/c": "new c", "b/d": "d"}
OLD = {"a": "same", "b/c": "old", "b/x": "extraneous"}


class Store:
    """A destination in the mock AWS server."""

    def __init__(self, bucket: Any) -> None:
        self.bucket = bucket

    @property
    def pointer(self) -> dict[str, Any]:
        return json.loads(self.bucket.get("data/x.current.json"))

    def read(self) -> dict[str, str]:
        """Read what a reader finds who follows the pointer."""
        found = self.bucket.read(f"data/{self.pointer['current']}")
        return {name: content.decode() for name, content in found.items()}

    def prefixes(self) -> set[str]:
        keys = self.bucket.keys("data/x.versions/")
        return {f"{key.removeprefix('data/').split('/x/')[0]}/x/" for key in keys}


@pytest.fixture
def store(bucket) -> Store:
    return Store(bucket)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "src", SOURCE)
    return tmp_path / "src"


def write(folder: Path, content: Mapping[str, str]) -> None:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def sync(source: object, engine: Engine | None = None, **options: object):
    paths = {"source_path": str(source), "destination_path": "s3://bucket/data/x"}
    request = DataSyncRequest.from_dict({"switch": True, **paths, **options})
    return (engine or Engine()).sync(request)


class Observed(NullProgress):
    """Calls a function at each file that is done."""

    def __init__(self, observe: Callable[[], object]) -> None:
        self._observe = observe

    def advance(self, files: int, size: int) -> None:
        if files:
            self._observe()


def test_first_switch_makes_a_version_and_a_pointer(store, source):
    result = sync(source).result
    assert (result.files_transferred, store.read()) == (3, SOURCE)
    assert store.pointer == {
        "format": "data-sync-pointer",
        "version": 1,
        "name": "x",
        "current": store.pointer["current"],
        "previous": [],
    }
    assert store.bucket.keys("data/x/") == []


def test_what_was_there_without_a_switch_is_copied_and_stays(store, source):
    store.bucket.put_all({f"data/x/{name}": text.encode() for name, text in OLD.items()})
    (source / "a").touch()
    result = sync(source, delete=False).result
    assert store.read() == {**OLD, **SOURCE}
    assert result.files_deleted == 0
    assert store.bucket.read("data/x/") == {name: text.encode() for name, text in OLD.items()}


@pytest.mark.parametrize("delete", [True, False])
def test_unchanged_objects_are_copied_from_the_current_version(store, source, tmp_path, delete):
    sync(source)
    first = store.pointer["current"]
    write(tmp_path / "src", {"b/c": "changed"})
    (source / "b/d").unlink()
    result = sync(source, delete=delete).result
    assert (result.files_transferred, result.files_deleted) == (1, int(delete))
    left = {"a": "same", "b/c": "changed"} if delete else {**SOURCE, "b/c": "changed"}
    assert store.read() == left
    assert store.pointer["previous"] == [first]
    # A reader that has read the pointer before still finds all of what it named.
    old = store.bucket.read(f"data/{first}")
    assert old == {name: text.encode() for name, text in SOURCE.items()}


def test_version_before_is_deleted_by_the_next_switch(store, source):
    for number in range(3):
        write(source, {"b/c": f"version {number}"})
        sync(source)
    assert store.prefixes() == {store.pointer["current"], *store.pointer["previous"]}
    assert len(store.prefixes()) == 2


def test_reader_finds_the_old_version_until_the_end(store, source):
    sync(source)
    seen = []
    write(source, {"b/c": "changed", "e": "more"})
    sync(source, Engine(Observed(lambda: seen.append(store.read()))))
    assert seen == [SOURCE] * len(seen)
    assert len(seen) > 1
    assert store.read() == {**SOURCE, "b/c": "changed", "e": "more"}


def test_objects_are_synced_within_s3(store):
    store.bucket.put_all({f"src/{name}": text.encode() for name, text in SOURCE.items()})
    sync("s3://bucket/src/")
    assert store.read() == SOURCE


def test_nothing_is_written_without_a_change(store, source):
    sync(source)
    before = store.bucket.keys()
    assert sync(source).result.files_unchanged == 3
    assert store.bucket.keys() == before


@pytest.mark.parametrize("reports", [True, False])
def test_unchanged_objects_are_reported(store, source, tmp_path, reports):
    sync(source)
    before = store.bucket.keys()
    path = str(tmp_path / "report.jsonl") if reports else None
    assert sync(source, ignore_times=True, report_path=path).result.files_unchanged == 3
    assert store.bucket.keys() == before
    if path:
        lines = [json.loads(line)["action"] for line in Path(path).read_text().splitlines()]
        assert lines == ["keep"] * 3


def test_comparison_without_a_difference_keeps_the_version(store, source):
    sync(source)
    before = store.pointer["current"]
    store.bucket.put_all({f"other/{n}": t.encode() for n, t in SOURCE.items()})
    sync("s3://bucket/other/", ignore_times=True)
    assert store.pointer["current"] == before
    assert store.read() == SOURCE


def test_dry_run_compares_with_the_current_version(store, source):
    sync(source)
    write(source, {"b/c": "changed"})
    before = store.bucket.keys()
    assert sync(source, dry_run=True).result.files_transferred == 1
    assert store.bucket.keys() == before


def test_failed_file_leaves_the_old_version_and_the_next_sync_completes(store, source):
    sync(source)
    write(source, {"b/c": "changed", "e": "more"})
    (source / "dangling").symlink_to("missing")
    result = sync(source, continue_on_error=True).result
    assert (result.files_failed, store.read()) == (1, SOURCE)
    assert store.pointer["building"]["stopped"]
    (source / "dangling").unlink()
    assert sync(source, continue_on_error=True).result.files_transferred == 0
    assert store.read() == {**SOURCE, "b/c": "changed", "e": "more"}
    assert "building" not in store.pointer
    assert len(store.prefixes()) == 2


def test_version_of_a_killed_sync_is_deleted_later(store, source):
    sync(source)
    killed = version_prefix("x", "20260101T000000Z-00000000")
    found = read_pointer(store.bucket.get("data/x.current.json").decode(), "x")
    store.bucket.put("data/x.current.json", pointer.begin(found, "p", killed).to_text())
    store.bucket.put(f"data/{killed}a", "half")
    for number in range(2):
        write(source, {"b/c": f"version {number}"})
        sync(source)
    assert killed not in store.prefixes()
    assert store.read() == {**SOURCE, "b/c": "version 1"}


def test_of_two_syncs_at_once_the_later_one_wins_and_the_other_one_fails(store, source, tmp_path):
    sync(source)
    write(source, {"b/c": "changed"})
    write(tmp_path / "other", {"b/c": "of the other one"})
    others = iter([None])

    def other() -> None:
        for _ in others:
            sync(tmp_path / "other")

    with pytest.raises(TakenOverError, match="was changed by another sync with --switch"):
        sync(source, Engine(Observed(other)))
    assert store.read() == {"b/c": "of the other one"}


class Time(NullProgress):
    """A time that goes on by a second with each entry."""

    def __init__(self) -> None:
        self.now = 0.0

    def advance(self, files: int, size: int) -> None:
        self.now += files


def test_sync_in_several_calls_continues_its_version(store, source, monkeypatch):
    sync(source)
    passing = Time()
    monkeypatch.setattr(deadline, "monotonic", lambda: passing.now)
    write(source, {f"more/{number}": "m" for number in range(6)})
    engine, continuation, calls, versions = Engine(passing), None, 0, set()
    while True:
        options = {"deadline": 3, "max_concurrency": 1, "size_only": True}
        options["continuation"] = continuation
        response = sync(source, engine, **options)
        calls += 1
        if not response.incomplete:
            break
        versions.add(store.pointer["building"]["prefix"])
        assert store.read() == SOURCE
        continuation = response.continuation.to_dict()
    assert calls > 1
    assert versions == {store.pointer["current"]}
    assert len(store.read()) == 9
    assert response.result.files_transferred == 6


def test_response_that_is_lost_is_no_failure(store, source, monkeypatch):
    real = S3.ask

    def ask(s3: S3, request: Any) -> Any:
        response = real(s3, request)
        if request.operation == "PutObject" and request.key.endswith(".current.json"):
            raise AWSError("cannot upload: PreconditionFailed")
        return response

    monkeypatch.setattr(S3, "ask", ask)
    sync(source)
    assert store.read() == SOURCE


@table(
    "options, message",
    {
        "a whole bucket": ({"destination_path": "s3://bucket"}, "is a whole bucket"),
        "a move": ({"retain_source_data": False}, "does not move files to S3"),
    },
)
def test_what_a_switch_to_s3_is_not_for(store, source, options, message):
    with pytest.raises(ValueError, match=message):
        sync(source, **options)
    assert store.bucket.keys() == []


def test_object_in_place_of_the_pointer_is_an_error(store, source):
    store.bucket.put("data/x.current.json", "mine")
    with pytest.raises(ValueError, match="is not the pointer of x: not a pointer"):
        sync(source)
    assert store.bucket.keys() == ["data/x.current.json"]


def test_object_and_prefix_are_not_switched_at_once(store):
    store.bucket.put_all({"src": b"1", "src/a": b"2"})
    with pytest.raises(ValueError, match="cannot be switched at once"):
        sync("s3://bucket/src")


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with killable_runs() as made:
        yield made


# Of some 15 requests: before and while objects are copied and sent, and at the switch.
@pytest.mark.parametrize("number", [3, 6, 9, 12, 14])
def test_killed_sync_leaves_the_old_version_or_the_new_one(
    runner, s3_server, source, tmp_path, number
):
    s3_server.reset()
    verb = Verb("local", "s3")
    request = {
        "source_path": str(source),
        "destination_path": "s3://bucket/data/x",
        "switch": True,
    }

    def run(started: Callable[[int], None] = lambda _: None) -> Ended:
        return runner.run(verb, request, tmp_path, aws_settings(s3_server.url), started=started)

    def read() -> dict[str, str]:
        current = json.loads(s3_server.read("bucket", "data/x.current.json")[""])["current"]
        found = s3_server.read("bucket", f"data/{current}")
        return {name: content.decode() for name, content in found.items()}

    assert (run().error, read()) == ("", SOURCE)
    write(source, {"b/c": "changed", "e": "more"})
    (source / "b/d").unlink()
    new = {"a": "same", "b/c": "changed", "e": "more"}

    def kill(pid: int) -> None:
        numbers = itertools.count(1)

        def fault(_: Call, proceed: Callable[[], Reply]) -> Reply:
            if next(numbers) == number:
                os.kill(pid, signal.SIGKILL)
            return proceed()

        s3_server.fault = fault

    assert run(kill).was_killed
    s3_server.heal()
    assert read() in (SOURCE, new)
    assert (run().error, read()) == ("", new)
    write(source, {"e": "again"})
    assert run().error == ""
    versions = {key.split("/")[2] for _, key in s3_server.objects if ".versions/" in key}
    assert len(versions) == 2
