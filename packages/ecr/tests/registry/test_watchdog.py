"""Registries that throttle, or do not respond for a while."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from aibs_informatics_aws_lambda.handlers.ecr.registry import retries, watchdog
from aibs_informatics_aws_lambda.handlers.ecr.registry.retries import make_retries
from aibs_informatics_aws_lambda.handlers.ecr.registry.watchdog import Watchdog
from tables import table

SAID = "waiting to pull it"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_WARN_SECONDS", 0.02)


def wait_until_said(caplog, text: str) -> bool:
    for _ in range(500):
        if text in caplog.text:
            return True
        time.sleep(0.01)
    return False


def test_silence_is_said_again_and_again(short, caplog):
    with Watchdog("pull it"):
        assert wait_until_said(caplog, SAID)
        caplog.clear()
        assert wait_until_said(caplog, SAID)


def test_silence_in_the_midst_of_a_body_is_said(short, caplog):
    def body():
        yield b"first"
        assert wait_until_said(caplog, SAID)
        yield b"second"

    with Watchdog("pull it") as watched:
        assert list(watched.received(body())) == [b"first", b"second"]


def test_registry_that_takes_nothing_is_said(short, caplog):
    with Watchdog("pull it") as watched:
        sent = watched.sent(iter([b"first", b"second"]))
        assert next(sent) == b"first"
        assert wait_until_said(caplog, SAID)
        assert next(sent) == b"second"


@table(
    "direction, first",
    {"of the reader": ("received", True), "of what is sent": ("sent", False)},
)
def test_time_of_the_other_side_is_no_silence(short, caplog, direction, first):
    def body():
        if not first:
            time.sleep(0.2)
        yield b"chunk"

    with Watchdog("pull it") as watched:
        for _ in getattr(watched, direction)(body()):
            caplog.clear()
            if first:
                time.sleep(0.2)
                assert SAID not in caplog.text
        if not first:
            assert SAID not in caplog.text


def test_nothing_is_said_after_the_end(short, caplog):
    with Watchdog("pull it"):
        pass
    caplog.clear()
    time.sleep(0.1)
    assert SAID not in caplog.text


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
