"""Pages of made-up data, of any number of files: for tests, and to look at."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aibs_informatics_aws_lambda.handlers.data_sync.cli.pages.report_page import (
    SyncRun,
    render_report,
)
from aibs_informatics_aws_lambda.handlers.data_sync.cli.pages.stats_page import StatsPage
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry, Listing
from aibs_informatics_aws_lambda.handlers.data_sync.housekeeping.contents import sum_up_children

NOW = datetime(2026, 6, 1, tzinfo=UTC).timestamp()

# Names that a page must show as text: markup, no UTF-8, a line break, right to left, and long.
ODD_NAMES = (
    "<img src=x onerror=alert(1)>.csv",
    "</script><script>alert(1)</script>.csv",
    "caf\udce9 \u2019quoted\u2019 & more.txt",
    "line\nbreak\u202egpj.exe",
    "\u05e9\u05dc\u05d5\u05dd.txt",
    f"{'very-long-name-' * 14}.nwb",
)
_FOLDERS = ("raw/probe-a", "raw/probe-b", "sorted", "images/2p", "images/histology", "qc", "logs")
_SUFFIXES = (".nwb", ".tiff", ".json", ".csv", ".dat")


def entries(count: int) -> Iterator[Entry]:
    """Yield some odd names, and so many files, in listing order."""
    seed = random.Random(7)  # noqa: S311 - the same page each time
    names = [f"notes/{name}" for name in ODD_NAMES]
    sessions = max(1, count // 700)
    names += [
        f"session-{number % sessions:05}/{seed.choice(_FOLDERS)}/"
        f"{number:07}{seed.choice(_SUFFIXES)}"
        for number in range(count - len(names))
    ]
    for name in sorted(names):
        # Files of one folder were made within days.
        age = hash_share(name.rpartition("/")[0]) ** 3 * 2200 + seed.expovariate(1 / 4)
        size = 0 if seed.random() < 0.01 else min(int(seed.lognormvariate(12, 2.4)), 20 * 2**30)
        yield Entry(name, size, NOW - age * 86400)


def hash_share(text: str) -> float:
    """Return a number from 0 to 1 that depends on a text alone."""
    return zlib.crc32(text.encode()) / 2**32


def stats_page(count: int) -> str:
    """Return the page of a path with so many files."""
    path = Path("/data/neuropixels")
    page = StatsPage(path, NOW)
    root, _ = sum_up_children(Listing(None, entries(count), True), page.add)
    return page.render(root)


def report_lines(count: int) -> Iterator[str]:
    """Yield the lines of the report of a sync of so many files."""
    seed = random.Random(11)  # noqa: S311
    clock = NOW
    for entry in entries(count):
        name = entry.relative.encode(errors="replace").decode()
        line: dict[str, Any] = {
            "action": "transfer",
            "reason": seed.choice(("missing", "missing", "newer", "size", "checksum")),
            "source": f"/data/neuropixels/{name}",
            "destination": f"s3://archive/neuropixels/{name}",
            "size": entry.size,
        }
        chance = seed.random()
        clock += 300 / count
        if chance < 0.25:
            line.update(action="keep", reason="checksum" if chance < 0.05 else "")
        elif chance < 0.255:
            line["error"] = f"{line['source']}: Permission denied"
        elif chance < 0.3:
            line = {"action": "delete", "destination": line["destination"], "size": entry.size}
        else:
            seconds = 0.02 + entry.size / 8e7 * seed.uniform(0.5, 3)
            line["seconds"] = round(min(seconds, clock - NOW), 3)
            line["finished"] = round(clock, 3)
        yield json.dumps(line)


def report_page(count: int) -> str:
    """Return the page of the report of a sync of so many files."""
    run = SyncRun(
        "/data/neuropixels",
        "s3://archive/neuropixels",
        "sync",
        NOW,
        seconds=312.4,
        failed=count // 200,
        requests={
            "ListObjectsV2": count // 1000 + 1,
            "PutObject": count // 2,
            "UploadPart": count // 9,
            "HeadObject": count // 40,
            "DeleteObjects": count // 20_000 + 1,
        },
    )
    return render_report(report_lines(count), run)
