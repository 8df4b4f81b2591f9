"""docs/stores.md has the figures of the last run of the suite of stores."""

from __future__ import annotations

import store_results


def test_tables_are_those_of_the_results():
    page = store_results.PAGE.read_text()
    assert store_results.with_tables(page, store_results.load()) == page


def test_appends_and_killed_syncs_show_no_mixture():
    results = store_results.load()
    for table in ("appends", "kills"):
        for name, row in results[table].items():
            assert len(row) == 5, name
            seen = {
                what
                for direction, figures in row.items()
                if direction != "library"
                for what in figures
            }
            assert seen <= {"old", "new", "between"}, name


def test_prepared_batches_leave_exactly_the_source():
    rows = store_results.load()["batches"].values()
    assert [row for row in rows if any(row[it]["differ"] for it in row.keys() - {"library"})] == []


def test_a_new_run_replaces_figures_of_its_directions():
    before = {"appends": {"x": {"library": "a 1", "up": {"old": 1}, "down": {"old": 2}}}}
    new = {"appends": {"x": {"library": "a 1", "up": {"new": 3}}}}
    merged = store_results.merge(before, new)["appends"]["x"]
    assert merged == {"library": "a 1", "up": {"new": 3}, "down": {"old": 2}}
    other = {"appends": {"x": {"library": "a 2", "up": {"new": 3}}}}
    assert store_results.merge(before, other)["appends"]["x"] == other["appends"]["x"]
