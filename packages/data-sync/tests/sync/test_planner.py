from __future__ import annotations

import os
import re
import socket
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request, Response
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import Service
from aibs_informatics_aws_lambda.handlers.data_sync.sync import planner as planner_module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import DiffOptions, Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.move_marker import MOVE_MARKER
from aibs_informatics_aws_lambda.handlers.data_sync.sync.planner import (
    Plan,
    PlanOptions,
    make_plan,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.resumption import Resumption
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root, Route
from aibs_informatics_aws_lambda.handlers.data_sync.sync.spool import Spool
from aibs_informatics_aws_lambda.handlers.data_sync.sync.steps import Steps
from tables import table

UPLOAD = Route(Root(None, "/src/"), Root("bucket", "dst/"))
COPY = Route(Root("source", "src/"), Root("bucket", "dst/"))
KEPT_PREFIX = Route(Root("source", "run/A/"), Root("bucket", "dst/"), "A/")
SINGLE = Route(Root("source", "a"), Root("bucket", "dst/a"), single=True)

MIRROR = PlanOptions(mirror=True)


class FakeS3:
    """An S3 that has some objects in one bucket, all of them modified at one time."""

    service = Service("http://s3", is_aws=True)
    begun_listings = ()

    def __init__(self, objects: dict[str, str]) -> None:
        self.objects = objects
        self.requests: list[Request] = []

    def send(self, request: Request) -> Future[Response]:
        self.requests.append(request)
        query = parse_qs(request.query)
        [prefix] = query.get("prefix", [""])
        found = [
            f"<Contents><Key>{quote(key)}</Key><LastModified>{_time(100)}</LastModified>"
            f"<ETag>&quot;{digest(etag)}&quot;</ETag><Size>{len(etag)}</Size></Contents>"
            for key, etag in sorted(self.objects.items())
            if request.bucket == "bucket" and key.startswith(prefix)
        ]
        contents = "".join(found[: int(query["max-keys"][0])])
        body = (
            "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
            f"{contents}</ListBucketResult>"
        )
        future: Future[Response] = Future()
        future.set_result(Response({}, body.encode()))
        return future

    def ask(self, request: Request) -> Response:
        return self.send(request).result()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def an_object(relative: str, etag: str = "e") -> Entry:
    """An object that is as large as its ETag is long."""
    return Entry(relative, len(etag), 100.0, digest(etag))


def digest(etag: str) -> str:
    return (etag * 32)[:32]


def file(relative: str, size: int = 1) -> Entry:
    return Entry(relative, size, 100.0)


def told(plan: Plan) -> str:
    """The steps of a plan, then what is extraneous."""
    steps = [f"{step.action}:{step.target}" for step in plan.steps]
    return " ".join(steps + [f"delete:{step.target}" for step in plan.extraneous])


def planned(
    route: Route,
    entries: list[Entry],
    objects: dict[str, str] | None = None,
    options: PlanOptions = MIRROR,
) -> Plan:
    """Plan a sync to a bucket."""
    return make_plan(route, entries, options, FakeS3(objects or {}))


@table(
    "route, entries, objects, options, plan",
    {
        "what is missing is transferred": (
            UPLOAD,
            [file("a"), file("b/c")],
            {},
            MIRROR,
            "transfer:a transfer:b/c",
        ),
        "what may differ is compared": (UPLOAD, [file("a")], {"dst/a": "e"}, MIRROR, "compare:a"),
        "what is in sync is no step": (COPY, [an_object("a")], {"dst/a": "e"}, MIRROR, ""),
        "what is in sync is a step where all is listed": (
            COPY,
            [an_object("a")],
            {"dst/a": "e"},
            PlanOptions(lists_all=True),
            "keep:a",
        ),
        "what is in sync is a step where the source is removed": (
            COPY,
            [an_object("a")],
            {"dst/a": "e"},
            PlanOptions(retain=False),
            "keep:a",
        ),
        "what is extraneous is deleted by a mirror": (
            COPY,
            [an_object("b")],
            {"dst/a": "e", "dst/c": "e"},
            MIRROR,
            "transfer:b delete:a delete:c",
        ),
        "what is extraneous stays without a mirror": (
            COPY,
            [an_object("b")],
            {"dst/a": "e"},
            PlanOptions(),
            "transfer:b",
        ),
        "an empty source empties a mirror": (COPY, [], {"dst/a": "e"}, MIRROR, "delete:a"),
        "a prefix that begins the same is left alone": (
            COPY,
            [an_object("a")],
            {"dst2/x": "e", "dst.txt": "e"},
            MIRROR,
            "transfer:a",
        ),
        "what is kept of keys is part of the target": (
            KEPT_PREFIX,
            [an_object("a")],
            {"dst/A/a": "f", "dst/A/b": "e", "dst/b": "e"},
            MIRROR,
            "compare:A/a delete:A/b delete:b",
        ),
        "a single object has no path below its target": (
            SINGLE,
            [an_object("")],
            {},
            MIRROR,
            "transfer:",
        ),
        "a single object is found by its key": (
            SINGLE,
            [an_object("")],
            {"dst/a": "e"},
            MIRROR,
            "",
        ),
        "a single object deletes nothing": (
            SINGLE,
            [an_object("")],
            {"dst/a/x": "e", "dst/a.txt": "e"},
            MIRROR,
            "transfer:",
        ),
        "the placeholder of a source that has more is copied": (
            COPY,
            [Entry("", 0, 100.0, "e"), an_object("a"), an_object("b")],
            {},
            MIRROR,
            "transfer: transfer:a transfer:b",
        ),
        "the placeholder of a folder below is copied": (
            COPY,
            [Entry("a/", 0, 100.0, "e")],
            {},
            MIRROR,
            "transfer:a/",
        ),
        "an object without a name is none if it has content": (
            COPY,
            [an_object("")],
            {},
            MIRROR,
            "transfer:",
        ),
        "an empty single object is no placeholder": (
            SINGLE,
            [Entry("", 0, 100.0, "e")],
            {},
            MIRROR,
            "transfer:",
        ),
        "what a filter leaves out is extraneous": (
            COPY,
            [an_object("a"), an_object("b")],
            {"dst/b": "e"},
            PlanOptions(mirror=True, selects=lambda relative: relative == "a"),
            "transfer:a delete:b",
        ),
        "what a filter leaves out can be protected": (
            COPY,
            [an_object("a"), an_object("b")],
            {"dst/b": "e", "dst/c": "e"},
            PlanOptions(
                mirror=True, selects=lambda relative: relative != "b", protects_excluded=True
            ),
            "transfer:a delete:c",
        ),
        "without a filter nothing is protected": (
            COPY,
            [],
            {"dst/b": "e"},
            PlanOptions(mirror=True, protects_excluded=True),
            "delete:b",
        ),
        "a filter protects paths as they are at the source": (
            KEPT_PREFIX,
            [],
            {"dst/A/a": "e", "dst/A/b": "e"},
            PlanOptions(
                mirror=True, selects=lambda relative: relative != "b", protects_excluded=True
            ),
            "delete:A/a",
        ),
        "the target of an entry that is too large is protected": (
            COPY,
            [an_object("a", "large"), an_object("b")],
            {"dst/a": "e", "dst/c": "e"},
            PlanOptions(
                mirror=True,
                diff=DiffOptions(allows=lambda entry: entry.size == 1),
                protects_excluded=True,
            ),
            "transfer:b delete:c",
        ),
        "an extraneous entry that is too large is protected": (
            COPY,
            [],
            {"dst/a": "large", "dst/c": "e"},
            PlanOptions(
                mirror=True,
                diff=DiffOptions(allows=lambda entry: entry.size == 1),
                protects_excluded=True,
            ),
            "delete:c",
        ),
        "without protection both are deleted": (
            COPY,
            [an_object("a", "large")],
            {"dst/a": "e", "dst/b": "large"},
            PlanOptions(mirror=True, diff=DiffOptions(allows=lambda entry: entry.size == 1)),
            "delete:a delete:b",
        ),
        "where another entry lands nothing is deleted": (
            COPY,
            [],
            {"dst/a": "e", "dst/b": "e"},
            PlanOptions(mirror=True, reserved_paths=frozenset({"dst/a"})),
            "delete:b",
        ),
        "force transfers what is in sync": (
            COPY,
            [an_object("a")],
            {"dst/a": "e"},
            PlanOptions(diff=DiffOptions(force=True)),
            "transfer:a",
        ),
        "force of a mirror knows what is extraneous": (
            COPY,
            [an_object("a")],
            {"dst/a": "e", "dst/b": "e"},
            PlanOptions(mirror=True, diff=DiffOptions(force=True)),
            "transfer:a delete:b",
        ),
        "the marker of a move is not deleted": (
            COPY,
            [an_object("a")],
            {f"dst/{MOVE_MARKER}": "e"},
            MIRROR,
            "transfer:a",
        ),
        "after a move that was interrupted nothing is deleted": (
            COPY,
            [an_object("a")],
            {f"dst/{MOVE_MARKER}": "e", "dst/b": "e"},
            MIRROR,
            "transfer:a",
        ),
        "a name that only ends like the marker is deleted": (
            COPY,
            [],
            {f"dst/a/{MOVE_MARKER}": "e"},
            MIRROR,
            f"delete:a/{MOVE_MARKER}",
        ),
    },
)
def test_plan(route, entries, objects, options, plan):
    assert told(planned(route, entries, objects, options)) == plan


@table(
    "entries, objects, options, counts",
    {
        "what is missing is pending": ([an_object("a", "ee")], {}, MIRROR, (1, 2, 0, 0, 0)),
        "what is compared is pending": (
            [file("a", 2)],
            {"dst/a": "ee"},
            MIRROR,
            (1, 2, 0, 0, 1),
        ),
        "what is in sync is unchanged": (
            [an_object("a", "ee"), an_object("b", "eee")],
            {"dst/a": "ee", "dst/b": "eee"},
            MIRROR,
            (0, 0, 2, 5, 2),
        ),
        "what is in sync and a step is counted later": (
            [an_object("a")],
            {"dst/a": "e"},
            PlanOptions(lists_all=True),
            (0, 0, 0, 0, 1),
        ),
        "sizes are summed up": (
            [an_object("a", "ee"), an_object("b", "eee")],
            {},
            MIRROR,
            (2, 5, 0, 0, 0),
        ),
        "what is extraneous is there": ([], {"dst/a": "e", "dst/b": "e"}, MIRROR, (0, 0, 0, 0, 2)),
        "the marker of a move is not there": (
            [],
            {f"dst/{MOVE_MARKER}": "e", "dst/a": "e"},
            MIRROR,
            (0, 0, 0, 0, 1),
        ),
    },
)
def test_counts_of_a_plan(entries, objects, options, counts):
    plan = planned(COPY, entries, objects, options)
    assert counts == (
        plan.pending,
        plan.pending_bytes,
        plan.unchanged,
        plan.unchanged_bytes,
        plan.there,
    )


@table(
    "options, objects, resumes",
    {
        "a destination without the marker resumes no move": (MIRROR, {"dst/a": "e"}, False),
        "a destination with the marker resumes a move": (
            MIRROR,
            {f"dst/{MOVE_MARKER}": "e"},
            True,
        ),
    },
)
def test_move_that_is_resumed(options, objects, resumes):
    assert planned(COPY, [an_object("a")], objects, options).resumes_move is resumes


def test_plan_that_keeps_what_is_extraneous_has_nothing_to_delete():
    assert len(planned(COPY, [], {f"dst/{MOVE_MARKER}": "e", "dst/a": "e"}).extraneous) == 0


def test_plan_is_empty_at_first():
    plan = Plan(COPY)
    assert (plan.pending, plan.unchanged, plan.there) == (0, 0, 0)
    assert (plan.pending_bytes, plan.unchanged_bytes) == (0, 0)
    assert not plan.mirror
    assert not plan.is_filtered
    assert not plan.resumes_move


def test_plan_tells_that_nothing_is_deleted_after_an_interrupted_move(caplog):
    planned(COPY, [], {f"dst/{MOVE_MARKER}": "e", "dst/a": "e"})
    assert f"s3://bucket/dst/{MOVE_MARKER}" in caplog.text


def test_plan_tells_nothing_where_an_interrupted_move_has_left_nothing(caplog):
    planned(COPY, [an_object("a")], {f"dst/{MOVE_MARKER}": "e", "dst/a": "e"})
    assert caplog.text == ""


@table(
    "options, is_filtered",
    {
        "a plan without a filter has all entries": (PlanOptions(), False),
        "a plan with a filter may lack some": (
            PlanOptions(selects=lambda relative: True),
            True,
        ),
    },
)
def test_plan_knows_whether_it_was_filtered(options, is_filtered):
    assert planned(COPY, [an_object("a")], options=options).is_filtered is is_filtered


def test_entries_land_beside_what_is_reserved():
    options = PlanOptions(reserved_paths=frozenset({"dst/b"}))
    assert told(planned(COPY, [an_object("a")], options=options)) == "transfer:a"


@table(
    "resumption, target, counted",
    {
        "an entry before was counted": (Resumption("b"), "a", True),
        "an entry beyond was not": (Resumption("b"), "c", False),
        "a first call has counted nothing": (None, "a", False),
    },
)
def test_what_an_earlier_call_has_counted(resumption, target, counted):
    plan = planned(COPY, [], options=PlanOptions(diff=DiffOptions(resumption=resumption)))
    assert plan.was_counted(Step("keep", "", target, an_object(target))) is counted


def test_unchanged_entries_that_an_earlier_call_has_counted_are_not_counted_again():
    options = PlanOptions(diff=DiffOptions(resumption=Resumption("a")))
    objects = {"dst/a": "ee", "dst/b": "e"}
    plan = planned(COPY, [an_object("a", "ee"), an_object("b")], objects, options)
    assert (plan.unchanged, plan.unchanged_bytes, len(plan.steps)) == (1, 1, 0)


@table(
    "options, requests",
    {
        "a destination is listed": (PlanOptions(), 1),
        "force needs no listing": (PlanOptions(diff=DiffOptions(force=True)), 0),
        "force of a mirror needs one": (PlanOptions(mirror=True, diff=DiffOptions(force=True)), 1),
        "a plan file of a forced sync needs one": (
            PlanOptions(lists_targets=True, diff=DiffOptions(force=True)),
            1,
        ),
        "what is not replaced must be known": (
            PlanOptions(diff=DiffOptions(force=True, existing="ignore")),
            1,
        ),
        "a later call of a forced sync needs one": (
            PlanOptions(diff=DiffOptions(force=True, resumption=Resumption("a"))),
            1,
        ),
    },
)
def test_requests_of_a_plan(options, requests):
    s3 = FakeS3({})
    make_plan(COPY, [an_object("a")], options, s3)
    assert len(s3.requests) == requests


@table(
    "options, requests, reason",
    {
        "a target is looked up": (DiffOptions(), 1, "missing"),
        "force needs no look": (DiffOptions(force=True), 0, "forced"),
        "what is not replaced must be known": (
            DiffOptions(force=True, existing="update"),
            1,
            "missing",
        ),
    },
)
def test_requests_of_the_plan_of_a_single_object(options, requests, reason):
    s3 = FakeS3({})
    # Its extraneous neighbours stay, also with a mirror.
    plan = make_plan(SINGLE, [an_object("")], PlanOptions(mirror=True, diff=options), s3)
    assert len(s3.requests) == requests
    assert [step.reason for step in plan.steps] == [reason]


@table(
    "options, reasons",
    {
        "without a listing all are forced": (PlanOptions(), {"a": "forced", "b": "forced"}),
        "a listing tells which are missing": (
            PlanOptions(lists_targets=True),
            {"a": "forced", "b": "missing"},
        ),
        "that of a mirror too": (PlanOptions(mirror=True), {"a": "forced", "b": "missing"}),
    },
)
def test_reasons_of_a_forced_sync(options, reasons):
    options = options._replace(diff=DiffOptions(force=True))
    plan = planned(COPY, [an_object("a"), an_object("b")], {"dst/a": "e"}, options)
    assert {step.target: step.reason for step in plan.steps} == reasons


@table(
    "relative, message",
    {
        "a key of 1,024 bytes is short enough": ("x" * 1020, None),
        "a key of 1,025 bytes is too long": ("x" * 1021, "more than 1024 bytes"),
        "bytes count, not characters": ("é" * 510, None),
        "a key of 1,025 bytes in fewer characters is too long": (
            "é" * 510 + "x",
            "more than 1024 bytes",
        ),
        "a name that is not UTF-8 is no key": ("a\udcff", "is not UTF-8"),
    },
)
def test_names_of_files_as_keys(relative, message):
    entries = [file("a"), file(relative)]
    if message is None:
        assert len(planned(UPLOAD, entries).steps) == 2
        return
    with pytest.raises(ValueError, match=message) as caught:
        planned(UPLOAD, entries)
    assert repr(f"/src/{relative}") in str(caught.value)


def test_two_entries_do_not_land_at_one_target():
    options = PlanOptions(reserved_paths=frozenset({"dst/a"}))
    with pytest.raises(
        ValueError, match="'s3://source/src/' and 's3://source/src/a' would both be written to"
    ):
        planned(COPY, [an_object("a")], options=options)


def test_plan_that_fails_is_closed(monkeypatch: pytest.MonkeyPatch):
    closed: list[Plan] = []
    monkeypatch.setattr(Plan, "close", lambda plan: closed.append(plan))
    with pytest.raises(ValueError, match="1024 bytes"):
        planned(UPLOAD, [file("x" * 1025)])
    assert len(closed) == 1


def test_plan_that_is_made_is_not_closed(monkeypatch: pytest.MonkeyPatch):
    closed: list[Plan] = []
    monkeypatch.setattr(Plan, "close", lambda plan: closed.append(plan))
    planned(UPLOAD, [file("a")])
    assert closed == []


@table(
    "patterns, kept",
    {
        "what a pattern matches in full is kept": (["a"], "delete:a"),
        "any pattern will do": (["x", "a.*"], "delete:a delete:ab"),
        "without a pattern nothing is kept": ([], ""),
    },
)
def test_deletions_that_are_kept(patterns, kept):
    plan = planned(
        COPY, [an_object("n"), an_object("s")], {"dst/a": "e", "dst/ab": "e", "dst/s": "e"}
    )
    steps, extraneous = plan.steps, plan.extraneous
    plan.keep_deletions([re.compile(pattern) for pattern in patterns])
    assert told(plan) == kept
    assert (plan.unchanged, plan.unchanged_bytes) == (0, 0)
    assert (plan.pending, plan.pending_bytes) == (0, 0)
    assert len(plan.steps) == len(list(steps)) == len(list(extraneous)) == 0


def test_closing_a_plan_closes_both_lists():
    plan = planned(COPY, [an_object("a")], {"dst/b": "e"})
    assert told(plan) == "transfer:a delete:b"
    plan.close()
    assert told(plan) == ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A destination that files and links can be made in."""
    made = tmp_path / "dst"
    made.mkdir()
    return made


def download(folder: Path, entries: list[Entry], options: PlanOptions = MIRROR) -> Plan:
    """Plan a download to a folder, which is not looked for in S3."""
    route, s3 = Route(Root("source", "src/"), Root(None, f"{folder}/")), FakeS3({})
    plan = make_plan(route, entries, options, s3)
    assert not s3.requests
    return plan


def fill(folder: Path, tree: str) -> None:
    for name in tree.split():
        path, arrow, target = name.partition(">")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            (folder / path).symlink_to(target)
        elif name.endswith("/"):
            (folder / name).mkdir()
        else:
            (folder / name).write_text("x")
            os.utime(folder / name, (100.0, 100.0))


@table(
    "tree, entries, plan",
    {
        "objects become files": (
            "",
            [an_object("a"), an_object("b/c")],
            "transfer:a transfer:b/c",
        ),
        "a file of one size is compared": ("a", [an_object("a")], "compare:a"),
        "a file of another size is replaced": ("a", [an_object("a", "ee")], "transfer:a"),
        "files that are extraneous are deleted, folders are not": (
            "a b/c d/",
            [an_object("a")],
            "compare:a delete:b/c",
        ),
        "links that are extraneous are deleted": ("link>nowhere", [], "delete:link"),
        "a link in the place of a file is replaced": (
            "a>nowhere",
            [an_object("a")],
            "transfer:a",
        ),
        "placeholders are no files": (
            "",
            [Entry("", 0, 1.0, "e"), Entry("a/", 0, 1.0, "e"), an_object("a/b")],
            "transfer:a/b",
        ),
        "a key with two slashes is one path": ("", [an_object("a//b")], "transfer:a/b"),
        "a file with two slashes in its key is compared": (
            "a/b",
            [an_object("a//b")],
            "compare:a/b",
        ),
        "a file with two slashes in its key is not extraneous": (
            "a/b a/c",
            [an_object("a//b")],
            "compare:a/b delete:a/c",
        ),
        "keys that are no paths come last": (
            "",
            [an_object("/z"), an_object("a")],
            "transfer:a transfer:z",
        ),
    },
)
def test_plan_of_a_download(folder: Path, tree, entries, plan):
    fill(folder, tree)
    assert told(download(folder, entries)) == plan


@table(
    "tree, entries, error, message",
    {
        "a folder does not replace a file": ("a", [an_object("a/b")], ValueError, "is a file"),
        "a file does not replace a folder": ("a/b", [an_object("a")], ValueError, "is a folder"),
        "a key with two slashes does not replace a folder": (
            "a/b/c",
            [an_object("a//b")],
            IsADirectoryError,
            "is a folder",
        ),
        "two keys do not become one path": (
            "",
            [an_object("a//b"), an_object("a/b")],
            ValueError,
            "cannot both be local files",
        ),
        "a key does not leave the destination": (
            "",
            [an_object("../a")],
            ValueError,
            "would leave",
        ),
    },
)
def test_download_that_cannot_be(folder: Path, tree, entries, error, message):
    fill(folder, tree)
    with pytest.raises(error, match=message):
        download(folder, entries)


@table(
    "diff, action",
    {
        "a first call compares": (DiffOptions(), "compare"),
        "a later call keeps what was done": (DiffOptions(resumption=Resumption("z")), "keep"),
        "a later call does not do again what is forced": (
            DiffOptions(force=True, resumption=Resumption("z")),
            "keep",
        ),
        "a later call does what was not done": (
            DiffOptions(force=True, resumption=Resumption("a")),
            "transfer",
        ),
    },
)
def test_key_that_is_no_path_in_a_continued_sync(folder: Path, diff, action):
    fill(folder, "a/b")
    os.utime(folder / "a/b", (200.0, 200.0))
    plan = download(folder, [an_object("a//b")], PlanOptions(diff=diff))
    assert [step.action for step in plan.steps] == [action]


def test_keys_that_are_no_paths_are_pending_and_in_order_of_their_paths(folder: Path):
    keys = "a", "b//c", "b//a", "b/b", "c"
    plan = download(folder, [an_object(key) for key in sorted(keys)])
    assert [step.target for step in plan.steps] == ["a", "b/a", "b/b", "b/c", "c"]
    assert (plan.pending, plan.pending_bytes) == (5, 5)


def test_files_in_sync_are_steps_as_they_are_touched(folder: Path):
    fill(folder, "a")
    options = PlanOptions(diff=DiffOptions(size_only=True))
    plan = download(folder, [an_object("a")], options)
    assert told(plan) == "keep:a"
    assert plan.unchanged == 0


def test_folders_are_not_counted_as_there(folder: Path):
    fill(folder, "a b/c b/d/ link>nowhere")
    assert download(folder, []).there == 3


def test_local_folders_are_planned_alike(folder: Path):
    fill(folder, "a extraneous")
    route = Route(Root(None, "/src/"), Root(None, f"{folder}/"))
    plan = make_plan(route, [file("a"), file("b")], PlanOptions(), None)
    assert told(plan) == "compare:a transfer:b"


@table(
    "relative",
    {
        "a path longer than a key is a local path": "/".join(["x" * 250] * 5),
        "a name that is not UTF-8 is a local name": "a\udcff",
    },
)
def test_local_files_need_no_keys(folder: Path, relative):
    route = Route(Root(None, "/src/"), Root(None, f"{folder}/"))
    assert told(make_plan(route, [file(relative)], PlanOptions(), None)) == f"transfer:{relative}"


def test_lists_that_are_replaced_are_closed(folder: Path, monkeypatch):
    fill(folder, "c")
    closed: list[Spool] = []
    monkeypatch.setattr(Spool, "close", lambda spool: closed.append(spool))
    plan = download(folder, [an_object("a//b")])
    assert len(closed) == 2
    assert closed[0] is not plan.extraneous


def test_folder_does_not_replace_a_file_at_the_destination(folder: Path):
    (folder / "file").write_text("x")
    with pytest.raises(FileExistsError, match="file is a file"):
        download(folder / "file", [])


def test_missing_destination_is_empty(folder: Path):
    assert told(download(folder / "missing", [an_object("a")])) == "transfer:a"


@table(
    "tree, plan",
    {
        "a missing file is transferred": ("", "transfer:"),
        "a file is compared": ("a", "compare:"),
        "a link is replaced": ("a>nowhere", "transfer:"),
    },
)
def test_plan_of_a_single_file(folder: Path, tree, plan):
    fill(folder, tree)
    route = Route(Root("source", "a"), Root(None, f"{folder}/a"), single=True)
    assert told(make_plan(route, [an_object("")], MIRROR, None)) == plan


def test_single_file_does_not_replace_a_folder(folder: Path):
    fill(folder, "a/")
    route = Route(Root("source", "a"), Root(None, f"{folder}/a"), single=True)
    with pytest.raises(IsADirectoryError, match="a is a folder"):
        make_plan(route, [an_object("")], MIRROR, None)


@table(
    "entries, reads",
    {
        "a plan is written, and not read again": ([an_object("a"), an_object("b")], 0),
        "a key that is no path has both lists read once": ([an_object("a"), an_object("b//c")], 2),
    },
)
def test_how_often_a_plan_is_read(folder: Path, monkeypatch, entries, reads):
    read = []
    iterate = Steps.__iter__

    def counted(steps: Steps):
        read.append(steps)
        return iterate(steps)

    monkeypatch.setattr(Steps, "__iter__", counted)
    download(folder, entries)
    assert len(read) == reads


STORE = [an_object("z/.zarray"), an_object("z/0.0")]


def waves(plan: Plan) -> tuple[list[str], list[list[str]]]:
    """The targets of the data of a plan, and those of its entry files in their order."""
    data = [step.target for step in plan.steps.data()]
    return data, [[step.target for _, step in wave] for wave in plan.steps.transfer_waves()]


@table(
    "route, relatives, data, entry_files",
    {
        "a file by its name": (COPY, ["z/.zarray", "z/0.0"], ["z/0.0"], [["z/.zarray"]]),
        "a file by its folder": (COPY, ["t/_delta_log/0.json"], [], [["t/_delta_log/0.json"]]),
        "a file beside entry files": (
            COPY,
            ["t/_delta_log2/0.json"],
            ["t/_delta_log2/0.json"],
            [],
        ),
        "the folder of the destination counts": (
            Route(Root("source", "src/"), Root("bucket", "t/_delta_log/")),
            ["0.json"],
            [],
            [["0.json"]],
        ),
        "a single file has no store": (
            Route(Root("source", "a"), Root("bucket", "z/.zarray"), single=True),
            [""],
            [""],
            [],
        ),
    },
)
def test_entry_files_of_stores_are_steps_of_their_own(route, relatives, data, entry_files):
    plan = planned(route, [an_object(relative) for relative in relatives])
    assert waves(plan) == (data, entry_files)


@table(
    "objects, rewritten",
    {
        "data that is replaced": ({"dst/z/.zarray": "e", "dst/z/0.0": "ee"}, ["dst/z/"]),
        "data that is replaced with the entry file": (
            {"dst/z/.zarray": "ee", "dst/z/0.0": "ee"},
            ["dst/z/"],
        ),
        "an entry file alone": ({"dst/z/.zarray": "ee", "dst/z/0.0": "e"}, []),
        "data that is new": ({"dst/z/.zarray": "e"}, []),
        "all unchanged": ({"dst/z/.zarray": "e", "dst/z/0.0": "e"}, []),
    },
)
def test_stores_that_are_rewritten_in_place(objects, rewritten):
    assert planned(COPY, STORE, objects).rewrites.found == rewritten


@table(
    "options, data, entry_files",
    {
        "all by default": (PlanOptions(), ["z/0.0"], [["z/.zarray"]]),
        "entry files are left out": (PlanOptions(entry_files="skip"), ["z/0.0"], []),
    },
)
def test_entry_files_that_are_left_out(options, data, entry_files):
    assert waves(planned(COPY, STORE, options=options)) == (data, entry_files)


def test_entry_files_are_told_by_the_prefix_that_is_kept():
    route = Route(Root("source", "run/_delta_log/"), Root("bucket", "dst/"), "_delta_log/")
    plan = planned(route, [an_object("0.json")], options=PlanOptions(entry_files="skip"))
    assert told(plan) == ""


OTHER = {"dst/z/.zarray": "f", "dst/z/0.0": "f"}


@table(
    "options, objects, plan",
    {
        "size decides on data that another sync has transferred": (
            PlanOptions(entry_files="finish"),
            OTHER,
            "compare:z/.zarray",
        ),
        "data is compared where the source is removed": (
            PlanOptions(entry_files="finish", retain=False),
            OTHER,
            "compare:z/.zarray compare:z/0.0",
        ),
        "size decides where asked for, although the source is removed": (
            PlanOptions(entry_files="finish", retain=False, diff=DiffOptions(size_only=True)),
            OTHER,
            "keep:z/.zarray keep:z/0.0",
        ),
        "entry files alone are forced": (
            PlanOptions(entry_files="finish", diff=DiffOptions(force=True)),
            {"dst/z/.zarray": "e", "dst/z/0.0": "e"},
            "transfer:z/.zarray",
        ),
        "data that is missing is transferred": (
            PlanOptions(entry_files="finish", diff=DiffOptions(force=True)),
            {},
            "transfer:z/.zarray transfer:z/0.0",
        ),
        "what is extraneous is deleted": (
            PlanOptions(entry_files="finish", mirror=True),
            {"dst/z/.zarray": "e", "dst/z/.zgroup": "e", "dst/z/0.0": "e", "dst/z/1": "e"},
            "delete:z/.zgroup delete:z/1",
        ),
    },
)
def test_plan_that_finishes_stores(options, objects, plan):
    assert told(planned(COPY, STORE, objects, options)) == plan


@table(
    "entry_files, target, in_other_sync, counted",
    {
        "data that another sync has counted": ("finish", "z/0.0", True, True),
        "an entry file": ("finish", "z/.zarray", False, False),
        "without another sync": (None, "z/0.0", False, False),
        "an entry file without another sync": (None, "z/.zarray", False, False),
    },
)
def test_what_another_sync_has_counted(entry_files, target, in_other_sync, counted):
    plan = planned(COPY, [], options=PlanOptions(entry_files=entry_files))
    step = Step("keep", "", target, an_object(target))
    assert plan.was_in_other_sync(step) is in_other_sync
    assert plan.was_counted(step) is counted


def test_plan_finishes_nothing_by_default():
    assert Plan(COPY).finishes is False


@table(
    "through, found",
    {
        "an entry file of the plan": ("z/.zarray", "z/.zarray"),
        "another one": ("y/.zarray", None),
        "none": (None, None),
    },
)
def test_entry_file_that_an_earlier_call_has_finished_last(through, found):
    options = PlanOptions(entry_files_through=through)
    assert planned(COPY, STORE, options=options).entry_files_through == found


def test_steps_that_are_kept_keep_order_and_counts():
    entries = [an_object("a", "ee"), *STORE, an_object("z/1", "eeee")]
    plan = planned(COPY, entries, {"dst/b": "e", "dst/z/.zgroup": "e"})
    archived = Step("transfer", "missing", "c", an_object("c"))
    for found in (archived, archived._replace(target="d")):
        plan.archived.append(found)
    replaced = plan.archived
    plan.keep(lambda step: step.target not in {"z/1", "b", "d"})
    assert waves(plan) == (["a", "z/0.0"], [["z/.zarray"]])
    assert [step.target for step in plan.extraneous] == ["z/.zgroup"]
    assert [[step.target for step in wave] for wave in plan.extraneous.deletion_waves()] == [
        ["z/.zgroup"],
        [],
    ]
    assert list(plan.archived) == [archived]
    assert list(replaced) == []
    assert (plan.pending, plan.pending_bytes) == (3, 4)


def test_data_is_kept_where_data_of_stores_may_be_missing():
    plan = planned(COPY, [an_object("a"), *STORE], {"dst/b": "e", "dst/z/.zgroup": "e"})
    plan.keep_data()
    assert told(plan) == "transfer:a transfer:z/0.0"
    assert plan.pending == 2


def test_step_of_a_single_file_is_no_entry_file():
    plan = Plan(Route(Root("source", "a"), Root("bucket", "z/.zarray"), single=True))
    plan.add(plan.steps, Step("transfer", "missing", "", an_object("")))
    assert waves(plan) == ([""], [])


def test_closing_a_plan_closes_all_of_it():
    plan = Plan(COPY)
    plan.archived.append(Step("transfer", "missing", "c", an_object("c")))
    plan.arrivals.note(0, "etag")
    plan.close()
    assert list(plan.archived) == []
    with pytest.raises(ValueError, match="closed file"):
        plan.arrivals.agrees(0, "etag")


ARCHIVED = Entry("a", 1, 100.0, digest("e"), storage_class="GLACIER")


@table(
    "entry, options, asked",
    {
        "an archived object must be restored": (ARCHIVED, PlanOptions(), ["src/a"]),
        "an object without a storage class is not archived": (an_object("a"), PlanOptions(), []),
        "a verification reads nothing": (
            ARCHIVED,
            PlanOptions(diff=DiffOptions(verify=True)),
            [],
        ),
    },
)
@pytest.mark.parametrize("archived", [True, False])
def test_objects_that_must_be_restored(monkeypatch, entry, options, asked, archived):
    requests = []

    def must_restore(s3, bucket, key, given):
        assert (s3, bucket, given) == (source_s3, "source", entry)
        requests.append(key)
        return archived

    source_s3 = FakeS3({})
    monkeypatch.setattr(planner_module, "must_restore", must_restore)
    plan = make_plan(COPY, [entry], options, FakeS3({}), source_s3)
    assert requests == asked
    left_out = bool(asked) and archived
    assert [step.target for step in plan.archived] == (["a"] if left_out else [])
    assert told(plan) == ("" if left_out else "transfer:a")


@table(
    "route, objects, source_s3",
    {
        "what is unchanged is not read": (COPY, {"dst/a": "e"}, FakeS3({})),
        "a source without a client is not looked at": (COPY, {}, None),
        "a local file is not archived": (UPLOAD, {}, FakeS3({})),
    },
)
def test_objects_that_are_not_asked_about(monkeypatch, route, objects, source_s3):
    monkeypatch.setattr(planner_module, "must_restore", lambda *_: True)
    plan = make_plan(route, [ARCHIVED], PlanOptions(), FakeS3(objects), source_s3)
    assert len(plan.archived) == 0


def test_archived_object_whose_key_is_no_path_does_not_hide_the_next(folder: Path, monkeypatch):
    monkeypatch.setattr(planner_module, "must_restore", lambda _, __, key, ___: key == "src/a//b")
    entries = [
        Entry(relative, 1, 100.0, digest("e"), storage_class="GLACIER")
        for relative in ("a//b", "a//c")
    ]
    route = Route(Root("source", "src/"), Root(None, f"{folder}/"))
    plan = make_plan(route, entries, PlanOptions(), None, FakeS3({}))
    assert told(plan) == "transfer:a/c"
    assert [step.target for step in plan.archived] == ["a/b"]


def test_names_that_are_no_keys_are_left_out_where_failures_are_collected():
    failed: list[str] = []
    options = PlanOptions(on_failure=lambda path, error: failed.append(f"{path}: {error}"))
    plan = planned(UPLOAD, [file("a"), file("b\udcff"), file("c")], options=options)
    assert told(plan) == "transfer:a transfer:c"
    [failure] = failed
    assert failure.startswith("/src/b\udcff: the name of ")


@table(
    "kind",
    {"a pipe": "pipe", "a link to a pipe": "link", "a socket": "socket"},
)
def test_single_file_does_not_replace_what_is_no_file(folder: Path, monkeypatch, kind):
    monkeypatch.chdir(folder)  # A path of a socket is short.
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("a")
    else:
        os.mkfifo("pipe" if kind == "link" else "a")
        if kind == "link":
            Path("a").symlink_to("pipe")
    route = Route(Root("source", "a"), Root(None, f"{folder}/a"), single=True)
    with pytest.raises(FileExistsError, match="is a device, a pipe or a socket"):
        make_plan(route, [an_object("")], MIRROR, None)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_single_file_replaces_a_link(folder: Path, kind):
    fill(folder, "other" if kind == "file" else "other/")
    (folder / "a").symlink_to("other")
    route = Route(Root("source", "a"), Root(None, f"{folder}/a"), single=True)
    assert told(make_plan(route, [an_object("")], MIRROR, None)) == "transfer:"


def test_key_that_is_no_path_and_is_not_selected_does_not_hide_the_next(folder: Path):
    options = PlanOptions(diff=DiffOptions(allows=lambda entry: entry.size > 1))
    entries = [an_object("a//b"), an_object("a//c", "ee")]
    assert told(download(folder, entries, options)) == "transfer:a/c"
