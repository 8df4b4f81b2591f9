"""The page of the report of a sync."""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...entries import Entry
from ...tree import Coverage, Node, fold
from . import costs
from .aggregates import LargestNodes
from .page import render_page
from .throughput import Throughput

_MAX_NODES: Final = 3_000
_MAX_FILES: Final = 100
_MAX_FAILURES: Final = 1_000


@dataclass
class SyncRun:
    """What is known of a sync besides the lines of its report.

    Args:
        source: the source.
        destination: the destination.
        mode: ``sync``, ``dry run`` or ``verify``.
        started: the start, in seconds since 1970 UTC.
        existing: what is done with files at the destination that differ.
        has_filters: whether filters leave files out.
        seconds: the duration.
        error: why the sync failed, if it did.
        is_incomplete: whether it stopped at a deadline.
        failed: the number of files that could not be synced.
        failures: the paths and errors of the first of them.
        requests: the number of requests to S3 by operation.
    """

    source: str
    destination: str
    mode: str
    started: float
    existing: str = "replace"
    has_filters: bool = False
    seconds: float = 0.0
    error: str | None = None
    is_incomplete: bool = False
    failed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    requests: Mapping[str, int] = field(default_factory=dict)


def render_report(lines: Iterable[str], run: SyncRun) -> str:
    """Return the page for a report as HTML.

    Memory is needed for what the page shows, not for the report.

    Args:
        lines: the lines of the report, in the order of their paths.
        run: the sync.
    """
    summary = _Summary(run)
    nodes = LargestNodes(_MAX_NODES)
    root = _fold_transfers(summary.read(lines), nodes)
    estimated = costs.estimate_costs(run.requests)
    return render_page(
        "report",
        f"{run.source} → {run.destination}: {run.mode}",
        {
            "source": run.source,
            "destination": run.destination,
            "mode": run.mode,
            "started": run.started,
            "existing": run.existing,
            "has_filters": run.has_filters,
            "seconds": run.seconds,
            "error": run.error,
            "is_incomplete": run.is_incomplete,
            **summary.to_data(),
            "nodes": _without_common_folders(nodes.rows(root)),
            "is_partial": nodes.is_partial,
            "costs": estimated,
            "prices": costs.PRICES,
            "prices_for": costs.PRICES_FOR,
            "prices_as_of": costs.PRICES_AS_OF,
        },
    )


class _Summary:
    """Sums up the lines of a report, and keeps the most remarkable ones."""

    def __init__(self, run: SyncRun) -> None:
        self._run = run
        self._outcomes: dict[tuple[str, str], list[int]] = {}
        self._largest: list[tuple[float, int, dict[str, Any]]] = []
        self._slowest: list[tuple[float, int, dict[str, Any]]] = []
        self._failures: dict[str, str] = {}
        self._throughput = Throughput(run.started)

    def read(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Add all lines, and yield those of transferred files."""
        for number, text in enumerate(lines):
            line = json.loads(text)
            if "error" in line:
                self._add_failure(line["source"], line["error"])
                continue
            action, size = line["action"], line["size"]
            outcome = self._outcomes.setdefault((action, line.get("reason", "")), [0, 0])
            outcome[0] += 1
            outcome[1] += size
            if action == "transfer":
                self._add_transfer(number, line)
                yield line

    def to_data(self) -> dict[str, Any]:
        """Return what the page shows of the lines."""
        for path, error in self._run.failures:
            self._add_failure(path, error)
        return {
            "outcomes": [[*names, *sums] for names, sums in sorted(self._outcomes.items())],
            "largest": _files(self._largest),
            "slowest": _files(self._slowest),
            "failed": max(self._run.failed, len(self._failures)),
            "failures": sorted(self._failures.items()),
            "interval": self._throughput.seconds,
            "throughput": self._throughput.intervals(),
        }

    def _add_transfer(self, number: int, line: dict[str, Any]) -> None:
        size, seconds = line["size"], line.get("seconds")
        _keep(self._largest, (size, -number, line))
        if seconds is not None:
            _keep(self._slowest, (seconds, -number, line))
            self._throughput.add(line["finished"], seconds, size)

    def _add_failure(self, path: str, error: str) -> None:
        if len(self._failures) < _MAX_FAILURES:
            self._failures.setdefault(path, error)


def _keep(heap: list[tuple[float, int, dict[str, Any]]], item: tuple[float, int, Any]) -> None:
    if len(heap) < _MAX_FILES:
        heapq.heappush(heap, item)
    else:
        heapq.heappushpop(heap, item)


def _files(heap: list[tuple[float, int, dict[str, Any]]]) -> list[list[Any]]:
    """Return path, size and duration of files, the first ones first."""
    lines = (line for _, _, line in sorted(heap, key=lambda item: item[:2], reverse=True))
    return [[line["destination"], line["size"], line.get("seconds")] for line in lines]


def _fold_transfers(lines: Iterable[dict[str, Any]], nodes: LargestNodes) -> Node:
    """Add the folders and files of transferred files to a tree, and return its root."""

    def add_folder(node: Node) -> Coverage:
        nodes.add(node)
        return Coverage.NOTHING

    def add_file(node: Node) -> bool:
        nodes.add(node)
        return False

    entries = (Entry(line["destination"], line["size"], 0.0) for line in lines)
    root, _ = fold(entries, add_folder, add_file)
    return root


def _without_common_folders(rows: list[list[Any]]) -> list[list[Any]]:
    """Return the rows from the innermost folder on that contains all files.

    Its name is the path that all of them have in common.
    """
    root, name = 0, ""
    while len(rows) > root + 1 and rows[root + 1][1].endswith("/") and _same(rows, root):
        root += 1
        name += rows[root][1]
    return [[-1, name, *rows[root][2:]], *([row[0] - root, *row[1:]] for row in rows[root + 1 :])]


def _same(rows: list[list[Any]], position: int) -> bool:
    return bool(rows[position][2:4] == rows[position + 1][2:4])
