from __future__ import annotations

import time
from concurrent.futures import Future
from queue import Empty, SimpleQueue

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import SILENCE_SECONDS
from aibs_informatics_aws_lambda.handlers.data_sync.sync import window as window_module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.window import AdaptiveWindow, Window
from tables import table


@pytest.fixture(autouse=True)
def first_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with the capacity from which the tables count."""
    monkeypatch.setattr(window_module, "_FIRST_CAPACITY", 64)


class Work:
    """What a window runs: futures that end when a test says so."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.finished: list[str] = []
        self.futures: dict[str, Future[str]] = {}

    def add(
        self, window: Window, name: str, weight: int = 1, size: int = 0, *, ends: bool = False
    ) -> None:
        def start() -> Future[str]:
            self.started.append(name)
            future = self.futures[name] = Future()
            if ends:
                future.set_result(name)
            return future

        window.add(start, lambda future: self.finished.append(future.result()), weight, size)

    def end(self, name: str) -> None:
        self.futures[name].set_result(name)


def failing(_: Future[str]) -> None:
    raise OSError("failed")


@table(
    "capacity, weights, at_once",
    {
        "as many as there is capacity for are under way": (3, [1, 1, 1, 1], 3),
        "a capacity of one is one at a time": (1, [1, 1], 1),
        "weights are summed up": (5, [4, 1, 1], 2),
        "a weight may fill the capacity exactly": (4, [2, 2, 1], 2),
        "a weight above the capacity runs alone": (2, [5, 1], 1),
        "a weight above the capacity waits until all else has ended": (2, [1, 5], 1),
    },
)
def test_window_starts_what_fits(capacity, weights, at_once):
    window, work = Window(capacity), Work()
    for number, weight in enumerate(weights[:at_once]):
        work.add(window, str(number), weight)
    assert len(work.started) == at_once
    assert work.finished == []
    # Only what has ended makes room: without it, `add` would wait for ever.
    for number in range(at_once):
        work.end(str(number))
    work.add(window, "next", weights[at_once], ends=True)
    assert work.started[-1] == "next"
    assert work.finished


@table(
    "sizes, at_once",
    {
        "sizes are summed up": ([4, 5, 2], 2),
        "sizes may fill the memory exactly": ([4, 6, 1], 2),
        "a size above the memory is alone": ([11, 1], 1),
        "a size above the memory waits for all others": ([1, 11], 1),
        "a size above the memory does not wait for what holds none": ([0, 11, 1], 2),
        "what holds none waits for nothing": ([11, 0, 0, 1], 3),
    },
)
def test_window_starts_what_fits_in_memory(sizes, at_once):
    window, work = Window(100, most_bytes=10), Work()
    for number, size in enumerate(sizes[:at_once]):
        work.add(window, str(number), size=size)
    assert len(work.started) == at_once
    assert work.finished == []
    # Only what has ended makes room: without it, `add` would wait for ever.
    for number in range(at_once):
        work.end(str(number))
    work.add(window, "next", size=sizes[at_once], ends=True)
    assert work.started[-1] == "next"
    assert work.finished


@table(
    "ended, next_weight, finished",
    {
        "one that has ended makes room for one": (["0"], 1, ["0"]),
        "no more are finished than are in the way": (["0", "1"], 1, ["0"]),
        "as many are finished as are in the way": (["1", "0"], 2, ["1", "0"]),
    },
)
def test_add_finishes_what_has_ended(ended, next_weight, finished):
    window, work = Window(3), Work()
    for name in "012":
        work.add(window, name)
    for name in ended:
        work.end(name)
    work.add(window, "next", next_weight)
    assert work.finished == finished


def test_what_an_end_starts_does_not_wait_for_other_ends():
    window, started = Window(1000), []

    def begin() -> Future[None]:
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def start_next(_: Future[None]) -> None:
        started.append(None)
        window.add(begin, lambda _: None)

    for _ in range(1000):
        window.add(begin, start_next)
    window._capacity = 1
    window.add(begin, lambda _: None)
    window.drain()
    assert len(started) == 1000
    assert window.is_empty()


