from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.local.delete import (
    delete_empty_directories,
    delete_empty_parents,
)
from aibs_informatics_aws_lambda.handlers.data_sync.local.descent import Pace
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import Folders
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request, Response
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import Service
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deletions as deletions_module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.context import ExecutionContext
from aibs_informatics_aws_lambda.handlers.data_sync.sync.deadline import (
    OutOfTimeError,
    TimeBudget,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.deletions import (
    Deletion,
    delete_extraneous,
    delete_files,
    delete_objects,
    delete_source_files,
    hold_source,
    remove_sources,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync.diff import Step
from aibs_informatics_aws_lambda.handlers.data_sync.sync.move_marker import MOVE_MARKER
from aibs_informatics_aws_lambda.handlers.data_sync.sync.planner import Plan
from aibs_informatics_aws_lambda.handlers.data_sync.sync.report import NO_EVIDENCE, Report
from aibs_informatics_aws_lambda.handlers.data_sync.sync.result import Outcome
from aibs_informatics_aws_lambda.handlers.data_sync.sync.routes import Root, Route
from tables import table

EMPTY_LISTING = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
ERROR = b"<Error><Key>b</Key><Code>AccessDenied</Code><Message>No</Message></Error>"


class FakeS3:
    """An S3 that deletes at once, and answers each request with one body.

    It lists nothing, and serves all objects with one byte: what is moved has arrived.
    """

    begun_listings = ()

    def __init__(self, body: bytes = b"", *, is_aws: bool = True) -> None:
        self.body = body
        self.service = Service("http://s3", is_aws=is_aws)
        self.headers = {"content-length": "1"}
        self.requests: list[Request] = []

    def send(self, request: Request) -> Future[Response]:
        future: Future[Response] = Future()
        if request.operation in ("ListObjectsV2", "HeadObject"):
            future.set_result(Response(self.headers, EMPTY_LISTING))
            return future
        self.requests.append(request)
        result = b"<DeleteResult/>" if request.operation == "DeleteObjects" else b""
        future.set_result(Response({}, self.body or result))
        return future

    def ask(self, request: Request) -> Response:
        return self.send(request).result()

    @property
    def deleted(self) -> list[list[str]]:
        """The keys of each request."""
        return [
            [request.key] if request.key else re.findall("<Key>(.*?)</Key>", request.body.decode())
            for request in self.requests
        ]


def step(relative: str, size: int = 1, modified: float = 1.0, kind="file") -> Step:
    return Step("extraneous", "", relative, Entry(relative, size, modified, None, kind))


def objects(keys: list[str], etag: str | None = None) -> list[Deletion]:
    return [Deletion(key, step(key), etag) for key in keys]


def delete(s3: FakeS3, deletions: list[Deletion], budget: TimeBudget | None = None) -> list[str]:
    """Delete objects, and return those of which it was told."""
    told: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        context = context_of(s3, pool=pool)
        if budget:
            context = context._replace(budget=budget)
        delete_objects(Root("bucket", ""), deletions, context, lambda s: told.append(s.target), s3)
    return told


def numbered(count: int) -> list[str]:
    return [f"{number:04}" for number in range(count)]


@table(
    "keys, requests",
    {
        "nothing to delete is no request": ([], []),
        "one object is one request": (["a"], [["a"]]),
        "1,000 objects are one request": (numbered(1000), [numbered(1000)]),
        "one more is a second request": (
            numbered(1001),
            [numbered(1001)[:1000], ["1000"]],
        ),
        "2,000 objects are two requests": (
            numbered(2000),
            [numbered(2000)[:1000], numbered(2000)[1000:]],
        ),
        "a key that does not fit XML has a request of its own": (
            ["a", "b\x01", "c"],
            [["a", "c"], ["b\x01"]],
        ),
        "keys that do not fit XML make no empty request": (
            ["a\x01", "b\x02"],
            [["a\x01"], ["b\x02"]],
        ),
    },
)
def test_requests_that_delete(keys, requests):
    s3 = FakeS3()
    told = delete(s3, objects(keys))
    assert s3.deleted == requests
    assert sorted(told) == sorted(keys)
    assert all(request.bucket == "bucket" for request in s3.requests)


@table(
    "key, etag, found",
    {
        "an object is deleted only with its ETag": ("a", "e", "<ETag>e</ETag>"),
        "an object without an ETag is deleted as it is": ("a", None, "<Object><Key>a</Key><"),
    },
)
def test_condition_of_a_deletion(key, etag, found):
    s3 = FakeS3()
    delete(s3, objects([key], etag))
    assert found in s3.requests[0].body.decode()
    assert ("<ETag>" in s3.requests[0].body.decode()) is (etag is not None)


def test_condition_of_a_deletion_of_one_object():
    s3 = FakeS3()
    delete(s3, objects(["a\x01"], "e"))
    assert s3.requests[0].headers == {"If-Match": '"e"'}


@table(
    "honours, keys, deleted",
    {
        "a service that honours conditions deletes several at once": (
            True,
            ["a", "b"],
            [["a", "b"]],
        ),
        "but those that do not fit XML are looked at": (True, ["a", "b\x01"], [["a"], ["b\x01"]]),
        "a service that ignores them is asked for each": (False, ["a", "b"], [["a"], ["b"]]),
    },
)
def test_deletion_on_a_service_other_than_aws(honours, keys, deleted):
    s3 = FakeS3(is_aws=False)
    s3.headers = {"content-length": "1", "etag": '"e"'}
    s3.service.deletes_on_condition = honours
    assert sorted(delete(s3, objects(keys, "e"))) == keys
    assert sorted(s3.deleted) == deleted
    assert all(not request.headers for request in s3.requests)


def test_object_that_has_changed_stays_on_a_service_that_ignores_conditions():
    s3 = FakeS3(is_aws=False)
    s3.headers = {"content-length": "1", "etag": '"f"'}
    s3.service.deletes_on_condition = False
    with pytest.raises(AWSError, match="cannot delete s3://bucket/a: it changed after"):
        delete(s3, objects(["a"], "e"))
    assert s3.deleted == []


def test_object_that_cannot_be_deleted_is_an_error():
    s3 = FakeS3(ERROR)
    with pytest.raises(AWSError, match="cannot delete s3://bucket/b: AccessDenied"):
        delete(s3, objects(["a", "b"]))


def test_what_was_not_deleted_is_not_told():
    told: list[Step] = []
    s3 = FakeS3(ERROR)
    with pytest.raises(AWSError):
        delete_objects(Root("bucket", ""), objects(["a"]), context_of(s3), told.append, s3)
    assert told == []


def test_nothing_is_deleted_when_the_time_is_up():
    s3 = FakeS3()
    with pytest.raises(OutOfTimeError):
        delete(s3, objects(["a"]), TimeBudget(0.0))
    assert s3.requests == []


def test_requests_under_way_end_when_the_source_of_deletions_fails():
    s3 = FakeS3()
    told: list[str] = []

    def failing():
        yield from objects(numbered(1000))
        raise OSError("cannot read the spool")

    context = context_of(s3)
    with pytest.raises(OSError, match="cannot read the spool"):
        delete_objects(
            Root("bucket", ""), failing(), context, lambda step: told.append(step.target), s3
        )
    assert told == numbered(1000)


def make(root: Path, tree: str) -> None:
    """Make files, folders (``a/``) and links (``a>target``)."""
    for name in tree.split():
        path, arrow, target = name.partition(">")
        if arrow:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(target)
        elif name.endswith("/"):
            (root / name).mkdir(parents=True, exist_ok=True)
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("x")


def below(root: Path) -> str:
    """What is below a folder, as `make` takes it; only what is empty is a folder by itself."""
    found = []
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found.append(f"{name}>{path.readlink()}")
        elif path.is_file():
            found.append(name)
        elif not any(path.iterdir()):
            found.append(f"{name}/")
    return " ".join(sorted(found))


def remove(plan: Plan, context: ExecutionContext, outcome: Outcome) -> None:
    """Remove the source of one plan."""
    remove_sources([plan], [hold_source(plan)], context, outcome)


def folders(path: Path) -> Folders:
    """Return the directories below a path."""
    return Folders(f"{path}/")


def local(root: Path, names: str, kind="file") -> list[Deletion]:
    """Deletions of files as they are now."""
    deletions = []
    for name in names.split():
        path = root / name
        there = path.lstat() if os.path.lexists(path) else None
        size, modified = (there.st_size, there.st_mtime) if there else (1, 1.0)
        deletions.append(Deletion(str(path), step(name, size, modified, kind)))
    return deletions


@pytest.fixture(params=["in turn", "side by side"])
def pool(request: pytest.FixtureRequest, monkeypatch) -> Iterator[ThreadPoolExecutor | None]:
    """Threads, on a file system that is slow from the first operation on, or none."""
    if request.param == "in turn":
        yield None
        return
    monkeypatch.setattr(Pace, "is_slow", lambda _: True)
    with ThreadPoolExecutor(4) as threads:
        yield threads


@table(
    "tree, deleted, left",
    {
        "files are deleted, their folders stay": ("a b/c d", "a b/c", "b/ d"),
        "a link is deleted, not its target": ("a link>a", "link", "a"),
        "a link that leads nowhere is deleted": ("link>nowhere", "link", ""),
        "a link to a folder is deleted, not what is in it": ("a/b link>a", "link", "a/b"),
    },
)
def test_files_are_deleted(tmp_path: Path, pool, tree, deleted, left):
    make(tmp_path, tree)
    counted: list[str] = []
    delete_files(
        folders(tmp_path), local(tmp_path, deleted), lambda step: counted.append(step.target), pool
    )
    assert below(tmp_path) == left
    assert sorted(counted) == deleted.split()


def test_file_that_is_gone_does_not_count_as_deleted(tmp_path: Path, pool):
    make(tmp_path, "a b")
    deleted: list[str] = []
    delete_files(
        folders(tmp_path),
        local(tmp_path, "gone a b gone/x"),
        lambda step: deleted.append(step.target),
        pool,
    )
    assert deleted == ["a", "b"]


def test_file_that_cannot_be_deleted_is_an_error(tmp_path: Path, pool):
    make(tmp_path, "a z/z")
    (tmp_path / "folder").mkdir()
    told: list[Step] = []
    with pytest.raises(OSError, match=f"cannot delete {tmp_path}/folder: .*(directory|permitted)"):
        delete_files(folders(tmp_path), local(tmp_path, "a folder"), told.append, pool)
    assert [one.target for one in told] == ["a"]
    assert below(tmp_path) == "folder/ z/z"


def test_symlink_that_was_changed_since_the_listing_stays(tmp_path: Path, pool):
    make(tmp_path, "a>b")
    synced = [Deletion(str(tmp_path / "a"), step("a"))]
    changed = (tmp_path / "a").lstat().st_ctime
    with pytest.raises(FileNotFoundError, match="was deleted or renamed"):
        delete_source_files(folders(tmp_path), synced, lambda _: None, pool, changed - 1)
    assert below(tmp_path) == "a>b"
    delete_source_files(folders(tmp_path), synced, lambda _: None, pool, changed)
    assert below(tmp_path) == ""


def test_nothing_is_deleted_behind_a_folder_that_was_swapped_for_a_link(tmp_path: Path, pool):
    make(tmp_path, "dst/a/b src/a/b")
    deletions = local(tmp_path / "dst", "a/b")
    synced = local(tmp_path / "src", "a/b")
    make(tmp_path, "other/")
    for root in ("dst", "src"):
        (tmp_path / root / "a").rename(tmp_path / "other" / root)
        (tmp_path / root / "a").symlink_to(tmp_path / "other" / root)
    with pytest.raises(NotADirectoryError, match="in place of this folder"):
        delete_files(folders(tmp_path / "dst"), deletions, lambda _: None, pool)
    with pytest.raises(NotADirectoryError, match="in place of this folder"):
        delete_source_files(folders(tmp_path / "src"), synced, lambda _: None, pool)
    assert below(tmp_path / "other") == "dst/b src/b"


@table(
    "tree, kind, left",
    {
        "source files are deleted": ("a b/c", "file", "b/"),
        "a link to a file is deleted, not the file": ("other/a a>other/a", "file", "other/a"),
        "what is behind a link to a folder stays": ("a b/c", "symlink_target", "a b/c"),
    },
)
def test_source_files_are_deleted(tmp_path: Path, pool, tree, kind, left):
    make(tmp_path, tree)
    names = [name.partition(">")[0] for name in tree.split() if not name.startswith("other")]
    deletions = [
        Deletion(
            str(tmp_path / name),
            step(name, (tmp_path / name).stat().st_size, (tmp_path / name).stat().st_mtime, kind),
        )
        for name in names
    ]
    told: list[str] = []
    delete_source_files(folders(tmp_path), deletions, lambda step: told.append(step.target), pool)
    assert below(tmp_path) == left
    assert sorted(told) == names


@pytest.mark.parametrize("change", ["size", "time", "gone"])
def test_source_file_that_has_changed_stays(tmp_path: Path, pool, change):
    make(tmp_path, "a b")
    deletions = local(tmp_path, "a b")
    if change == "size":
        (tmp_path / "a").write_text("xy")
    elif change == "time":
        os.utime(tmp_path / "a", (1.0, 1.0))
    else:
        (tmp_path / "a").unlink()
    told: list[Step] = []
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "a"))):
        delete_source_files(folders(tmp_path), deletions, told.append, pool)
    assert told == []
    assert (tmp_path / "b").exists()
    assert (tmp_path / "a").exists() is (change != "gone")


