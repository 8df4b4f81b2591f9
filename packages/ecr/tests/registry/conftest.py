"""A clock for the waits between requests to registries."""

from __future__ import annotations

import threading

import pytest
from aibs_informatics_aws_lambda.handlers.ecr.registry import throttle


class Clock:
    """A clock that only sleeping advances; the times slept are recorded."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []
        self.on_sleep = lambda: None
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)
            self.now += seconds
        self.on_sleep()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the waits for registries that limit the rate of requests."""
    made = Clock()
    monkeypatch.setattr(throttle, "monotonic", made)
    monkeypatch.setattr(throttle, "sleep", made.sleep)
    return made