def test_finished_work_frees_its_weight():
    window, work = Window(4), Work()
    work.add(window, "heavy", 4, ends=True)
    work.add(window, "a", 2)
    work.add(window, "b", 2)
    assert work.started == ["heavy", "a", "b"]
    assert work.finished == ["heavy"]


def test_default_weight_is_one():
    window, work = Window(2), Work()
    for name in "ab":
        window.add(lambda name=name: work.futures.setdefault(name, Future()), lambda _: None)
    assert list(work.futures) == ["a", "b"]


def test_drain_waits_for_everything():
    window, work = Window(4), Work()
    for name in "abc":
        work.add(window, name, ends=True)
    window.drain()
    assert work.finished == ["a", "b", "c"]
    assert window.is_empty()


def test_drain_of_nothing_ends():
    window = Window(1)
    window.drain()
    assert window.is_empty()


def test_window_with_work_is_not_empty():
    window, work = Window(1), Work()
    work.add(window, "a")
    assert not window.is_empty()


@pytest.mark.parametrize("seconds", [0.0, 0.01, -1.0])
def test_drain_leaves_what_takes_too_long(seconds):
    window, work = Window(2), Work()
    work.add(window, "a", ends=True)
    work.add(window, "b")
    window.drain(seconds)
    assert work.finished == ["a"]
    assert not window.is_empty()
    work.end("b")
    window.drain()
    assert work.finished == ["a", "b"]


def test_drain_waits_for_the_rest_of_its_time(monkeypatch: pytest.MonkeyPatch):
    now, waits = 100.0, []

    class Queue(SimpleQueue):
        """Each look at it takes two seconds."""

        def get(self, block=True, timeout=None):
            nonlocal now
            waits.append(timeout)
            now += 2
            return super().get(block=False)

    monkeypatch.setattr(window_module, "SimpleQueue", Queue)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    window, work = Window(4), Work()
    for name in "abc":
        work.add(window, name, ends=name != "c")
    window.drain(3.0)
    assert waits == [3.0, 1.0, 0.0]
    assert work.finished == ["a", "b"]


def test_error_of_what_has_ended_is_raised_by_add():
    window, work = Window(1), Work()
    future: Future[str] = Future()
    window.add(lambda: future, failing)
    future.set_result("")
    with pytest.raises(OSError, match="failed"):
        work.add(window, "next")
    assert work.started == []
    assert window.is_empty()


def test_error_of_what_has_ended_is_raised_by_drain():
    window, work = Window(2), Work()
    future: Future[str] = Future()
    window.add(lambda: future, failing)
    work.add(window, "b", ends=True)
    future.set_result("")
    with pytest.raises(OSError, match="failed"):
        window.drain()
    assert work.finished == ["b"]
    assert window.is_empty()


def test_start_that_fails_takes_no_capacity():
    window = Window(1)

    def start() -> Future[str]:
        raise OSError("cannot start")

    with pytest.raises(OSError, match="cannot start"):
        window.add(start, lambda _: None)
    assert window.is_empty()


def test_call_runs_in_the_thread_that_drains():
    window, work = Window(1), Work()
    work.add(window, "a")
    window.call(lambda: work.finished.append("called"))
    assert work.finished == []
    work.end("a")
    window.drain()
    assert work.finished == ["called", "a"]


def test_call_runs_in_the_thread_that_adds():
    window, work = Window(1), Work()
    work.add(window, "a")
    window.call(lambda: work.finished.append("called"))
    work.end("a")
    work.add(window, "b")
    assert work.finished == ["called", "a"]
    assert work.started == ["a", "b"]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def capacities(throughputs, most=256):
    """Return the capacity of a window after each interval with such a throughput."""
    clock = Clock()
    window = AdaptiveWindow(most, clock)
    reached = []
    for throughput in throughputs:
        for _ in range(throughput):
            window.note_work(0)
        clock.now += 1
        window.note_work(0)
        reached.append(capacity_of(window, clock))
    return reached


def capacity_of(window, clock):
    """Return how many futures a window takes before it waits for one to end."""
    started = []

    def start():
        future = Future()
        started.append(future)
        if len(started) > 1000:
            raise AssertionError("the window has no bound")
        return future

    def stop_waiting():
        raise StopIteration

    def fill():
        while True:
            window.add(start, lambda _: None)

    window.call(stop_waiting)
    with pytest.raises(StopIteration):
        fill()
    for future in started:
        future.set_result(None)
    window.drain()
    return len(started)


