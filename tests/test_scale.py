"""docs/scale.md has the tables of its simulation, and the model agrees with the simulation."""

from __future__ import annotations

import pytest
import simulate_scale
from simulate_scale import (
    BATCH_JOB,
    FUNCTIONS,
    GIB,
    LARGE,
    MEDIUM,
    SIZES,
    SMALL,
    Scenario,
    first_limit,
    format_bytes,
    format_files,
    function,
    simulate,
    with_tables,
)
from tables import table


def test_tables_are_those_of_the_simulation():
    page = simulate_scale.PAGE.read_text()
    assert with_tables(page) == page


def test_page_without_a_place_for_a_table_is_an_error():
    with pytest.raises(ValueError, match="one worker"):
        with_tables("no table")


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("worker", [*FUNCTIONS, BATCH_JOB], ids=lambda worker: worker.name)
def test_simulation_of_one_worker_reaches_the_limit_of_the_model(worker, direction):
    for size in SIZES:
        scenario = Scenario(worker, 1, size, direction)
        found = simulate(scenario)
        assert found.requests / found.seconds == pytest.approx(
            first_limit(scenario).requests, rel=0.15
        )
        assert found.failed == 0


def test_many_workers_at_one_prefix_are_refused_and_stay_within_its_limit():
    found = simulate(Scenario(function(2048), 1000, SMALL, "up"))
    assert found.requests / found.seconds == pytest.approx(3500, rel=0.05)
    assert found.refused > found.requests
    apart = simulate(Scenario(function(2048), 1000, SMALL, "up", prefixes=100))
    assert apart.refused == apart.failed == 0


def test_few_workers_at_one_prefix_are_not_refused():
    assert simulate(Scenario(function(2048), 1, SMALL, "up")).refused == 0


@table(
    "scenario, limit",
    {
        "a small function has little CPU": (Scenario(function(512), 1, SMALL, "up"), "CPU"),
        "a large one has one process": (Scenario(function(10_240), 1, SMALL, "up"), "one process"),
        "large files": (Scenario(function(2048), 1, LARGE, "up"), "network"),
        "three functions at one prefix": (
            Scenario(function(4096), 3, SMALL, "up"),
            "requests to S3",
        ),
        "many functions write": (
            Scenario(function(2048), 1000, MEDIUM, "down"),
            "throughput of EFS",
        ),
    },
)
def test_limit_that_is_reached_first(scenario, limit):
    assert first_limit(scenario).name == limit


@table(
    "size, direction, requests",
    {
        "one request": (SMALL, "up", 1),
        "one part": (MEDIUM, "down", 1),
        "parts, the start and the end of an upload": (LARGE, "up", 130),
        "parts, and the checksum of the whole": (LARGE, "down", 129),
    },
)
def test_requests_for_a_file(size, direction, requests):
    assert size.requests(direction) == requests


def test_a_run_repeats_another():
    scenario = Scenario(function(1024), 10, SMALL, "down")
    assert simulate.__wrapped__(scenario) == simulate.__wrapped__(scenario)


def test_numbers_have_two_digits():
    assert [format_files(n) for n in (1234, 4.56e6, 12.3e6)] == [
        "1,200",
        "4.6 million",
        "12 million",
    ]
    assert [format_bytes(n * GIB) for n in (1.234, 345, 2048)] == ["1.2 GiB", "340 GiB", "2 TiB"]
