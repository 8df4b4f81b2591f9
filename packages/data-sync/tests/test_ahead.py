"""Work that is started ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.ahead import BegunIterator, start_ahead


def test_work_is_started_ahead_and_finished_in_order():
    started: list[int] = []
    found = start_ahead(range(4), lambda item: started.append(item) or -item, 2)

    assert next(found) == (0, 0)
    assert started == [0, 1]
    assert list(found) == [(1, -1), (2, -2), (3, -3)]


def counted(read: threading.Event, *, most: int, items: int = 5) -> Iterator[int]:
    for item in range(items):
        if item == most - 1:
            read.set()
        yield item


def test_first_items_are_read_before_they_are_taken():
    read = threading.Event()
    begun = BegunIterator(counted(read, most=3), 3)

    assert read.wait(10)
    assert list(begun.take()) == [0, 1, 2, 3, 4]


def test_no_more_items_are_read_ahead_than_allowed():
    read = threading.Event()
    items = counted(read, most=2)
    BegunIterator(items, 2)._thread.join(10)

    assert next(items) == 2


def test_thread_ends_with_the_item_that_it_awaits_once_the_items_are_taken():
    asked, released = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def items() -> Iterator[int]:
        for item in range(3):
            threads.append(threading.current_thread())
            if not item:
                asked.set()
                released.wait(10)
            yield item

    begun = BegunIterator(items(), 3)
    assert asked.wait(10)
    taken = begun.take()
    threading.Timer(0.01, released.set).start()

    assert list(taken) == [0, 1, 2]
    assert [thread is threading.current_thread() for thread in threads] == [False, True, True]


def test_error_comes_after_the_items_before_it():
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    taken = BegunIterator(items(), 5).take()

    assert next(taken) == 1
    with pytest.raises(ValueError, match="no more"):
        next(taken)
