"""Imports are not interrupted by a look for garbage, and all is as before after them."""

from __future__ import annotations

import gc

import pytest
from aibs_informatics_aws_lambda.common.collector import (
    collect_rarely,
    paused_collector,
    paused_collector_in_lambda,
)


@pytest.fixture(autouse=True)
def collector():
    """Begin with a collector that is on, and leave one behind."""
    thresholds = gc.get_threshold()
    gc.unfreeze()
    gc.enable()
    yield
    gc.unfreeze()
    gc.enable()
    gc.set_threshold(*thresholds)


def test_nothing_is_collected_inside_and_all_there_is_stays():
    with paused_collector():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_an_import_that_fails_leaves_the_collector_on():
    with pytest.raises(ImportError), paused_collector():
        raise ImportError
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off():
    gc.disable()
    with paused_collector():
        pass
    assert not gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_a_pause_within_a_pause_does_not_end_it():
    with paused_collector():
        with paused_collector():
            pass
        assert not gc.isenabled()


def test_only_a_lambda_function_is_started_without_the_collector(monkeypatch):
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    with paused_collector_in_lambda():
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    with paused_collector_in_lambda():
        assert not gc.isenabled()


def test_collector_that_runs_rarely_stays_on():
    before = gc.get_threshold()
    collect_rarely()
    assert gc.isenabled()
    assert gc.get_threshold()[0] > before[0]
