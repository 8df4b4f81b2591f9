"""Memory of commands that list: it does not grow with the number of entries."""

from __future__ import annotations

import datetime as dt
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync import external_sort
from aibs_informatics_aws_lambda.handlers.data_sync.cli import ls, stats
from aibs_informatics_aws_lambda.handlers.data_sync.cli.levels import LevelEntry
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry, Listing
from aibs_informatics_aws_lambda.handlers.data_sync.file_system import GetDataPathStatsHandler
from aibs_informatics_aws_lambda.handlers.data_sync.housekeeping import contents

FEW, MANY = 1_000, 6_000

# 5,000 names alone take more than three times as much.
ALLOWED_BYTES = 100_000
TIME = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def level(count: int) -> Iterator[LevelEntry]:
    return (LevelEntry(f"{number:08}", number, TIME) for number in reversed(range(count)))


def listing(count: int) -> Listing:
    entries = (Entry(f"{number:08}", number, 1e9) for number in range(count))
    return Listing(None, entries, exists=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls", "data"],
        ["ls", "--json", "data"],
        ["ls", "--sort", "size", "data"],
        ["ls", "-r", "data"],
        ["ls", "-r", "-l", "data"],
        ["ls", "-r", "--json", "data"],
        ["ls", "-r", "-H", "--sort", "time", "data"],
        ["stats", "data"],
        ["stats", "--json", "data"],
    ],
    ids=" ".join,
)
def test_entries_are_not_held(monkeypatch, arguments):
    monkeypatch.setattr(external_sort, "SORTED_IN_MEMORY", 100)
    monkeypatch.setattr(external_sort, "_FAN_IN", 4)
    monkeypatch.setattr(external_sort, "_BLOCK", 20)
    printed: list[int] = []

    def show(lines, *_):
        # Whatever is printed is gone.
        printed.append(sum(1 for _ in lines))

    def peak(count: int) -> int:
        monkeypatch.setattr(ls, "list_level", lambda *_: level(count))
        monkeypatch.setattr(contents, "find_contents", lambda *_: listing(count))
        for module in (ls, stats):
            monkeypatch.setattr(module, "print_lines", show)
            monkeypatch.setattr(module, "print_pieces", show)
        verb, *options = arguments
        run = {"ls": ls.run, "stats": stats.run}[verb]
        tracemalloc.start()
        try:
            run(options)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(MANY) < peak(FEW) + ALLOWED_BYTES
    assert printed[1] >= MANY


@pytest.mark.parametrize("count", [0, 1, 7])
def test_stats_print_the_response_of_the_handler(monkeypatch, capsys, tmp_path, count):
    for number in range(count):
        (tmp_path / f"{number}-é").mkdir()
        (tmp_path / f"{number}-é" / "a").write_text("x" * number)
    (tmp_path / "b").write_text("b")

    stats.run(["--json", str(tmp_path)])

    handler = GetDataPathStatsHandler()
    expected = handler.handle(handler.deserialize_request({"path": str(tmp_path)})).to_dict()
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(expected))