@table(
    "throughputs, expected",
    {
        "doubles while the throughput grows": ([100, 200, 400, 800], [128, 256, 256, 256]),
        "stays at the maximum where nothing grows any more": (
            [100, 200, 400, 400, 400],
            [128, 256, 256, 256, 256],
        ),
        "returns if the throughput does not grow": ([100, 105], [128, 64]),
        "stays for a while where more was in vain": ([100, 105, 105, 105], [128, 64, 64, 64]),
        "tries more again later": ([100, 105, *[105] * 5], [128, 64, 64, 64, 64, 64, 128]),
        "halves if the throughput collapses": ([100, 200, 300, 100], [128, 256, 256, 128]),
        "keeps less while nothing grows": (
            [100, 200, 300, 100, 30, 8, 2],
            [128, 256, 256, 128, 64, 32, 16],
        ),
        "is never below eight": (
            [10000, 3000, 1000, 300, 100, 30, 9, 2],
            [128, 64, 32, 16, 8, 8, 8, 8],
        ),
    },
)
def test_capacity_follows_the_throughput(throughputs, expected):
    assert capacities(throughputs) == expected


def test_capacity_never_exceeds_the_maximum():
    assert capacities([100, 200, 400], most=80) == [80, 80, 80]
    assert capacities([100], most=5) == [5]


def test_responses_gather_before_several_are_handled_at_a_time():
    work, slept = Work(), []

    def gather(seconds: float) -> None:
        slept.append(seconds)
        for name in "ab":
            work.end(name)

    window = AdaptiveWindow(64, Clock(), gather)
    work.add(window, "a")
    work.add(window, "b")
    window.drain()
    assert work.finished == ["a", "b"]
    assert len(slept) == 1
    assert slept[0] < 0.01


def test_capacity_is_kept_between_intervals():
    clock = Clock()
    window = AdaptiveWindow(256, clock)
    clock.now = 0.1
    window.note_work(2**30)
    assert capacity_of(window, clock) == 64


def test_window_that_settles_ends_all_futures_whatever_they_end_in():
    window, work = Window(4), Work()
    work.add(window, "a")
    window.add(lambda: work.futures["a"], failing)
    work.add(window, "b")
    work.end("a")
    work.futures["b"].set_exception(OSError("failed as well"))
    window.settle()
    assert window.is_empty()
    assert work.finished == ["a"]
    window.settle()


@table(
    "sizes, seconds, capacity",
    {
        "ten requests in a second": ([0] * 10, 1.0, 64),
        "as much work in half of the time": ([0] * 10, 0.5, 128),
        "bytes count as well as requests": ([2**20] * 5, 1.0, 64),
        "a request counts as much as a mebibyte": ([2**20] * 10, 1.0, 128),
        "six requests of a mebibyte are more than ten small ones": ([2**20] * 6, 1.0, 128),
        "a little more than a tenth above is a gain": ([0] * 11 + [2**18], 1.0, 128),
        "a tenth above is a gain": ([0] * 11, 1.0, 128),
        "a little less than a tenth above is none": ([0] * 9 + [15 * 2**16], 1.0, 64),
    },
)
def test_gain_that_keeps_more_capacity(sizes, seconds, capacity):
    clock = Clock()
    window = AdaptiveWindow(128, clock)

    def end_interval(sizes: list[int], seconds: float) -> None:
        # All that ends at the end of an interval counts for it.
        for size in sizes[:-1]:
            window.note_work(size)
        clock.now += seconds
        window.note_work(sizes[-1])

    end_interval([0] * 10, 1.0)
    assert capacity_of(window, clock) == 128
    end_interval(sizes, seconds)
    assert capacity_of(window, clock) == capacity


@table(
    "work, capacity",
    {
        "less than four tenths is a collapse": (39, 64),
        "four tenths is none": (40, 128),
    },
)
def test_collapse_that_halves_the_capacity(work, capacity):
    clock = Clock()
    window = AdaptiveWindow(256, clock)
    for ended in (50, 100, 100, work):
        for _ in range(ended - 1):
            window.note_work(0)
        clock.now += 1
        window.note_work(0)
    assert capacity_of(window, clock) == capacity


