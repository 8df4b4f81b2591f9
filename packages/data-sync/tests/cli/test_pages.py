"""The pages of ``stats --html`` and ``--report FILE.html``."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
import stat

import pytest
import sample_pages
from aibs_informatics_aws_lambda.handlers.data_sync.cli.pages import costs
from aibs_informatics_aws_lambda.handlers.data_sync.cli.pages.aggregates import (
    Histogram,
    LargestNodes,
)
from aibs_informatics_aws_lambda.handlers.data_sync.cli.pages.page import render_page
from aibs_informatics_aws_lambda.handlers.data_sync.cli.pages.report_page import (
    SyncRun,
    render_report,
)
from aibs_informatics_aws_lambda.handlers.data_sync.cli.pages.throughput import Throughput
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node


class _Elements(html.parser.HTMLParser):
    """The elements of a page, and the texts of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._open = "json" if ("type", "application/json") in attrs else tag
        if self._open in self.texts:
            self.texts[self._open].append("")

    def handle_data(self, data):
        if self._open in self.texts:
            self.texts[self._open][-1] += data

    def handle_endtag(self, tag):
        self._open = ""


def data_of(page: str) -> dict:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(text)


def folder(relative: str, size: int, count: int) -> Node:
    return Node(relative, size, count, 0.0, "folder")


def file(relative: str, size: int) -> Node:
    return Node(relative, size, 1, 0.0, "entry")


@pytest.mark.parametrize("make", [sample_pages.stats_page, sample_pages.report_page])
def test_names_of_files_never_become_markup(make):
    page = make(200)
    found = _Elements(page)
    names = "".join(json.dumps(data_of(page)))
    assert "<img src=x onerror=alert(1)>" in names
    assert "<script>alert" in names
    assert "<script>alert" not in page
    assert "<img" not in page
    allowed = {"html", "head", "meta", "link", "title", "style", "body", "noscript", "main"}
    assert set(found.tags) == allowed | {"script"}


def test_title_is_escaped():
    page = render_page("stats", "</title><script>alert(1)</script>", {})
    assert "<script>alert" not in page


@pytest.mark.parametrize("make", [sample_pages.stats_page, sample_pages.report_page])
def test_policy_allows_the_scripts_and_styles_of_the_page_and_no_request(make):
    found = _Elements(make(50))
    policy = next(value for name, value in found.attributes if value and "default-src" in value)
    assert policy.startswith("default-src 'none'; img-src data:;")
    for text in found.texts["script"] + found.texts["style"]:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    links = [value for name, value in found.attributes if name in ("src", "href")]
    assert links == ["data:,"]


@pytest.mark.parametrize("make", [sample_pages.stats_page, sample_pages.report_page])
def test_page_has_the_licenses_of_the_libraries_in_it(make):
    page = make(50)
    assert "Copyright 2010-2026 Mike Bostock" in page
    if make is sample_pages.report_page:
        assert "Copyright (c) 2022 Leon Sorokin" in page


@pytest.mark.parametrize("make", [sample_pages.stats_page, sample_pages.report_page])
def test_page_of_many_files_is_aggregated_says_so_and_keeps_the_totals(make):
    small, large = make(2_000), make(12_000)
    assert data_of(small)["is_partial"] is False
    assert data_of(large)["is_partial"] is True
    assert len(large) < 1_500_000
    if make is sample_pages.stats_page:
        assert data_of(large)["nodes"][0][3] == 12_000
        assert sum(files for _, _, files, _ in data_of(large)["by_age"]) == 12_000
        assert sum(files for _, _, files, _ in data_of(large)["by_size"]) == 12_000


def test_kept_nodes_are_a_tree_and_the_largest():
    nodes = LargestNodes(3)
    for node in (file("a/x", 5), file("a/y", 1), folder("a/", 6, 2), file("b/z", 3)):
        nodes.add(node)
    nodes.add(folder("b/", 3, 1))
    assert nodes.is_partial
    assert nodes.rows(folder("", 9, 3)) == [
        [-1, "", 9, 3, 0],
        [0, "a/", 6, 2, 0],
        [1, "x", 5, 1, 0],
        [0, "b/", 3, 1, 0],
    ]


def test_folder_of_empty_files_is_kept_for_their_number():
    nodes = LargestNodes(3)
    nodes.add(folder("empty/", 0, 1000))
    for number in range(5):
        nodes.add(file(f"f{number}", 100 + number))
    names = [row[1] for row in nodes.rows(folder("", 510, 1005))]
    assert names == ["", "empty/", "f2", "f3", "f4"]


