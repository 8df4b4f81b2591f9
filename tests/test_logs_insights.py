"""Queries are run as CloudWatch Logs Insights runs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from logs_insights import LogEvent, QuerySyntaxError, run_query

START = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
LINES = (
    (0, {"level": "INFO", "size": 9, "done": True, "user": {"id": "a"}}),
    (50, {"level": "INFO", "size": 10, "done": False, "user": {"id": "b"}}),
    (70, {"level": "ERROR", "message": "no such file", "size": None, "tags": ["x", "y"]}),
    (80, "REPORT RequestId: 1-2 Duration: 31.5 ms"),
)
EVENTS = [
    LogEvent(START + timedelta(minutes=minutes), it if isinstance(it, str) else json.dumps(it))
    for minutes, it in LINES
]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        pytest.param("filter size > 9 | fields size", [{"size": "10"}], id="numbers"),
        pytest.param("filter size > 1 or size < 1 | fields size", [{"size": "10"}, {"size": "9"}],
                     id="null is missing"),
        pytest.param('filter not (level = "INFO") | display level', [{}, {"level": "ERROR"}],
                     id="not"),
        pytest.param("filter done = 0 | display user.id", [{"user.id": "b"}], id="booleans"),
        pytest.param('filter level in ["ERROR", "WARN"] | display tags.1', [{"tags.1": "y"}],
                     id="lists"),
        pytest.param("filter @message like /Duration: \\d+/ | fields @timestamp",
                     [{"@timestamp": "2026-01-02 04:20:00.000"}], id="patterns"),
        pytest.param('filter message like "such" | display message',
                     [{"message": "no such file"}], id="parts of a text"),
        pytest.param('parse "Duration: * ms" as ms | filter ispresent(ms) | display ms',
                     [{"ms": "31.5"}], id="globs"),
        pytest.param("parse @message /RequestId: (?<id>\\S+)/ | filter ispresent(id) | display id",
                     [{"id": "1-2"}], id="named groups"),
        pytest.param("stats count(*), sum(size) as total by bin(1h)",
                     [{"bin(1h)": "2026-01-02 03:00:00.000", "count(*)": "2", "total": "19"},
                      {"bin(1h)": "2026-01-02 04:00:00.000", "count(*)": "2", "total": "0"}],
                     id="bins"),
        pytest.param("stats latest(size) as last, earliest(size) as first, avg(size) as mean",
                     [{"last": "10", "first": "9", "mean": "9.5"}], id="aggregates"),
        pytest.param("fields size | sort size desc | limit 3",
                     [{"size": "10"}, {"size": "9"}, {}], id="missing values last"),
        pytest.param("fields size * 2 + 1 as twice | filter twice >= 21", [{"twice": "21"}],
                     id="arithmetic"),
        pytest.param("fields level | display size | filter size = 9", [{"size": "9"}],
                     id="only what is displayed"),
        pytest.param("filter level = 'ERROR' | limit 1",
                     [{"@timestamp": "2026-01-02 04:10:00.000", "@message": EVENTS[2].message}],
                     id="default fields"),
        pytest.param("select level", QuerySyntaxError, id="no such command"),
        pytest.param("stats median(size)", QuerySyntaxError, id="no such aggregate"),
        pytest.param("fields upper(level)", QuerySyntaxError, id="no such function"),
        pytest.param("filter level = ERROR ! 1", QuerySyntaxError, id="no such sign"),
        pytest.param("limit 5 6", QuerySyntaxError, id="more than a command"),
        pytest.param('parse "a * b *" as a', QuerySyntaxError, id="groups without names"),
        pytest.param("filter (level = 1", QuerySyntaxError, id="no end"),
    ],
)  # fmt: skip
def test_rows_are_those_of_the_language(query, rows):
    if rows is QuerySyntaxError:
        with pytest.raises(QuerySyntaxError):
            run_query(query, EVENTS)
    else:
        assert run_query(query, EVENTS) == rows
