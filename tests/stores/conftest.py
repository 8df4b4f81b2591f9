from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import store_results
from store_kinds import Kind


@pytest.fixture(scope="session")
def record() -> Iterator[Callable[[str, str, Kind, str, Mapping[str, Any]], None]]:
    """Record figures of this run, which are written at its end if ``STORE_RESULTS`` is set."""
    new: store_results.Results = {}

    def note(
        table: str, name: str, kind: Kind, direction: str, figures: Mapping[str, Any]
    ) -> None:
        row = new.setdefault(table, {}).setdefault(name, {})
        row["library"] = f"{kind.library} {kind.version}"
        row[direction] = dict(sorted(figures.items()))

    yield note
    if new and os.environ.get("STORE_RESULTS"):
        store_results.save(store_results.merge(store_results.load(), new))
