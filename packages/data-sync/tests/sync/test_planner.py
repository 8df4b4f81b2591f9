"""What a plan costs, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.planner import PlanOptions, make_plan
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root, Route
from aibs_informatics_aws_lambda.handlers.data_sync.sync.spool import Spool


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Spool]:
    """The spools that were read, once for each time."""
    found: list[Spool] = []
    read = Spool.__iter__

    def counted(spool: Spool) -> Iterator[Step]:
        found.append(spool)
        return read(spool)

    monkeypatch.setattr(Spool, "__iter__", counted)
    return found


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(["a", "b/c"], 0, id="canonical keys: nothing is read again"),
        # The steps, and the extraneous files.
        pytest.param(["a", "b//c"], 2, id="a non-canonical key: everything is checked against it"),
    ],
)
def test_plan_is_read_again_only_for_non_canonical_keys(tmp_path, reads, keys, expected):
    route = Route(Root("bucket", "source/"), Root(None, f"{tmp_path}/"))
    entries = [Entry(key, 1, 0.0, "etag") for key in keys]
    plan = make_plan(route, entries, PlanOptions(), None)
    assert len(plan.steps) == 2
    assert len(reads) == expected
