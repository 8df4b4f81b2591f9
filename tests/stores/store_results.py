"""What readers saw, by store and direction, and the tables of it in docs/stores.md.

`results.json` has the figures of the last run of each row. A run of the suite merges its own into
it, and writes the tables anew.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("results.json")
PAGE: Final = Path(__file__).parents[2] / "docs" / "stores.md"

_HEADERS: Final = {
    "appends": ("Store", "Library", "Reads", "Old or new", "Wrong without an error", "Errors"),
    "kills": ("Store", "Library", "Kills", "Old or new left", "Wrong without an error", "Errors"),
    "rewrites": ("Change", "Library", "Reads", "Old or new", "Wrong without an error", "Errors"),
    "batches": ("Change", "Library", "Directions", "Batches", "Files that differ afterwards"),
}
_RIGHT: Final = ("old", "new", "between")
Results = dict[str, dict[str, dict[str, Any]]]


def load() -> Results:
    """Return the figures of the last runs."""
    found: Results = json.loads(FILE.read_text())
    return found


def merge(results: Results, new: Results) -> Results:
    """Return all figures, those of the new run instead of earlier ones of the same direction."""
    merged = {table: dict(results.get(table, {})) for table in _HEADERS}
    for table, rows in new.items():
        for name, row in rows.items():
            before = merged[table].get(name, {})
            same = before if before.get("library") == row["library"] else {}
            merged[table][name] = {**same, **row}
    return merged


def save(results: Results) -> None:
    """Write the figures, and the tables of the page."""
    FILE.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(with_tables(PAGE.read_text(), results))


def with_tables(page: str, results: Results) -> str:
    """Return the page with the tables of some figures."""
    for table in _HEADERS:
        start, end = f"<!-- {table} -->\n", f"<!-- end of {table} -->"
        before, _, rest = page.partition(start)
        after = rest[rest.index(end) :]
        page = f"{before}{start}\n{_table(table, results.get(table, {}))}\n{after}"
    return page


def _table(name: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    headers = _HEADERS[name]
    lines = [headers, ("---",) * len(headers)]
    make = _batches_row if name == "batches" else _reads_row
    lines += [(store, row["library"], *make(row)) for store, row in sorted(rows.items())]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _reads_row(row: Mapping[str, Any]) -> tuple[object, ...]:
    counts: Counter[str] = Counter()
    for direction in row.keys() - {"library"}:
        counts.update(row[direction])
    right = sum(counts[name] for name in _RIGHT)
    total, silent = counts.total(), counts["silent"]
    errors = total - right - silent
    kinds = ", ".join(sorted(name.split()[1] for name in counts if name.startswith("error")))
    return f"{total:,}", f"{right:,}", f"{silent:,}", f"{errors:,} ({kinds})" if kinds else errors


def _batches_row(row: Mapping[str, Any]) -> tuple[object, ...]:
    done = [row[direction] for direction in row.keys() - {"library"}]
    return len(done), sum(each["batches"] for each in done), sum(each["differ"] for each in done)
