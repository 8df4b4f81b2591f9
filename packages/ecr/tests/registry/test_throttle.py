"""Requests to registries that limit their rate."""

from __future__ import annotations

import threading

import pytest
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionRegistryClient,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.protocol import RegistryError
from aibs_informatics_aws_lambda.handlers.ecr.registry.throttle import Throttle, backoff
from aibs_informatics_aws_lambda.handlers.ecr.replication import Replication, make_plan
from registry import digest_of
from tables import table


def test_requests_are_not_delayed_before_a_rejection(clock):
    paced = Throttle()

    assert [paced.wait() for _ in range(3)] == [100.0] * 3
    paced.speed_up()
    assert (paced.rate, clock.sleeps) == (None, [])


def test_requests_wait_after_a_rejection_and_continue_one_after_the_other(clock):
    paced = Throttle()
    paced.slow_down(paced.wait(), 5)

    assert [paced.wait() for _ in range(3)] == [105.0, 105 + 1 / 16, 105 + 2 / 16]


def test_requests_wait_longer_if_one_is_rejected_meanwhile(clock):
    paced = Throttle()
    paced.slow_down(paced.wait(), 5)
    clock.on_sleep = lambda: clock.now < 106 and paced.slow_down(clock.now, 7)

    assert paced.wait() == 112.0


def test_each_rejection_halves_the_rate_but_not_for_requests_sent_before(clock):
    paced = Throttle()
    first = paced.wait()

    assert [paced.slow_down(first, 1), paced.slow_down(first - 1, 1)] == [True, False]
    assert paced.rate == 16
    for _ in range(20):
        paced.slow_down(paced.wait(), 1)
    assert paced.rate == 0.5


def test_accepted_requests_raise_the_rate_until_there_is_no_limit(clock):
    paced = Throttle()
    paced.slow_down(paced.wait(), 1)

    for _ in range(4):
        paced.speed_up()
    assert paced.rate == 17
    for _ in range(1000):
        paced.speed_up()
    assert paced.rate is None


@table("rejections, longest", {"first": (1, 0.5), "third": (3, 2.0), "tenth": (10, 20.0)})
def test_wait_without_a_stated_time_is_exponential_with_jitter(rejections, longest):
    waits = [backoff(rejections) for _ in range(50)]

    assert all(longest / 2 <= seconds <= longest for seconds in waits)
    assert len(set(waits)) > 1


class Bucket:
    """A rate limit of a registry: a number of requests per second, and a burst."""

    def __init__(self, clock, fault, headers=()) -> None:
        self.clock, self.fault, self.headers = clock, fault, headers
        self.tokens, self.at, self.rejected = 10.0, clock.now, 0
        self._lock = threading.Lock()

    def __call__(self, path, headers, form):
        with self._lock:
            self.tokens = min(10.0, self.tokens + 8 * (self.clock.now - self.at))
            self.at = self.clock.now
            if self.tokens >= 1:
                self.tokens -= 1
                return None
            self.rejected += 1
            return self.fault("", "", status=429, headers=self.headers)


@table(
    "side, headers",
    {
        "source": ("source", ()),
        "destination with Retry-After": ("target", (("Retry-After", "1"),)),
        "destination with an invalid Retry-After": ("target", (("Retry-After", "soon"),)),
    },
)
def test_copy_with_a_throttling_registry_ends_slow_and_not_failed(
    source, target, name, proxy_of, fault, clock, side, headers
):
    layers = [bytes([number]) * 100 for number in range(20)]
    digest = source.push_image(name, *layers, tag="v1")
    proxies = {"source": proxy_of(source), "target": proxy_of(target)}
    limit = proxies[side].guard = Bucket(clock, fault, headers)
    there, here = (DistributionRegistryClient(one.url, name) for one in proxies.values())

    Replication(there, here).run(make_plan(there, there.get_manifest("v1")), ["v1"])

    assert limit.rejected
    assert target.tags(name) == {"v1": digest}
    assert all(target.blob(name, digest_of(layer)) == layer for layer in layers)


def test_registry_that_rejects_every_request_is_an_error(source, name, proxy_of, fault, clock):
    there = proxy_of(source, fault("GET", "", status=429, times=99))

    with pytest.raises(RegistryError, match=r"429\. The rate limit of the registry is exceeded"):
        DistributionRegistryClient(there.url, name).get_manifest("v1")

    assert len(there.requests) == 8