def test_histogram_has_the_ranges_from_the_first_to_the_last_file():
    histogram = Histogram([10, 20, 30, 40])
    for value, size in ((10, 1), (19, 2), (39, 4)):
        histogram.add(value, size)
    assert histogram.ranges() == [(10, 20, 2, 3), (20, 30, 0, 0), (30, 40, 1, 4)]
    assert Histogram([10]).ranges() == []


def test_throughput_spreads_bytes_over_the_duration_and_counts_files_at_their_end():
    throughput = Throughput(100.0)
    throughput.add(101.0, 0.5, 1000)
    assert throughput.seconds == 0.25
    assert throughput.intervals() == [(0, 0), (0, 0), (500, 0), (500, 0), (0, 1)]


def test_throughput_of_a_long_sync_has_a_bounded_number_of_intervals_and_loses_nothing():
    throughput = Throughput(0.0)
    for second in range(0, 10_000, 10):
        throughput.add(second + 1, 3.0, 600)
    intervals = throughput.intervals()
    assert len(intervals) <= 240
    assert throughput.seconds == 64
    assert sum(files for _, files in intervals) == 1000
    assert sum(size for size, _ in intervals) == pytest.approx(600_000, abs=len(intervals))


def test_clock_that_goes_back_is_no_error():
    throughput = Throughput(100.0)
    throughput.add(99.0, 5.0, 10)
    assert throughput.intervals() == [(10, 1)]


@pytest.mark.parametrize(
    ("operation", "price_class", "dollars"),
    [
        ("PutObject", "PUT, COPY, POST, LIST", 5.0),
        ("CopyObject", "PUT, COPY, POST, LIST", 5.0),
        ("UploadPart", "PUT, COPY, POST, LIST", 5.0),
        ("ListObjectsV2", "PUT, COPY, POST, LIST", 5.0),
        ("GetObject", "GET and all others", 0.4),
        ("HeadObject", "GET and all others", 0.4),
        ("DeleteObjects", "DELETE", 0.0),
        ("AbortMultipartUpload", "DELETE", 0.0),
    ],
)
def test_requests_cost_what_the_price_list_says(operation, price_class, dollars):
    [cost] = costs.estimate_costs({operation: 1_000_000, "GetObjectTagging": 0})
    assert cost == (operation, price_class, 1_000_000, pytest.approx(dollars * 1000 / 1000 * 1))


def test_report_page_says_what_was_done_and_why():
    line = {"reason": "missing", "source": "/a/x", "destination": "s3://b/d/x", "size": 7}
    lines = [
        {"action": "transfer", **line, "seconds": 2.0, "finished": 1003.0},
        {"action": "keep", **line, "destination": "s3://b/d/y", "reason": ""},
        {"action": "transfer", **line, "error": "/a/x: Permission denied"},
        {"action": "delete", "destination": "s3://b/d/z", "size": 1},
    ]
    run = SyncRun("/a", "s3://b/d", "sync", 1000.0, failures=[("/a/n", "invalid")], failed=2)
    data = data_of(render_report(map(json.dumps, lines), run))
    assert data["outcomes"] == [
        ["delete", "", 1, 1],
        ["keep", "", 1, 7],
        ["transfer", "missing", 1, 7],
    ]
    assert data["failures"] == [["/a/n", "invalid"], ["/a/x", "/a/x: Permission denied"]]
    assert data["failed"] == 2
    assert data["slowest"] == data["largest"] == [["s3://b/d/x", 7, 2.0]]
    assert data["nodes"] == [[-1, "s3://b/d/", 7, 1, 0], [0, "x", 7, 1, 0]]


def test_stats_writes_a_page_beside_the_table(run, disk):
    disk.write({"data/a": "abc", "data/sub/b": "b"})
    result = run("stats", "--html", "out/page.html", "data")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].split()[:3] == ["4", "B", "2"]
    data = data_of((disk.root / "out/page.html").read_text())
    assert data["folders"] == 1
    assert [row[:4] for row in data["nodes"]] == [
        [-1, "", 4, 2],
        [0, "a", 3, 1],
        [0, "sub/", 1, 1],
        [2, "b", 1, 1],
    ]


def test_names_that_are_not_utf_8_are_quoted_reversibly(run, disk):
    disk.write({"data/caf\udce9": "x"})
    assert run("stats", "--json", "--html", "page.html", "data").returncode == 0
    assert data_of((disk.root / "page.html").read_text())["nodes"][1][1] == "caf\u201bE9"


