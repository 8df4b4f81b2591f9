"""Registries that throttle, or do not respond for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from aibs_informatics_aws_lambda.handlers.ecr.registry import retries, watchdog
from aibs_informatics_aws_lambda.handlers.ecr.registry.retries import make_retries
from aibs_informatics_aws_lambda.handlers.ecr.registry.watchdog import Watchdog
from tables import table

SAID = "waiting to pull it"


class Clock:
    """A clock that stands still until a test lets time pass.

    Attributes:
        looks: how often it was looked at.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now

    def pass_time(self) -> None:
        """Let a minute pass, and wait until the watchdog has looked at the clock."""
        self.now += 60
        looks = self.looks + 2
        wait_until(lambda: self.looks >= looks)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(watchdog, "monotonic", made)
    monkeypatch.setattr(watchdog, "_monitor", watchdog._Monitor())
    # So often it looks at the clock.
    monkeypatch.setattr(watchdog, "_WARN_SECONDS", 0.02)
    return made


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_silence_is_said_again_and_again(clock, caplog):
    with Watchdog("pull it"):
        for seconds in (60, 120):
            clock.now = seconds
            wait_until(lambda: f"for {clock.now} seconds: waiting to pull it" in caplog.text)


def test_silence_in_the_midst_of_a_body_is_said(clock, caplog):
    def body():
        yield b"first"
        clock.now += 60
        wait_until(lambda: SAID in caplog.text)
        yield b"second"

    with Watchdog("pull it") as watched:
        assert list(watched.received(body())) == [b"first", b"second"]


def test_registry_that_takes_nothing_is_said(clock, caplog):
    with Watchdog("pull it") as watched:
        sent = watched.sent(iter([b"first", b"second"]))
        assert next(sent) == b"first"
        clock.now += 60
        wait_until(lambda: SAID in caplog.text)
        assert next(sent) == b"second"


@table(
    "direction, first",
    {"of the reader": ("received", True), "of what is sent": ("sent", False)},
)
def test_time_of_the_other_side_is_no_silence(clock, caplog, direction, first):
    def body():
        if not first:
            clock.pass_time()
        yield b"chunk"

    with Watchdog("pull it") as watched:
        for _ in getattr(watched, direction)(body()):
            if first:
                clock.pass_time()
    assert SAID not in caplog.text


def test_nothing_is_said_after_the_end(clock, caplog):
    with Watchdog("pull it"):
        pass
    clock.now += 60
    wait_until(lambda: not watchdog._monitor.is_running)
    assert SAID not in caplog.text


def test_one_thread_checks_all_requests(clock, caplog):
    before = set(threading.enumerate())
    with Watchdog("pull it"), Watchdog("push it"):
        assert len(set(threading.enumerate()) - before) == 1
        clock.now = 60
        wait_until(lambda: "waiting to push it" in caplog.text and SAID in caplog.text)


def test_waits_have_full_jitter_and_a_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retries.random, "uniform", lambda least, most: (least, most))
    failure, redirect = (
        SimpleNamespace(redirect_location=None),
        SimpleNamespace(redirect_location="/elsewhere"),
    )
    waits = [
        make_retries().new(history=history).get_backoff_time()
        for history in ((failure,), (redirect, failure), (failure,) * 3, (failure,) * 9)
    ]
    assert waits == [(0.0, 0.4), (0.0, 0.4), (0.0, 1.6), (0.0, 20.0)]
