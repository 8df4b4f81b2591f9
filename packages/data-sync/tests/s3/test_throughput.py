from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.rate_limits import RateLimits
from aibs_informatics_aws_lambda.handlers.data_sync.s3.tcp import Traffic
from aibs_informatics_aws_lambda.handlers.data_sync.s3.throughput import (
    InFlight,
    Minimum,
    Throughputs,
    is_too_slow,
    minimum_within,
)
from tables import table

MINIMUM = Minimum(bytes_per_second=4096, seconds=60)
PART = 8 * 2**20


@table(
    "seconds, done, line, sharing, slow",
    {
        "nothing is told before the window has passed": (59, 0, 0, 1, False),
        "the line is below the minimum": (60, 1e6, 4095, 1, True),
        "the line has the minimum": (60, 4096, 4096, 1, False),
        "parts that may be on their way are as good as there": (60, PART / 60, 4096, 1, False),
        "parts that would be there by now": (8193, PART / 8193, 4096, 1, True),
        "a quarter of the minimum is a fair share": (60, 1024, 4096, 1, False),
        "a share that is not fair": (60, 1023, 4096, 1, True),
        "a fast line does not excuse a peer that trickles": (60, 10, 1e8, 1, True),
        "many requests on a slow line": (60, 16, 4096, 64, False),
        "one of many that has less than the others": (60, 15, 4096, 64, True),
        "a request that waits for others": (3600, 0, 4096, 0, False),
        "requests that wait for others, of which none proceeds": (3600, 0, 10, 0, True),
        "nothing is known of the line": (60, 1e6, None, 1, False),
        "nothing is known of the line, and the request has too little": (60, 100, None, 1, True),
    },
)
def test_which_request_is_too_slow(seconds, done, line, sharing, slow):
    assert is_too_slow(MINIMUM, seconds, done, line, sharing) is slow


@table(
    "bandwidth, requests, minimum",
    {
        "no limit": (None, None, Minimum(4096, 60)),
        "a bandwidth far above the minimum": (10**6, None, Minimum(4096, 60)),
        "a bandwidth of the minimum has pauses": (4096, None, Minimum(1024, 60)),
        "a bandwidth at which blocks are minutes apart": (128, None, Minimum(32, 512)),
        "a request each second": (None, 1.0, Minimum(4096, 60)),
        "a request every two minutes": (None, 1 / 120, Minimum(4096, 480)),
        "both": (128, 1 / 120, Minimum(32, 512)),
    },
)
def test_limits_of_the_command_make_no_transfer_too_slow(bandwidth, requests, minimum):
    limits = RateLimits(bandwidth, requests) if bandwidth or requests else None
    assert minimum_within(limits, 60) == pytest.approx(minimum)


class Line:
    """Requests that are looked at every 15 seconds, by a clock of its own."""

    def __init__(self, **limits: float) -> None:
        self.throughputs = Throughputs(MINIMUM._replace(**limits))
        self.now = 1000.0
        self.received = self.sent = 0.0

    def look(self, requests, received=0.0, sent=0.0, *, is_queue=False):
        slow = self.throughputs.find_slow(
            self.now, requests, Traffic(int(self.received), int(self.sent)), is_queue=is_queue
        )
        self.now += 15
        self.received += 15 * received
        self.sent += 15 * sent
        return slow


def looks_until_slow(line: Line, states, **rates) -> int | None:
    """Return the number of the look at which a request is too slow, from 0."""
    return next((n for n, state in enumerate(states) if line.look({"a": state}, **rates)), None)


def test_body_that_trickles_is_ended_after_a_minute():
    states = [InFlight(0, 4096)] * 10
    assert looks_until_slow(Line(), states, received=5.0) == 4


def test_large_body_that_trickles_is_ended_after_a_minute_too():
    states = [InFlight(0, 4 * PART)] * 10
    assert looks_until_slow(Line(), states, received=5.0) == 4


def test_upload_that_trickles_is_told_by_the_bytes_that_are_sent():
    states = [InFlight(0, 4 * PART, sends=True)] * 10
    assert looks_until_slow(Line(), states, sent=5.0, received=1e6) == 4
    assert looks_until_slow(Line(), states, sent=5e3) is None


def test_body_on_a_slow_line_is_not_ended_while_a_part_takes_half_an_hour():
    seconds_of_a_part = PART / 5000
    states = [InFlight(int(n * 15 / seconds_of_a_part) * PART, PART) for n in range(1000)]
    assert looks_until_slow(Line(), states, received=5000.0) is None


def test_hundred_bodies_on_a_slow_line_are_not_ended():
    line = Line()
    for step in range(200):
        done = step * 15 * 50
        requests = {n: InFlight(done // 4096 * 4096, 4096) for n in range(100)}
        assert line.look(requests, received=5000.0) == {}


def test_body_that_trickles_beside_fast_ones_is_ended_alone():
    line = Line()
    for step in range(4000):
        requests = {n: InFlight(step * 15 * 10**6, PART) for n in range(3)}
        slow = line.look({**requests, "slow": InFlight(0, 4096)}, received=3e6)
        if slow:
            break
    assert list(slow) == ["slow"]
    assert slow["slow"] < 4096 / (4 * 4)


def test_body_that_trickled_beside_fast_ones_is_ended_a_minute_after_them():
    line = Line()
    trickling = InFlight(0, 4 * PART)
    for step in range(40):
        assert line.look({"b": InFlight(step * 15 * 10**6, PART), "a": trickling}, 1e6) == {}
    states = [trickling] * 10
    assert looks_until_slow(line, states, received=5.0) == 4


def test_body_that_becomes_slow_is_ended_a_minute_later():
    line = Line()
    for step in range(40):
        assert line.look({"a": InFlight(step * 15 * 10**5, PART)}, received=1e5) == {}
    stuck = InFlight(40 * 15 * 10**5, PART)
    assert looks_until_slow(line, [stuck] * 10, received=1.0) == 4


def test_body_that_waits_for_its_reader_is_not_ended():
    held = InFlight(100, PART, is_held=True)
    assert looks_until_slow(Line(), [held] * 100) is None


def test_request_that_waits_for_others_is_not_ended():
    line = Line()
    for _ in range(1000):
        assert line.look({"a": InFlight(0, 100)}, received=5000.0, is_queue=True) == {}


def test_throughput_is_told_as_an_upper_bound():
    line = Line()
    for _ in range(4):
        line.look({"a": InFlight(0, 600)}, received=100.0)
    assert line.look({"a": InFlight(0, 600)}) == {"a": pytest.approx(10.0)}


def test_without_counters_of_the_system_whole_parts_are_known():
    throughputs = Throughputs(MINIMUM)
    found = [
        throughputs.find_slow(now, {"a": InFlight(0, PART)}, None) for now in (0, 60, 8192, 8193)
    ]
    assert [bool(slow) for slow in found] == [False, False, False, True]
