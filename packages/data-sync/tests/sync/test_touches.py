from __future__ import annotations

import threading

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local.threads import threads
from aibs_informatics_aws_lambda.handlers.data_sync.sync.touches import Touches
from aibs_informatics_aws_lambda.handlers.data_sync.sync.window import Window


@pytest.fixture
def window() -> Window:
    return Window(100)


def test_files_are_touched_in_other_threads_and_ended_in_order_in_this_one(window: Window):
    touches, ended, threads = Touches(window, in_s3=False), [], set()

    def touch() -> None:
        threads.add(threading.current_thread())

    for number in range(100):
        touches.add(touch, lambda error, number=number: ended.append((number, error)))
    touches.start()
    window.drain()
    touches.close()

    assert sorted(ended) == [(number, None) for number in range(100)]
    assert threads
    assert threading.current_thread() not in threads


def test_files_are_touched_together_and_objects_one_by_one(window: Window):
    touched: list[int] = []
    files, objects = Touches(window, in_s3=False), Touches(window, in_s3=True)
    files.add(lambda: touched.append(1), lambda _: None)
    objects.add(lambda: touched.append(2), lambda _: None)
    window.drain()
    assert touched == [2]

    files.start()
    window.drain()
    assert touched == [2, 1]
    files.close()
    objects.close()


def test_error_of_a_touch_is_that_of_its_file_alone(window: Window):
    touches, errors = Touches(window, in_s3=False), []

    def fail() -> None:
        raise PermissionError("not yours")

    for touch in (int, fail, int):
        touches.add(touch, errors.append)
    touches.start()
    window.drain()
    touches.close()

    assert [type(error) for error in errors] == [type(None), PermissionError, type(None)]


def test_threads_are_those_of_other_operations_on_slow_file_systems(window: Window):
    touches, used = Touches(window, in_s3=False), set()
    with threads.use() as pool:
        pool.submit(int).result()
        [thread] = (one for one in threading.enumerate() if one.name.startswith("file-system"))
        touches.add(lambda: used.add(threading.current_thread()), lambda _: None)
        touches.start()
        window.drain()
        touches.close()
        assert pool.submit(int).result() == 0
    assert used == {thread}
    assert not thread.is_alive()


def test_what_has_not_begun_is_not_touched_once_closed(window: Window):
    touches, touched = Touches(window, in_s3=False), []
    touches.add(lambda: touched.append(1), lambda _: None)
    touches.close()
    touches.start()

    assert window.is_empty()
    assert not touched
