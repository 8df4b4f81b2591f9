"""Syncs that have not the time for everything, and go on in another call."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline as clocks
from aibs_informatics_aws_lambda.handlers.data_sync.sync.deadline import (
    OutOfTimeError,
    TimeBudget,
    make_time_budget,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.result import NoProgressError
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers.upload import Upload
from aibs_informatics_aws_lambda.storage.data_sync import (
    DataSyncRequest,
    DataSyncResponse,
    SyncContinuation,
)
from tables import table

CONTENT = {f"d{n % 3}/f{n:02}": f"content {n}".encode() for n in range(20)}


class Time:
    """A time that goes on by a second with each entry that is transferred or compared."""

    def __init__(self) -> None:
        self.now = 0.0

    def plan(self, files: int, size: int) -> None:
        """Take no time."""

    def advance(self, files: int, size: int) -> None:
        self.now += files


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that takes a second for each entry."""
    passing = Time()
    monkeypatch.setattr(clocks, "monotonic", lambda: passing.now)
    return Engine(passing)


class Places:
    """A source and a destination, each on S3 or on a disk."""

    def __init__(self, source: str, destination: str, bucket: Any, folder: Path) -> None:
        self._bucket, self._folder = bucket, folder
        self.source = self._path(source, "src")
        self.destination = self._path(destination, "dst")

    def _path(self, kind: str, name: str) -> str:
        return f"s3://bucket/{name}" if kind == "s3" else str(self._folder / name)

    def write(self, path: str, content: dict[str, bytes], age: float = 0) -> None:
        """Write files or objects, as of so many seconds ago."""
        if path.startswith("s3://"):
            prefix = path.removeprefix("s3://bucket/")
            objects = {f"{prefix}/{name}": data for name, data in content.items()}
            self._bucket.put_all(objects, age)
            return
        then = time.time() - age
        for name, data in content.items():
            file = Path(path, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            os.utime(file, (then, then))

    def write_source(self) -> None:
        """Write the source, older than anything that is written from now on."""
        self.write(self.source, CONTENT, age=10)

    def read(self, path: str) -> dict[str, bytes]:
        if path.startswith("s3://"):
            return self._bucket.read(f"{path.removeprefix('s3://bucket/')}/")
        files = (file for file in Path(path).rglob("*") if file.is_file())
        return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.fixture(params=["local-s3", "s3-local", "s3-s3", "local-local"])
def locations(request, bucket, tmp_path: Path) -> Places:
    return Places(*request.param.split("-"), bucket, tmp_path)


def in_calls(engine: Engine, locations: Places, **options: Any) -> Iterator[DataSyncResponse]:
    """Yield the answers of the calls that it takes."""
    request = DataSyncRequest(
        source_path=locations.source, destination_path=locations.destination, **options
    )
    for _ in range(20):
        answer = engine.sync(request)
        yield answer
        if not answer.incomplete:
            return
        request = request.model_copy(update={"continuation": answer.continuation})
    pytest.fail("it does not end")


class TestSyncInSeveralCalls:
    @pytest.mark.parametrize("force", [False, True])
    def test_it_does_what_one_call_does_and_counts_all_of_it(self, engine, locations, force):
        locations.write_source()
        locations.write(locations.destination, {"extra": b"x"})
        answers = list(in_calls(engine, locations, deadline=8, force=force, max_concurrency=1))
        assert 1 < len(answers) < 10
        last = answers[-1]
        assert last.continuation is None
        result = last.result
        assert result.files_transferred + result.files_unchanged == len(CONTENT)
        # A transfer that was given up may have been done all the same.
        assert result.files_transferred > len(CONTENT) / 2
        is_merged = not locations.source.startswith("s3") and not locations.destination.startswith(
            "s3"
        )
        extra = {"extra": b"x"} if is_merged else {}
        assert locations.read(locations.destination) == {**CONTENT, **extra}

    def test_forced_sync_without_delete_gets_further_with_each_call(self, engine, locations):
        locations.write_source()
        options = {"force": True, "delete": False, "max_concurrency": 1}
        answers = list(in_calls(engine, locations, deadline=8, **options))
        assert 1 < len(answers) < 10
        assert locations.read(locations.destination) == CONTENT

    def test_nothing_is_deleted_before_everything_is_there(self, engine, locations):
        locations.write(locations.source, CONTENT)
        locations.write(locations.destination, {"extra": b"x"})
        first = next(in_calls(engine, locations, deadline=8, max_concurrency=1))
        assert 0 < first.result.files_transferred < len(CONTENT)
        assert first.result.files_deleted == 0

    def test_what_is_unchanged_is_counted_once(self, engine, locations):
        locations.write_source()
        engine.sync(next(in_calls(engine, locations)).request)
        *_, last = in_calls(engine, locations, deadline=8, max_concurrency=1)
        assert (last.result.files_transferred, last.result.files_unchanged) == (0, len(CONTENT))

    def test_item_that_changes_between_calls_is_transferred_again(self, engine, locations):
        locations.write_source()
        calls = in_calls(engine, locations, deadline=8, max_concurrency=1)
        assert next(calls).incomplete
        changed = {"d0/f00": b"longer than it was before"}
        locations.write(locations.source, changed)
        for _ in calls:
            pass
        assert locations.read(locations.destination) == {**CONTENT, **changed}

    def test_no_time_at_all_is_an_error_that_says_what_to_do(self, engine, locations):
        locations.write(locations.source, CONTENT)
        with pytest.raises(NoProgressError, match="allow more time"):
            list(in_calls(engine, locations, deadline=0))
        assert locations.read(locations.destination) == {}

    @pytest.mark.parametrize("delete", [False, True])
    def test_move_loses_nothing_at_any_call(self, locations, delete, monkeypatch):
        # A second for each look at the budget, so that the time can be up at any step.
        monkeypatch.setattr(clocks, "monotonic", itertools.count().__next__)
        locations.write_source()
        answers = []
        options = {"deadline": 60, "retain_source_data": False, "delete": delete}
        for answer in in_calls(Engine(), locations, max_concurrency=1, **options):
            answers.append(answer)
            everywhere = {
                **locations.read(locations.source),
                **locations.read(locations.destination),
            }
            everywhere.pop(".data-sync-move", None)
            assert everywhere == CONTENT
        assert locations.read(locations.destination) == CONTENT
        is_download = locations.source.startswith("s3") and not locations.destination.startswith(
            "s3"
        )
        assert locations.read(locations.source) == (CONTENT if is_download else {})
        assert answers[-1].result.files_removed == (0 if is_download else len(CONTENT))
        assert len(answers) > 1 or locations.source.startswith("s3")


def test_transfer_that_does_not_end_in_time_is_given_up(
    bucket, faults, tmp_path: Path, monkeypatch
):
    bucket.put_all({"src/a": b"x" * 100, "src/b": b"x" * 100})
    now = 0.0
    monkeypatch.setattr(clocks, "monotonic", lambda: now)
    given_up = threading.Event()

    def wait(_: str, path: str) -> None:
        nonlocal now
        if "src/b" in path:
            while not (tmp_path / "a").exists():
                time.sleep(0.01)
            now = 100.0
            given_up.wait(60)

    faults.before = wait
    answer = Engine().sync(
        DataSyncRequest(source_path="s3://bucket/src", destination_path=tmp_path, deadline=2)
    )
    given_up.set()
    assert answer.incomplete
    assert answer.continuation is not None
    assert answer.continuation.through == "a"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_files_behind_one_that_is_not_finished_are_counted_once(
    bucket, faults, tmp_path: Path, monkeypatch
):
    bucket.put_all({f"src/{name}": b"x" * 100 for name in "abcde"})
    now, is_slow = 0.0, True
    monkeypatch.setattr(clocks, "monotonic", lambda: now)
    given_up = threading.Event()

    def wait(_: str, path: str) -> None:
        nonlocal now
        if is_slow and "src/a" in path:
            while len(list(tmp_path.glob("[b-e]"))) < 4:
                time.sleep(0.01)
            now += 100.0
            given_up.wait(60)

    faults.before = wait
    request = DataSyncRequest(source_path="s3://bucket/src", destination_path=tmp_path, deadline=2)
    first = Engine().sync(request)
    given_up.set()
    is_slow = False
    assert (first.continuation.through, first.continuation.started) == (None, "e")
    assert first.continuation.unfinished == ["a"]
    assert first.result.files_transferred == 4
    last = Engine().sync(request.model_copy(update={"continuation": first.continuation}))
    assert not last.incomplete
    assert (last.result.files_transferred, last.result.files_unchanged) == (5, 0)


class TestFilesThatMayHaveChanged:
    """Files of the second of their upload, which every call of a sync would read again."""

    @pytest.fixture
    def written(self, bucket, tmp_path: Path) -> list[Path]:
        """Files that are older than the calls, and as old as the objects that they became."""
        files = [tmp_path / name for name in "abcdef"]
        for file in files:
            file.write_bytes(file.name.encode() * 100)
        bucket.put_all({f"dst/{file.name}": file.read_bytes() for file in files}, 100)
        for entry in bucket.client.list_objects_v2(Bucket="bucket")["Contents"]:
            os.utime(tmp_path / entry["Key"][-1], (entry["LastModified"].timestamp(),) * 2)
        return files

    @pytest.fixture
    def request_(self, written, tmp_path: Path) -> DataSyncRequest:
        return DataSyncRequest(
            source_path=tmp_path,
            destination_path="s3://bucket/dst",
            max_concurrency=1,
            continuation=SyncContinuation(calls=1, through="f"),
        )

    def test_comparisons_that_outlast_each_deadline_end_and_the_point_does_not_go_back(
        self, request_, engine, monkeypatch
    ):
        read = []
        same = Upload.has_same_checksum

        def note(upload, step, check):
            read.append(step.target)
            return same(upload, step, check)

        monkeypatch.setattr(Upload, "has_same_checksum", note)
        request = request_.model_copy(update={"deadline": 3.0})
        calls = 1
        while (response := engine.sync(request)).incomplete:
            calls += 1
            assert response.continuation.through == "f"
            assert calls < 20
            request = request.model_copy(update={"continuation": response.continuation})
        assert calls > 1
        assert response.result.files_unchanged == 0
        assert sorted(set(read)) == list("abcdef")

    def test_change_within_the_second_of_the_upload_is_transferred(
        self, request_, written, bucket
    ):
        modified = written[2].stat().st_mtime
        written[2].write_bytes(b"C" * 100)
        os.utime(written[2], (modified, modified))
        assert Engine().sync(request_).result.files_transferred == 1
        assert bucket.get("dst/c") == b"C" * 100


class TestDeadline:
    def test_auto_leaves_the_function_time_for_its_answer(self):
        assert make_time_budget(["auto"], lambda: 900.0).seconds_left == pytest.approx(890, abs=1)
        assert make_time_budget(["auto"], lambda: 10.0).seconds_left == pytest.approx(8, abs=1)

    def test_auto_is_never_outside_of_lambda(self):
        assert make_time_budget(["auto"], lambda: 0.0).seconds_left is None

    def test_time_counts_from_now(self):
        at = datetime.now(UTC) + timedelta(seconds=100)
        assert make_time_budget([at], lambda: 0.0).seconds_left == pytest.approx(100, abs=1)

    def test_earliest_one_counts(self):
        budget = make_time_budget([50.0, None, "auto"], lambda: 40.0)
        assert budget.seconds_left == pytest.approx(32, abs=1)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of budgets."""
    made = Clock()
    monkeypatch.setattr(clocks, "monotonic", made)
    return made


@table(
    "seconds, last_start",
    {
        "the last tenth is for what is under way": (20.0, 18.0),
        "that is 5 seconds of 50": (50.0, 45.0),
        "that is 5 seconds at most": (1000.0, 995.0),
    },
)
def test_last_moment_to_start(clock: Clock, seconds, last_start):
    budget = TimeBudget(seconds)
    clock.now += last_start - 0.01
    budget.check_start()
    clock.now += 0.01
    with pytest.raises(OutOfTimeError):
        budget.check_start()
    budget.check()


@table(
    "seconds, passed, left",
    {
        "no time has passed": (20.0, 0.0, 20.0),
        "some time is left": (20.0, 15.0, 5.0),
        "no time is left": (20.0, 20.0, 0.0),
        "less than no time is none": (20.0, 30.0, 0.0),
        "a deadline in the past leaves none": (-5.0, 0.0, 0.0),
        "there is all the time": (None, 1e9, None),
    },
)
def test_time_that_is_left(clock: Clock, seconds, passed, left):
    budget = TimeBudget(seconds)
    clock.now += passed
    assert budget.seconds_left == left
    assert budget.is_limited is (seconds is not None)
    if left == 0.0:
        with pytest.raises(OutOfTimeError):
            budget.check()
        with pytest.raises(OutOfTimeError):
            budget.check_start()
    else:
        budget.check()
        budget.check_start()


def test_entries_end_where_it_is_too_late_to_start(clock: Clock):
    limited = TimeBudget(10.0).limit("abcde")
    for entry in "abc":
        assert next(limited) == entry
        clock.now += 3.0
    with pytest.raises(OutOfTimeError):
        next(limited)


def test_entries_do_not_end_without_a_deadline(clock: Clock):
    assert list(TimeBudget().limit("abc")) == ["a", "b", "c"]


@table(
    "deadlines, of_lambda, seconds",
    {
        "no deadline is no limit": ([None, None], 100.0, None),
        "nothing is no limit": ([], 100.0, None),
        "a number is that many seconds": ([30], 0.0, 30.0),
        "the earliest counts": ([30, 20, None, 25], 0.0, 20.0),
        "a fifth of a function's time is in reserve": (["auto"], 30.0, 24.0),
        "10 seconds of 50 are in reserve": (["auto"], 50.0, 40.0),
        "10 seconds at most are in reserve": (["auto"], 900.0, 890.0),
        "outside of a function nothing is automatic": (["auto"], 0.0, None),
        "a function's time and a number both count": (["auto", 10], 30.0, 10.0),
        "no second is a limit": ([0], 0.0, 0.0),
    },
)
def test_budget_of_deadlines(clock: Clock, deadlines, of_lambda, seconds):
    budget = make_time_budget(deadlines, lambda: of_lambda)
    assert budget.seconds_left == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(("ahead", "least", "most"), [(3600, 3500, 3600), (-60, 0, 0)])
def test_time_of_day_is_a_deadline(clock: Clock, ahead, least, most):
    budget = make_time_budget([datetime.now(UTC) + timedelta(seconds=ahead)], lambda: 0.0)
    assert least <= budget.seconds_left <= most
