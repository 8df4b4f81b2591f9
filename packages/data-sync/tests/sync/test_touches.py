from __future__ import annotations

import threading
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local.threads import threads
from aibs_informatics_aws_lambda.handlers.data_sync.sync import latency, touches as module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.touches import Touches
from aibs_informatics_aws_lambda.handlers.data_sync.sync.window import Window


@pytest.fixture
def window() -> Window:
    return Window(100)


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file system count as slow, from the first file on."""
    monkeypatch.setattr(latency, "_SLOW_SECONDS", 0.0)


def same(file: int) -> int:
    """Find a file: it is touched as it is."""
    return file


def ignore(*_: Any) -> None:
    """Ignore the end of a touch."""


def test_files_are_touched_in_other_threads_and_ended_in_this_one(window: Window):
    touching, ending, ended = set(), set(), []

    def touch(_: int) -> None:
        touching.add(threading.current_thread())

    def end(number: int, error: Exception | None) -> None:
        ending.add(threading.current_thread())
        ended.append((number, error))

    touches = Touches(window, same, touch, end, in_s3=False)
    for number in range(100):
        assert not touches.add(number)
    touches.start()
    window.drain()
    touches.close()

    assert sorted(ended) == [(number, None) for number in range(100)]
    assert touching
    assert ending == {threading.current_thread()}
    assert not touching & ending


@pytest.mark.parametrize("seconds", [0.0002, 0.02])
def test_files_are_touched_in_this_thread_unless_that_takes_long(
    window: Window, monkeypatch: pytest.MonkeyPatch, seconds: float
):
    monkeypatch.setattr(latency, "_SLOW_SECONDS", 0.001)
    clock = iter(number * seconds for number in range(1000))
    monkeypatch.setattr(module, "perf_counter", lambda: next(clock))
    touched: list[int] = []
    touches = Touches(window, same, touched.append, ignore, in_s3=False)

    is_touched = [touches.add(number) for number in range(4)]

    assert is_touched == ([True] * 4 if seconds < 0.001 else [True] + [False] * 3)
    assert touched == [number for number, done in enumerate(is_touched) if done]
    touches.close()


def test_files_are_touched_together_and_objects_one_by_one(window: Window):
    touched: list[int] = []
    files = Touches(window, same, touched.append, ignore, in_s3=False)
    objects = Touches(window, same, touched.append, ignore, in_s3=True)
    files.add(1)
    objects.add(2)
    window.drain()
    assert touched == [2]

    files.start()
    window.drain()
    assert touched == [2, 1]
    files.close()
    objects.close()


def test_error_of_a_touch_is_that_of_its_file_alone(window: Window):
    errors: dict[int, Exception | None] = {}

    def touch(number: int) -> None:
        if number == 1:
            raise PermissionError("not yours")

    touches = Touches(window, same, touch, errors.__setitem__, in_s3=False)
    for number in range(3):
        touches.add(number)
    touches.start()
    window.drain()
    touches.close()

    assert [type(errors[number]) for number in range(3)] == [
        type(None),
        PermissionError,
        type(None),
    ]


def test_file_that_is_not_found_is_not_touched(window: Window):
    touched: list[str] = []
    errors: dict[int, Exception | None] = {}
    paths = {0: "a", 2: "c"}
    touches = Touches(window, paths.__getitem__, touched.append, errors.__setitem__, in_s3=False)
    for number in range(3):
        touches.add(number)
    touches.start()
    window.drain()
    touches.close()

    assert touched == ["a", "c"]
    assert [type(errors[number]) for number in range(3)] == [type(None), KeyError, type(None)]


def test_error_of_a_touch_in_this_thread_is_raised(
    window: Window, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(latency, "_SLOW_SECONDS", 1000.0)

    def fail(_: int) -> None:
        raise PermissionError("not yours")

    touches = Touches(window, same, fail, ignore, in_s3=False)
    with pytest.raises(PermissionError):
        touches.add(1)
    touches.close()


def test_threads_are_those_of_other_operations_on_slow_file_systems(window: Window):
    used = set()

    def note(_: int) -> None:
        used.add(threading.current_thread())

    touches = Touches(window, same, note, ignore, in_s3=False)
    with threads.use() as pool:
        pool.submit(int).result()
        [thread] = (one for one in threading.enumerate() if one.name.startswith("file-system"))
        touches.add(1)
        touches.start()
        window.drain()
        touches.close()
        assert pool.submit(int).result() == 0
    assert used == {thread}
    assert not thread.is_alive()


def test_what_has_not_begun_is_not_touched_once_closed(window: Window):
    touched: list[int] = []
    touches = Touches(window, same, touched.append, ignore, in_s3=False)
    touches.add(1)
    touches.close()
    touches.start()

    assert window.is_empty()
    assert not touched