def test_files_of_several_folders_are_deleted_side_by_side(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(Pace, "is_slow", lambda _: True)
    names = ["first", "a/x", "b/x", "c/x"]
    make(tmp_path, " ".join(names))
    together, unlink = threading.Barrier(3), os.unlink

    def wait_for_others(path, **options):
        if os.fspath(path) == "x":
            # Broken if these are not deleted at the same time.
            together.wait(timeout=180)
        return unlink(path, **options)

    monkeypatch.setattr(os, "unlink", wait_for_others)
    told: list[Step] = []
    with ThreadPoolExecutor(3) as threads:
        delete_files(folders(tmp_path), local(tmp_path, " ".join(names)), told.append, threads)
    assert sorted(step.target for step in told) == sorted(names)
    assert below(tmp_path) == "a/ b/ c/"


def test_what_is_under_way_is_counted_where_the_time_is_up(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(Pace, "is_slow", lambda _: True)
    make(tmp_path, "a/x b/x c/x")
    told: list[Step] = []

    def until_the_time_is_up() -> Iterator[Deletion]:
        yield from local(tmp_path, "a/x b/x")
        raise OutOfTimeError

    with ThreadPoolExecutor(2) as threads, pytest.raises(OutOfTimeError):
        delete_files(folders(tmp_path), until_the_time_is_up(), told.append, threads)
    deleted = {step.target for step in told}
    assert deleted >= {"a/x"}
    assert {name for name in ("a/x", "b/x") if not (tmp_path / name).exists()} == deleted
    assert (tmp_path / "c/x").exists()


@table(
    "tree, left",
    {
        "an empty folder goes": ("src/", ""),
        "empty folders below go as well": ("src/a/b/ src/c/", ""),
        "links to folders go, not their targets": ("other/f src/link>../other", "other/f"),
        "links to nowhere are files, and stay": ("src/link>nowhere", "src/link>nowhere"),
        "a file keeps the folders above it": ("src/a/b/f src/c/", "src/a/b/f"),
        "a link to an empty folder goes": ("other/ src/a/link>../../other", "other/"),
    },
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_folder_goes_unless_files_are_left(tmp_path: Path, tree, left, slash):
    make(tmp_path, tree)
    delete_empty_directories(f"{tmp_path}/src{slash}")
    assert below(tmp_path) == left


@pytest.mark.parametrize(
    "delete", [delete_empty_directories, lambda root: delete_empty_parents(root, ["a/b"])]
)
@pytest.mark.parametrize("name", [".", "./", "../src/.", ".."])
def test_folder_that_is_named_by_dots_stays(tmp_path: Path, monkeypatch, delete, name):
    make(tmp_path, "src/a/ src/here/")
    monkeypatch.chdir(tmp_path / "src" / ("here" if name == ".." else ""))
    delete(name)
    assert "src/a/" not in below(tmp_path)
    assert (tmp_path / "src").is_dir()


def test_link_to_a_folder_goes_and_its_target_stays(tmp_path: Path):
    make(tmp_path, "other/ src>other")
    delete_empty_directories(f"{tmp_path}/src/")
    assert below(tmp_path) == "other/"


@table(
    "tree, synced, left",
    {
        "folders that became empty go, up to the source": ("src/a/b/", "a/b/f", ""),
        "the source itself goes where it became empty": ("src/", "f", ""),
        "folders that were empty before stay": ("src/a/ src/b/", "a/f", "src/b/"),
        "folders that are not empty stay": ("src/a/b/ src/a/g", "a/b/f", "src/a/g"),
        "deep folders go first": ("src/a/b/c/ src/a/d/", "a/b/c/f a/d/g", ""),
        "a folder whose name begins another goes by itself": (
            "src/a/ src/a-b/ src/ab/g",
            "a/f a-b/f",
            "src/ab/g",
        ),
    },
)
def test_folders_that_became_empty_go(tmp_path: Path, tree, synced, left):
    make(tmp_path, tree)
    delete_empty_parents(f"{tmp_path}/src/", synced.split())
    assert below(tmp_path) == left


def test_folders_behind_links_stay(tmp_path: Path):
    make(tmp_path, "src/a/")
    steps = [step("a/f", kind="symlink_target"), step("b")]
    delete_empty_parents(f"{tmp_path}/src/", deletions_module._files_of(steps))
    assert below(tmp_path) == "src/a/"


class RecordedReport(Report):
    """Remembers what was done with each entry."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, route, step, action, evidence=NO_EVIDENCE, error=None) -> None:
        self.lines.append(f"{action}:{step.target}")


IN_S3 = Root("bucket", "dst/")


def plan_of(source: Root, target: Root, steps=(), extraneous=(), **options) -> Plan:
    plan = Plan(Route(source, target, single=options.pop("single", False)), **options)
    for found in steps:
        plan.steps.append(found)
    for found in extraneous:
        plan.extraneous.append(found)
    return plan


def context_of(s3: FakeS3 | None = None, seconds: float | None = None, **options):
    return ExecutionContext(
        pool=options.pop("pool", None),
        concurrency=4,
        source_s3=s3,
        target_s3=s3,
        report=RecordedReport(),
        budget=TimeBudget(seconds),
        **options,
    )


@table(
    "options, requests, deleted, extra, lines",
    {
        "what is extraneous is deleted and counted": (
            {},
            [["dst/a", "dst/b"]],
            (2, 5),
            0,
            ["delete:a", "delete:b"],
        ),
        "a dry run only counts": (
            {"changes": False},
            [],
            (2, 5),
            0,
            ["delete:a", "delete:b"],
        ),
        "a verification only compares": (
            {"changes": False, "verifies": True},
            [],
            (0, 0),
            2,
            ["extra:a", "extra:b"],
        ),
    },
)
def test_extraneous_objects(options, requests, deleted, extra, lines):
    s3, outcome = FakeS3(), Outcome()
    plan = plan_of(Root(None, "/src/"), IN_S3, extraneous=[step("a", 2), step("b", 3)])
    context = context_of(s3, **options)
    delete_extraneous(plan, context, outcome)
    assert s3.deleted == requests
    assert (outcome.counts.files_deleted, outcome.counts.bytes_deleted) == deleted
    assert outcome.verification.files_extra == extra
    assert context.report.lines == lines


def test_extraneous_files(tmp_path: Path):
    make(tmp_path, "a b/c")
    plan = plan_of(Root("bucket", "src/"), Root(None, f"{tmp_path}/"), extraneous=[step("b/c")])
    outcome = Outcome()
    delete_extraneous(plan, context_of(), outcome)
    assert below(tmp_path) == "a b/"
    assert outcome.counts.files_deleted == 1


def test_extraneous_files_stay_when_the_time_is_up(tmp_path: Path):
    make(tmp_path, "a")
    plan = plan_of(Root("bucket", "src/"), Root(None, f"{tmp_path}/"), extraneous=[step("a")])
    with pytest.raises(OutOfTimeError):
        delete_extraneous(plan, context_of(seconds=0.0), Outcome())
    assert below(tmp_path) == "a"


def synced(root: Path, names: str, kind="file") -> list[Step]:
    """Steps of files as they are now."""
    return [deletion.step for deletion in local(root, names, kind)]


@table(
    "tree, names, options, left",
    {
        "a whole folder goes with what was synced": ("src/a src/b/c", "a b/c", {}, ""),
        "what came later keeps its folder": ("src/a src/b/c", "a", {}, "src/b/c"),
        "empty folders go with a whole folder": ("src/a src/b/", "a", {}, ""),
        "of a filtered folder those go that became empty": (
            "src/a src/b/c src/d/",
            "b/c",
            {"is_filtered": True},
            "src/a src/d/",
        ),
        "the folder of a single file stays": ("src/a", "a", {"single": True}, "src/"),
    },
)
def test_source_files_are_removed(tmp_path: Path, tree, names, options, left):
    make(tmp_path, tree)
    plan = plan_of(
        Root(None, f"{tmp_path}/src/"), IN_S3, synced(tmp_path / "src", names), **options
    )
    context, outcome = context_of(FakeS3()), Outcome()
    remove(plan, context, outcome)
    assert below(tmp_path) == left
    assert outcome.counts.files_removed == len(names.split())
    assert context.report.lines == [f"remove:{name}" for name in names.split()]
    assert outcome.is_complete
    assert not outcome.only_removes


def test_what_is_behind_links_keeps_its_folders(tmp_path: Path):
    make(tmp_path, "src/a/f other/f src/b/")
    steps = [*synced(tmp_path / "src", "a/f"), step("b/f", kind="symlink_target")]
    plan = plan_of(Root(None, f"{tmp_path}/src/"), IN_S3, steps, is_filtered=True)
    remove(plan, context_of(FakeS3()), Outcome())
    assert below(tmp_path) == "other/f src/b/"


def test_dry_run_removes_no_source(tmp_path: Path):
    make(tmp_path, "src/a")
    plan = plan_of(
        Root(None, f"{tmp_path}/src/"), IN_S3, synced(tmp_path / "src", "a"), mirror=True
    )
    s3, outcome = FakeS3(), Outcome()
    remove(plan, context_of(s3, changes=False), outcome)
    assert below(tmp_path) == "src/a"
    assert outcome.counts.files_removed == 1
    assert s3.requests == []


def test_source_objects_are_removed_as_they_were_listed():
    s3, outcome = FakeS3(), Outcome()
    listed = Step("transfer", "size", "a", Entry("a", 1, 1.0, "e"))
    remove(plan_of(Root("bucket", "src/"), IN_S3, [listed]), context_of(s3), outcome)
    assert s3.deleted == [["src/a"]]
    assert "<ETag>e</ETag>" in s3.requests[0].body.decode()
    assert outcome.counts.files_removed == 1


def test_objects_that_were_downloaded_stay(tmp_path: Path, caplog):
    s3, outcome = FakeS3(), Outcome()
    plan = plan_of(Root("bucket", "src/"), Root(None, f"{tmp_path}/"), [step("a")])
    remove(plan, context_of(s3), outcome)
    assert s3.requests == []
    assert outcome.counts.files_removed == 0
    assert "The source stays" in caplog.text


MARKER = f"dst/{MOVE_MARKER}"


@table(
    "options, operations",
    {
        "a mirror is marked while its source is removed": (
            {"mirror": True},
            ["PutObject dst/.data-sync-move", "DeleteObjects ", f"DeleteObject {MARKER}"],
        ),
        "a move that goes on is marked": (
            {"resumes_move": True},
            ["PutObject dst/.data-sync-move", "DeleteObjects ", f"DeleteObject {MARKER}"],
        ),
        "without a mirror nothing could be deleted by mistake": ({}, ["DeleteObjects "]),
    },
)
def test_marker_of_a_move(options, operations):
    s3 = FakeS3()
    plan = plan_of(Root("bucket", "src/"), IN_S3, [step("a")], **options)
    remove(plan, context_of(s3), Outcome())
    assert [f"{request.operation} {request.key}" for request in s3.requests] == operations


def test_marker_stays_where_the_source_is_not_removed():
    s3 = FakeS3(ERROR)
    plan = plan_of(Root("bucket", "src/"), IN_S3, [step("b")], mirror=True)
    with pytest.raises(AWSError, match="AccessDenied"):
        remove(plan, context_of(s3), Outcome())
    assert [request.operation for request in s3.requests] == ["PutObject", "DeleteObjects"]


def test_only_the_removal_is_left_when_the_time_is_up():
    s3, outcome = FakeS3(), Outcome()
    plan = plan_of(Root("bucket", "src/"), IN_S3, [step("a")])
    remove(plan, context_of(s3, seconds=0.0), outcome)
    assert not outcome.is_complete
    assert outcome.only_removes
    assert s3.requests == []


@table(
    "action, target_etag, stored, served, message",
    {
        "what was stored is served": ("transfer", None, "new", "new", None),
        "what was stored is not served": ("transfer", None, "new", "old", "another ETag"),
        "what was stored under an unknown ETag": ("transfer", None, None, "new", None),
        "what was kept is there": ("keep", "old", None, "old", None),
        "what was kept has been replaced": ("keep", "old", None, "new", "another ETag"),
        "what was kept without an ETag": ("keep", None, None, "old", None),
        "what differed was stored": ("compare", "old", "new", "new", None),
        "what differed was not stored": ("compare", "old", "new", "old", "another ETag"),
    },
)
def test_source_is_removed_once_its_target_has_the_etag(
    tmp_path: Path, action, target_etag, stored, served, message
):
    make(tmp_path, "src/a")
    [listed] = synced(tmp_path / "src", "a")
    plan = plan_of(
        Root(None, f"{tmp_path}/src/"),
        IN_S3,
        [listed._replace(action=action, there=Entry("a", 1, 1.0, target_etag))],
    )
    s3 = FakeS3()
    s3.headers = {"content-length": "1", "etag": f'"{served}"'}
    with closing(plan), pytest.raises(AWSError, match=message) if message else nullcontext():
        if stored:
            plan.arrivals.note(0, stored)
        remove(plan, context_of(s3), Outcome())
    assert below(tmp_path) == ("src/a" if message else "")


class Arrived(FakeS3):
    """An S3 that lists and serves some objects, given as their sizes and ETags.

    Args:
        listed: those of its listings, by key.
        served: those of single requests, by key.
    """

    def __init__(self, listed: dict[str, tuple[int, str]], served=()) -> None:
        super().__init__()
        self.listed = listed
        self.served = dict(served)
        self.looked_up: list[str] = []

    def send(self, request: Request) -> Future[Response]:
        future: Future[Response] = Future()
        if request.operation == "ListObjectsV2":
            found = "".join(
                f"<Contents><Key>{key}</Key><LastModified>2020-01-01T00:00:00Z</LastModified>"
                f"<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size></Contents>"
                for key, (size, etag) in sorted(self.listed.items())
            )
            body = (
                "<ListBucketResult><EncodingType>url</EncodingType>"
                f"<IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
            )
            future.set_result(Response({}, body.encode()))
        elif request.operation == "HeadObject":
            self.looked_up.append(request.key)
            if request.key in self.served:
                size, etag = self.served[request.key]
                headers = {"content-length": str(size), "etag": f'"{etag}"'}
                future.set_result(Response(headers, b""))
            else:
                error = ResourceNotFoundError("HeadObject", "NoSuchKey", "no such key")
                future.set_exception(error)
        else:
            return super().send(request)
        return future


@table(
    "listed, served, looked_up, message",
    {
        "what is listed has arrived": ({"dst/a": (1, "e1"), "dst/b": (1, "e2")}, {}, [], None),
        "other objects do not matter": (
            {"dst/0": (1, "x"), "dst/a": (1, "e1"), "dst/aa": (1, "x"), "dst/b": (1, "e2")},
            {},
            [],
            None,
        ),
        "what is not listed is looked up": (
            {"dst/b": (1, "e2")},
            {"dst/a": (1, "e1")},
            ["dst/a"],
            None,
        ),
        "what comes last is looked up": (
            {"dst/a": (1, "e1")},
            {"dst/b": (1, "e2")},
            ["dst/b"],
            None,
        ),
        "what is listed with another size is looked up": (
            {"dst/a": (2, "e1"), "dst/b": (1, "e2")},
            {"dst/a": (1, "e1")},
            ["dst/a"],
            None,
        ),
        "what is listed with another ETag is looked up": (
            {"dst/a": (1, "x"), "dst/b": (1, "e2")},
            {"dst/a": (1, "e1")},
            ["dst/a"],
            None,
        ),
        "what is nowhere is an error": ({"dst/b": (1, "e2")}, {}, ["dst/a"], "dst/a"),
        "what has another size is an error": (
            {"dst/a": (2, "e1"), "dst/b": (1, "e2")},
            {"dst/a": (2, "e1")},
            ["dst/a"],
            "dst/a",
        ),
    },
)
def test_source_is_removed_once_all_has_arrived(
    tmp_path: Path, listed, served, looked_up, message
):
    make(tmp_path, "src/a src/b")
    plan = plan_of(Root(None, f"{tmp_path}/src/"), IN_S3, synced(tmp_path / "src", "a b"))
    s3 = Arrived(listed, served)
    with closing(plan), pytest.raises(AWSError, match=message) if message else nullcontext():
        plan.arrivals.note(0, "e1")
        plan.arrivals.note(1, "e2")
        remove(plan, context_of(s3), Outcome())
    assert s3.looked_up == looked_up
    assert below(tmp_path) == ("src/a src/b" if message else "")


@table(
    "there, message",
    {
        "of the same content, as encryption changes ETags": ((1, "same"), None),
        "of another content": ((1, "other"), "another ETag"),
        "that is gone": (None, "another ETag"),
    },
)
def test_copy_under_another_etag_is_compared_to_its_source(there, message):
    target, source = Arrived({}, {"dst/a": (1, "same")}), Arrived({}, {})
    if there:
        source.served["src/a"] = there
    plan = plan_of(Root("source", "src/"), IN_S3, [step("a")._replace(action="transfer")])
    context = context_of(target)._replace(source_s3=source)
    with closing(plan), pytest.raises(AWSError, match=message) if message else nullcontext():
        plan.arrivals.note(0, "stored")
        remove(plan, context, Outcome())
    assert source.deleted == ([] if message else [["src/a"]])


def test_single_object_is_found_by_its_key():
    s3 = Arrived({"dst/a": (1, "e1")})
    plan = plan_of(Root("bucket", "src"), Root("bucket", "dst/a"), [step("")], single=True)
    with closing(plan):
        plan.arrivals.note(0, "e1")
        remove(plan, context_of(s3), Outcome())
    assert s3.looked_up == []
    assert s3.deleted == [["src"]]


@table(
    "names, missing",
    {
        "all files that were moved": ("a b/c", None),
        "a file that is not there": ("a b/c", "b/c"),
    },
)
def test_local_targets_are_looked_at(tmp_path: Path, names, missing):
    make(tmp_path, "src/a src/b/c dst/a dst/b/c")
    steps = synced(tmp_path / "src", names)
    plan = plan_of(Root(None, f"{tmp_path}/src/"), Root(None, f"{tmp_path}/dst/"), steps)
    if missing:
        (tmp_path / "dst" / missing).unlink()
    with closing(plan), pytest.raises(OSError, match=missing) if missing else nullcontext():
        remove(plan, context_of(), Outcome())
    assert (tmp_path / "src").exists() is bool(missing)


def test_local_target_of_another_size_keeps_the_source(tmp_path: Path):
    make(tmp_path, "src/a dst/a")
    steps = synced(tmp_path / "src", "a")
    (tmp_path / "dst/a").write_text("xy")
    plan = plan_of(Root(None, f"{tmp_path}/src/"), Root(None, f"{tmp_path}/dst/"), steps)
    with closing(plan), pytest.raises(AWSError, match="dst/a"):
        remove(plan, context_of(), Outcome())
    assert (tmp_path / "src/a").exists()


def test_one_etag_among_many_is_a_condition(monkeypatch: pytest.MonkeyPatch):
    unchanged: list[str] = []
    monkeypatch.setattr(deletions_module, "honours_conditions", lambda *_: False)
    monkeypatch.setattr(
        deletions_module, "delete_unchanged", lambda s3, version: unchanged.append(version.key)
    )
    s3 = FakeS3()
    assert sorted(delete(s3, [*objects(["a"]), *objects(["b"], "etag")])) == ["a", "b"]
    assert s3.requests == []
    assert sorted(unchanged) == ["a", "b"]


def test_another_object_is_no_evidence_of_an_arrival(tmp_path: Path):
    make(tmp_path, "src/a src/b")
    plan = plan_of(Root(None, f"{tmp_path}/src/"), IN_S3, synced(tmp_path / "src", "a b"))
    # Of the same size, and nothing is known of the ETags that were stored.
    s3 = Arrived({"dst/b": (1, "e")})
    with closing(plan), pytest.raises(AWSError, match="dst/a"):
        remove(plan, context_of(s3), Outcome())
    assert below(tmp_path) == "src/a src/b"


def test_files_are_deleted_in_one_thread_where_there_are_no_others(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(Pace, "is_slow", lambda _: True)
    make(tmp_path, "a b/c")
    told: list[Step] = []
    delete_files(folders(tmp_path), local(tmp_path, "a b/c"), told.append)
    assert below(tmp_path) == "b/"
    assert [step.target for step in told] == ["a", "b/c"]
