"""Plan files: written by a dry run, and what is kept of a later plan."""

from __future__ import annotations

import json
import os

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.plan_file import (
    PlanError,
    PlanFile,
    written_plan,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.planner import Plan
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root, Route
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncRequest
from tables import table

UPLOAD = Route(Root(None, "/src/"), Root("bucket", "dst/"))
OTHERS = {
    "download": Route(Root("bucket", "src/"), Root(None, "/dst/")),
    "copy": Route(Root("bucket", "src/"), Root("bucket", "dst/")),
}
REQUEST = DataSyncRequest(source_path="/src", destination_path="s3://bucket/dst/")


def file(name: str, size: int = 1, modified: float = 1.5) -> Entry:
    return Entry(name, size, modified)


def an_object(name: str, etag: str = "e") -> Entry:
    return Entry(name, 1, 1.0, etag)


def upload(name: str, entry: Entry | None = None, there: Entry | None = None) -> Step:
    return Step("transfer", "size" if there else "missing", name, entry or file(name), there)


def extraneous(name: str, etag: str = "e") -> Step:
    return Step("extraneous", "", name, an_object(name, etag))


def plan_of(*steps: Step, route: Route = UPLOAD) -> Plan:
    plan = Plan(route)
    for step in steps:
        (plan.extraneous if step.action == "extraneous" else plan.steps).append(step)
    return plan


@pytest.fixture
def write(tmp_path):
    """Write the plan of some steps, as a dry run does."""

    def write(*steps: Step, moves: bool = False):
        path = tmp_path / "plan.jsonl"
        with written_plan(path, REQUEST, {"region": "eu-west-1"}) as report:
            for step in steps:
                action = "delete" if step.action == "extraneous" else "transfer"
                report.add(UPLOAD, step, action if step.action != "keep" else "keep")
            for step in steps if moves else ():
                report.add(UPLOAD, step, "remove")
        return path

    return write


def test_plan_is_written_to_a_pipe_and_does_not_replace_it(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # Opened for both, so that writing does not wait for a reader.
    reader = os.open(pipe, os.O_RDWR)
    with written_plan(pipe, REQUEST, {}):
        pass
    header, totals = map(json.loads, os.read(reader, 10_000).decode().splitlines())
    os.close(reader)
    assert header["request"]["source_path"] == "/src"
    assert totals == {"totals": {}}
    assert pipe.is_fifo()


def test_plan_has_the_request_the_actions_and_the_totals(write):
    path = write(upload("a", there=an_object("a")), extraneous("b"))

    header, first, second, totals = map(json.loads, path.read_text().splitlines())
    assert header["data_sync_plan"] == 1
    assert header["request"]["destination_path"] == "s3://bucket/dst/"
    assert header["connection"] == {"region": "eu-west-1"}
    assert first == {
        "action": "upload",
        "reason": "size",
        "source": "/src/a",
        "destination": "s3://bucket/dst/a",
        "size": 1,
        "found": {"size": 1, "modified": 1.5},
        "replaces": {"size": 1, "modified": 1.0, "etag": "e"},
    }
    assert (second["action"], second["destination"]) == ("delete", "s3://bucket/dst/b")
    assert totals == {"totals": {"bytes": 1, "delete": 1, "upload": 1}}


@table(
    "now, kept, changed",
    {
        "the same is kept": ([upload("a"), extraneous("b")], "a b", []),
        "what is new is dropped": ([upload("a"), upload("c"), extraneous("b")], "a b", []),
        "another size is a change, and nothing is deleted": (
            [upload("a", file("a", size=2)), extraneous("b")],
            "",
            ["upload"],
        ),
        "another time is a change": (
            [upload("a", file("a", modified=2.5)), extraneous("b")],
            "",
            ["upload"],
        ),
        "a new object at the target is a change": (
            [upload("a", there=an_object("a")), extraneous("b")],
            "",
            ["upload"],
        ),
        "a missing entry is a change": ([extraneous("b")], "", ["upload"]),
        "an extraneous object with another ETag stays": (
            [upload("a"), extraneous("b", "f")],
            "a",
            ["delete"],
        ),
        "what is no longer extraneous stays": (
            [upload("a"), upload("b", there=an_object("b"))],
            "a",
            ["delete"],
        ),
    },
)
def test_only_what_is_as_planned_is_kept(write, now, kept, changed):
    file = PlanFile(write(upload("a"), extraneous("b")))
    plan = plan_of(*now)

    file.restrict([plan])

    assert [step.target for step in [*plan.steps, *plan.extraneous]] == kept.split()
    assert [planned.action for planned in file.changed()] == changed
    assert plan.pending == plan.steps.length


def test_unchanged_entry_of_a_move_is_kept_for_its_removal(write):
    step = Step("keep", "", "a", file("a"), an_object("a"))
    moved = PlanFile(write(step, upload("b"), moves=True))
    plan = plan_of(step, upload("b"), upload("c"))

    moved.restrict([plan])

    assert [step.target for step in plan.steps] == ["a", "b"]
    assert (list(moved.changed()), plan.pending) == ([], 1)


@pytest.mark.parametrize("action", OTHERS)
def test_transfer_is_named_by_its_direction(tmp_path, action):
    path = tmp_path / "plan.jsonl"
    with written_plan(path, REQUEST, {}) as report:
        report.add(OTHERS[action], upload("a"), "transfer")

    assert json.loads(path.read_text().splitlines()[1])["action"] == action


def test_failed_dry_run_writes_no_plan(tmp_path):
    with pytest.raises(RuntimeError), written_plan(tmp_path / "plan.jsonl", REQUEST, {}):
        raise RuntimeError

    assert list(tmp_path.iterdir()) == []


@table(
    "edit, reason",
    {
        "a missing end": (lambda lines: lines[:-1], "incomplete"),
        "a cut line": (lambda lines: [*lines[:-1], lines[-1][:5]], "is not a plan"),
        "a line that is no object": (lambda lines: [*lines, "[]"], "not a JSON object"),
        "a line after the totals": (lambda lines: [*lines, lines[1]], "incomplete"),
        "another version": (lambda lines: ['{"data_sync_plan": 2}'], "version 1"),
        "an empty file": (lambda lines: [], "is not a plan"),
        "another JSON Lines file": (lambda lines: lines[1:], "version 1"),
    },
)
def test_invalid_file_is_refused(write, edit, reason):
    path = write(upload("a"))
    path.write_text("\n".join(edit(path.read_text().splitlines())))

    with pytest.raises(PlanError, match=reason):
        PlanFile(path)