@table(
    "most, intervals, capacity",
    {
        "less than a second is none": (256, [(0.75, 10)], 256),
        "short intervals of a second are one": (256, [(0.5, 5), (0.5, 5)], 128),
        "it is none if the throughput recovers within a second": (
            256, [(0.5, 5), (0.25, 50), (0.5, 5), (0.25, 2)], 256,
        ),
        "each halves once": (256, [(1, 20), (0.5, 1), (0.25, 1)], 128),
        "a second one halves again": (256, [(1, 20), (0.5, 1), (0.25, 1), (0.25, 1)], 64),
        "it begins after a capacity that was tried in vain": (512, [(0.5, 21), (0.75, 8)], 256),
    },
)  # fmt: skip
def test_time_of_a_collapse(most, intervals, capacity):
    clock = Clock()
    window = AdaptiveWindow(most, clock)
    for seconds, ended in [(1, 50), (1, 100), (1, 150), *intervals]:
        for _ in range(ended - 1):
            window.note_work(0)
        clock.now += seconds
        window.note_work(0)
    assert capacity_of(window, clock) == capacity


@table(
    "seconds, capacity",
    {
        "an interval is a fifth of a second": (0.2, 128),
        "less is not measured": (0.19, 64),
    },
)
def test_interval_of_a_measurement(seconds, capacity):
    clock = Clock()
    window = AdaptiveWindow(256, clock)
    clock.now = seconds
    window.note_work(0)
    assert capacity_of(window, clock) == capacity


def test_capacity_is_not_raised_again_right_after_a_collapse():
    assert capacities([100, 200, 300, 100, 120, 130, 140]) == [128, 256, 256, 128, 128, 128, 128]


def test_first_interval_starts_with_the_window():
    clock = Clock()
    clock.now = 1000.0
    window = AdaptiveWindow(256, clock)
    window.note_work(0)
    assert capacity_of(window, clock) == 64


class SilentQueue(SimpleQueue):
    """A queue in which nothing appears for some looks, each of which takes all of its timeout."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.empty_looks, self.timeouts = 0.0, 0, []

    def get(self, block=True, timeout=None):
        self.timeouts.append(timeout)
        self.now += timeout
        if self.empty_looks:
            self.empty_looks -= 1
            raise Empty
        return super().get(block=False)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> SilentQueue:
    """The queue of the next window."""
    made = SilentQueue()
    monkeypatch.setattr(window_module, "SimpleQueue", lambda: made)
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made


def test_silence_is_said_each_time_that_it_lasts(queue, caplog):
    window, work = Window(2), Work()
    work.add(window, "a", ends=True)
    queue.empty_looks = 2
    window.drain()
    assert work.finished == ["a"]
    assert queue.timeouts == [SILENCE_SECONDS] * 3
    assert caplog.text.count(f"Nothing has ended for {SILENCE_SECONDS:.0f} seconds") == 2


@table(
    "seconds, timeouts, warnings",
    {
        "a limit below that of silence": (SILENCE_SECONDS - 1, [SILENCE_SECONDS - 1], 0),
        "a limit that is that of silence": (SILENCE_SECONDS, [SILENCE_SECONDS], 0),
        "a limit above that of silence": (SILENCE_SECONDS + 1, [SILENCE_SECONDS, 1], 1),
    },
)
def test_limit_ends_the_wait_without_a_word(queue, caplog, seconds, timeouts, warnings):
    window, work = Window(2), Work()
    work.add(window, "a", ends=True)
    queue.empty_looks = 2
    window.drain(seconds)
    assert work.finished == []
    assert queue.timeouts == timeouts
    assert caplog.text.count("Nothing has ended") == warnings


def test_errors_of_what_settles_are_logged_with_their_traceback(caplog):
    # Commands that ran in this process before have set that of the package.
    caplog.set_level("DEBUG", logger=Window.__module__)
    window = Window(1)
    future: Future[str] = Future()
    window.add(lambda: future, failing)
    future.set_result("")
    window.settle()
    [record] = caplog.records
    assert record.levelname == "DEBUG"
    assert "OSError: failed" in caplog.text