def test_stats_of_a_prefix_are_written_to_an_object(run, bucket, disk):
    bucket.put("data/a", "abc")
    result = run("stats", "--html", "s3://bucket/page.html", "s3://bucket/data/")
    assert (result.returncode, result.stderr) == (0, "")
    page = bucket.get("page.html")
    assert data_of(page.decode() if isinstance(page, bytes) else page)["nodes"][1][1] == "a"


def test_page_that_cannot_be_written_is_an_error_before_anything_is_read(run, disk):
    disk.write({"data/a": "a"})
    result = run("stats", "--html", "data", "data")
    assert result.returncode == 1
    assert "cannot write the page to data: it is a directory" in result.stderr


def test_sync_writes_its_report_as_a_page(run, bucket, disk):
    disk.write({"data/a": "abc", "data/sub/b": "b"})
    result = run("--report", "report.html", "data", "s3://bucket/d")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "report: report.html"
    data = data_of((disk.root / "report.html").read_text())
    assert data["outcomes"] == [["transfer", "missing", 2, 4]]
    assert [path for path, _, seconds in data["largest"] if seconds is not None] == [
        "s3://bucket/d/a",
        "s3://bucket/d/sub/b",
    ]
    requests = {cost[0]: cost[2] for cost in data["costs"]}
    assert requests["PutObject"] == 2
    assert requests["ListObjectsV2"] >= 1


def test_sync_in_processes_writes_one_page_with_the_requests_of_all(run, bucket, disk):
    disk.write({f"data/{name}/x": "abc" for name in "abcd"})
    options = ("--jobs", "2", "--batch-bytes", "6", "--report", "r.html")
    assert run(*options, "data", "s3://bucket/d").returncode == 0
    data = data_of((disk.root / "r.html").read_text())
    assert data["outcomes"] == [["transfer", "missing", 4, 12]]
    assert {cost[0]: cost[2] for cost in data["costs"]}["PutObject"] == 4
    assert sum(files for _, files in data["throughput"]) == 4


def test_page_of_a_failed_sync_says_why(run, disk):
    disk.write({"dst": ""})
    result = run("--report", "r.html", "nothing", "dst")
    assert result.returncode == 1
    data = data_of((disk.root / "r.html").read_text())
    assert "the source nothing does not exist" in data["error"]


def test_page_names_the_files_that_failed(run, disk):
    disk.write({"data/a": "a", "data/b": "b"})
    (disk.root / "data/link").symlink_to("nowhere")
    result = run("--report", "r.html", "data", "dst")
    assert result.returncode == 4
    data = data_of((disk.root / "r.html").read_text())
    assert data["failed"] == 1
    assert [path.rpartition("/")[2] for path, _ in data["failures"]] == ["link"]


def test_page_of_a_dry_run_and_of_a_comparison(run, disk):
    disk.write({"data/a": "a", "dst/b": "b"})
    assert run("-n", "--report", "n.html", "data", "dst").returncode == 0
    assert run("verify", "--report", "v.html", "data", "dst").returncode == 4
    assert data_of((disk.root / "n.html").read_text())["mode"] == "dry run"
    assert data_of((disk.root / "v.html").read_text())["mode"] == "verify"
    assert not (disk.root / "dst/a").exists()


def test_apply_writes_a_page(run, disk):
    disk.write({"data/a": "a"})
    assert run("--plan", "p.jsonl", "data", "dst").returncode == 0
    assert run("apply", "--report", "r.html", "p.jsonl").returncode == 0
    outcomes = data_of((disk.root / "r.html").read_text())["outcomes"]
    assert outcomes == [["transfer", "missing", 1, 1]]


def test_json_response_names_the_page_and_no_temporary_file(run, disk):
    disk.write({"data/a": "a"})
    response = json.loads(run("--json", "--report", "r.html", "data", "dst").stdout)
    assert response["result"]["details"] == "r.html"
    assert response["request"]["report_path"] == "r.html"


def test_page_keeps_the_permissions_of_the_file_that_it_replaces(run, disk):
    disk.write({"data/a": "a", "p.html": "old"})
    (disk.root / "p.html").chmod(0o600)
    assert run("stats", "--html", "p.html", "data").returncode == 0
    assert stat.S_IMODE((disk.root / "p.html").stat().st_mode) == 0o600


def test_stats_has_bars_on_a_terminal(run_on_terminal, disk):
    disk.write({"data/a": "a" * 10, "data/b": "b" * 5})
    lines = run_on_terminal("stats", "data", PYTHONIOENCODING="utf-8").text.splitlines()
    assert lines[1].count("█") == 20
    assert lines[2].count("█") == 10
    assert [line.split()[-1] for line in lines] == ["NAME", "a", "b", "data"]
