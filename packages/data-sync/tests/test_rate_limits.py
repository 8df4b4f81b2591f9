"""Token buckets, with a clock that only waits move."""

from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.cli.pool import shared_states
from aibs_informatics_aws_lambda.handlers.data_sync.progress import OutOfTimeError
from aibs_informatics_aws_lambda.handlers.data_sync.rate_limits import (
    RateLimiter,
    RateLimits,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.now += seconds
        return False


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_amount_takes_its_time_but_for_the_burst(clock):
    limits = RateLimits(bandwidth=5_000_000, clock=clock, sleep=clock.sleep)

    for _ in range(100):
        limits.take(1_000_000)

    assert clock.now - 1000 == pytest.approx(20, abs=0.3)


def test_requests_start_with_a_burst_of_a_second(clock):
    limits = RateLimits(requests_per_second=10, clock=clock, sleep=clock.sleep)

    waits = [limits.reserve(0, 1) for _ in range(12)]

    assert waits == pytest.approx([0] * 10 + [0.1, 0.2])


def test_an_idle_time_saves_up_no_more_than_the_burst(clock):
    limiter = RateLimiter(10, 1.0, clock=clock)
    limiter.reserve(10)
    clock.now += 3600

    assert [limiter.reserve(10), limiter.reserve(10)] == pytest.approx([0, 1])


def test_an_amount_above_the_burst_is_waited_for(clock):
    assert RateLimiter(10, 1.0, clock=clock).reserve(30) == pytest.approx(2)


@pytest.mark.parametrize(
    ("limits", "size", "requests", "seconds"),
    [
        ({}, 10**12, 10**6, 0),
        ({"bandwidth": 100}, 100, 10**6, 0.75),
        ({"requests_per_second": 10}, 10**12, 20, 1),
        ({"bandwidth": 100, "requests_per_second": 10}, 100, 20, 1),
        ({"bandwidth": 100, "requests_per_second": 10}, 0, 1, 0),
    ],
)
def test_what_is_not_limited_is_not_waited_for(clock, limits, size, requests, seconds):
    assert RateLimits(**limits, clock=clock).reserve(size, requests) == pytest.approx(seconds)


def test_processes_share_a_limit(clock):
    shared = shared_states()
    one, other = (RateLimits(bandwidth=100, shared=shared, clock=clock) for _ in range(2))

    assert [one.reserve(100, 0), other.reserve(100, 0)] == pytest.approx([0.75, 1.75])


def test_lock_of_a_process_that_was_killed_does_not_stop_the_others(clock, monkeypatch):
    monkeypatch.setattr(
        "aibs_informatics_aws_lambda.handlers.data_sync.rate_limits._LOCK_SECONDS", 0.01
    )
    shared = shared_states()
    shared.size.lock.acquire()

    assert RateLimits(bandwidth=100, shared=shared, clock=clock).reserve(100, 0) > 0


def test_wait_ends_when_it_is_interrupted():
    limits = RateLimits(bandwidth=1)
    limits.interrupt()

    with pytest.raises(OutOfTimeError):
        limits.take(10**9)

    limits.resume()
    assert RateLimits(bandwidth=10**9).take(1) is None


def test_wait_ends_with_the_error_of_a_check(clock):
    def check() -> None:
        if clock.now > 1005:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        RateLimits(bandwidth=1, clock=clock, sleep=clock.sleep).take(10**9, check=check)

    assert clock.now < 1010
