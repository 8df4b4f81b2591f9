"""Signals that do not interrupt what must not end halfway."""

from __future__ import annotations

import signal
from threading import Event, Thread

import pytest
from aibs_informatics_aws_lambda.common import signals
from aibs_informatics_aws_lambda.common.signals import deferred_signals, once_in_a_while


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_in_a_deferring_block_is_handled_after_it(number):
    steps = []
    handler = signal.signal(number, lambda *_: steps.append("handled"))
    try:
        with deferred_signals():
            signal.raise_signal(number)
            signal.raise_signal(number)
            steps.append("completed")
    finally:
        signal.signal(number, handler)

    assert steps == ["completed", "handled"]


def test_signal_that_another_thread_receives_is_deferred_too():
    steps = []
    in_block = Event()

    def receive():
        in_block.wait()
        signal.raise_signal(signal.SIGINT)

    handler = signal.signal(signal.SIGINT, lambda *_: steps.append("handled"))
    thread = Thread(target=receive)
    thread.start()
    try:
        with deferred_signals():
            in_block.set()
            thread.join()
            steps.append("completed")
    finally:
        signal.signal(signal.SIGINT, handler)

    assert steps == ["completed", "handled"]


def test_error_of_a_deferring_block_is_raised():
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="cause"), deferred_signals():
        raise ValueError("cause")

    assert signal.getsignal(signal.SIGINT) == handler


def test_second_signal_at_once_does_not_interrupt_what_the_first_one_began(
    monkeypatch: pytest.MonkeyPatch,
):
    now, handled = 100.0, []
    monkeypatch.setattr(signals, "monotonic", lambda: now)
    handle = once_in_a_while(lambda number, _: handled.append(number))
    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        signal.raise_signal(signal.SIGTERM)
        now += 0.9
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert handled == [signal.SIGTERM]
        now += 0.1
        signal.raise_signal(signal.SIGINT)
        assert handled == [signal.SIGTERM, signal.SIGINT]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
