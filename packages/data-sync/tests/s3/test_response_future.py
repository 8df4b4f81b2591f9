"""The future of a response, which one thread sets and another one awaits."""

from __future__ import annotations

import threading
from concurrent.futures import InvalidStateError

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Response, ResponseFuture
from tables import table

RESPONSE = Response({"etag": "e"}, b"body")
ERROR = OSError("lost")


def settle(future: ResponseFuture, outcome: Response | Exception) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


@pytest.fixture(params=[RESPONSE, ERROR], ids=["response", "error"])
def outcome(request):
    return request.param


def test_response_is_returned():
    future = ResponseFuture()
    assert not future.done()
    future.set_result(RESPONSE)
    assert future.done()
    assert future.exception() is None
    assert future.result() is RESPONSE


def test_error_is_raised():
    future = ResponseFuture()
    future.set_exception(ERROR)
    assert future.done()
    assert future.exception() is ERROR
    with pytest.raises(OSError, match="lost"):
        future.result()


def test_result_waits_for_another_thread(outcome):
    future, found = ResponseFuture(), []
    waiting = threading.Thread(target=lambda: found.append(future.exception()))
    waiting.start()
    settle(future, outcome)
    waiting.join()
    assert found == [outcome if isinstance(outcome, Exception) else None]


def test_callbacks_are_called_once_each_in_their_order(outcome):
    future, called = ResponseFuture(), []
    for name in "ab":
        future.add_done_callback(lambda ended, name=name: called.append((name, ended)))
    assert not called
    settle(future, outcome)
    future.add_done_callback(lambda ended: called.append(("c", ended)))
    assert called == [("a", future), ("b", future), ("c", future)]


def test_error_of_a_callback_is_logged_and_others_are_called(outcome, caplog):
    def fail(_: ResponseFuture) -> None:
        raise ValueError("broken callback")

    future, called = ResponseFuture(), []
    future.add_done_callback(fail)
    future.add_done_callback(called.append)
    settle(future, outcome)
    assert called == [future]
    assert "broken callback" in caplog.text


@table(
    "first, second",
    {
        "a second response": (RESPONSE, RESPONSE),
        "an error after a response": (RESPONSE, ERROR),
        "a response after an error": (ERROR, RESPONSE),
    },
)
def test_only_one_outcome_is_accepted(first, second):
    future = ResponseFuture()
    settle(future, first)
    with pytest.raises(InvalidStateError):
        settle(future, second)
    assert future.exception() is (first if isinstance(first, Exception) else None)


def test_callbacks_are_called_once_each_while_two_threads_race():
    called = []
    for _ in range(200):
        future, start = ResponseFuture(), threading.Barrier(2)

        def set_result(future=future, start=start) -> None:
            start.wait()
            future.set_result(RESPONSE)

        setting = threading.Thread(target=set_result)
        setting.start()
        start.wait()
        for _ in range(5):
            future.add_done_callback(called.append)
        setting.join()
    assert len(called) == 200 * 5
