"""Batches of a sync, which together do what the sync would do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync import (
    batch_data_sync_handler,
    data_sync_handler,
    prepare_batch_data_sync_handler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.local import walk
from aibs_informatics_aws_lambda.handlers.data_sync.model import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.handlers.data_sync.operations import PrepareBatchDataSyncHandler
from aibs_informatics_aws_lambda.handlers.data_sync.prepare import extraneous
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node
from aibs_informatics_aws_lambda.storage.mount_discovery import forget_mount_points
from hypothesis import HealthCheck, given, settings, strategies as st
from tables import table


@pytest.fixture
def prepare(lambda_context):
    """Return the batches of a sync, each a list of pairs of paths."""

    def run(source: object, destination: object, limit: int | None = None, **event: Any):
        answer = prepare_batch_data_sync_handler(
            {
                "source_path": str(source),
                "destination_path": str(destination),
                "batch_size_bytes_limit": limit,
                **event,
            }
            if limit is not None
            else {"source_path": str(source), "destination_path": str(destination), **event},
            lambda_context,
        )
        return answer["requests"]

    return run


@pytest.fixture
def paths(prepare):
    def run(*arguments: Any, **event: Any) -> list[list[tuple[str, str]]]:
        return [
            [(sync["source_path"], sync["destination_path"]) for sync in batch["requests"]]
            for batch in prepare(*arguments, **event)
        ]

    return run


@pytest.fixture
def bucket(aws) -> str:
    aws.make_bucket("other")
    return aws.make_bucket()


@pytest.fixture
def put(aws, bucket):
    def run(**sizes: int) -> None:
        for key, size in sizes.items():
            aws.put(bucket, key, "x" * size)

    return run


def write(folder: Path, sizes: dict[str, int]) -> Path:
    for name, size in sizes.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size)
    return folder


EXAMPLE = {"a": 3, "b": 7, "c": 10, "d/1": 4, "d/2": 2, "e/1": 8, "e/2": 9}


class TestPaths:
    def test_worked_example(self, paths, tmp_path):
        source = write(tmp_path / "s", EXAMPLE)
        to = "s3://bucket/d"
        assert paths(source, f"{to}/", 10) == [
            [(f"{source}/c", f"{to}/c")],
            [(f"{source}/e/2", f"{to}/e/2")],
            [(f"{source}/e/1", f"{to}/e/1")],
            [(f"{source}/a", f"{to}/a"), (f"{source}/b", f"{to}/b")],
            [(f"{source}/d", f"{to}/d/")],
        ]

    def test_source_within_the_limit_is_one_request(self, paths, tmp_path):
        source = write(tmp_path / "s", EXAMPLE)
        assert paths(source, "s3://bucket/d", 43) == [[(str(source), "s3://bucket/d/")]]

    @pytest.mark.parametrize("event", [{}, {"batch_size_bytes_limit": 0}])
    def test_limit_is_large_by_default(self, paths, tmp_path, event):
        source = write(tmp_path / "s", EXAMPLE)
        assert len(paths(source, "s3://bucket/d", **event)) == 1
        assert PrepareBatchDataSyncHandler.DEFAULT_SOFT_MAX_BYTES == 250 * 1024**3

    def test_parts_are_not_switched_one_by_one(self, paths, tmp_path):
        with pytest.raises(ValueError, match="switch is for one sync"):
            paths(tmp_path, tmp_path / "copy", switch=True)

    def test_negative_limit_is_refused(self, paths, tmp_path):
        with pytest.raises(ValidationError, match="batch_size_bytes_limit"):
            paths(tmp_path, "s3://bucket/d", -1)

    @pytest.mark.parametrize("source", ["s3://bucket/src", "s3://bucket/src/"])
    @pytest.mark.parametrize("to", ["s3://other/dst", "s3://other/dst/"])
    def test_folders_on_s3_end_in_a_slash(self, paths, put, source, to):
        put(**{"src/a": 9, "src/sub/b": 5, "src2/c": 9})
        assert paths(source, to, 10) == [
            [("s3://bucket/src/a", "s3://other/dst/a")],
            [("s3://bucket/src/sub/", "s3://other/dst/sub/")],
        ]
        assert paths(source, to, 14) == [[("s3://bucket/src/", "s3://other/dst/")]]

    def test_whole_buckets(self, paths, put):
        put(**{"a": 9, "sub/b": 5})
        assert paths("s3://bucket", "s3://other", 10) == [
            [("s3://bucket/a", "s3://other/a")],
            [("s3://bucket/sub/", "s3://other/sub/")],
        ]

    def test_local_folders_have_no_trailing_slash(self, paths, put, tmp_path):
        put(**{"src/a": 9, "src/sub/b": 5})
        assert paths("s3://bucket/src", tmp_path, 10) == [
            [("s3://bucket/src/a", f"{tmp_path}/a")],
            [("s3://bucket/src/sub/", f"{tmp_path}/sub")],
        ]

    @pytest.mark.parametrize("to", ["s3://other/dst", "s3://other/dst/"])
    def test_single_file_and_empty_source_keep_the_requested_paths(self, paths, put, tmp_path, to):
        put(**{"src/a": 9, "empty/": 0})
        (tmp_path / "empty").mkdir()
        for source in (
            "s3://bucket/src/a",
            "s3://bucket/empty",
            "s3://bucket/empty/",
            "s3://bucket/missing",
            write(tmp_path, {"file": 3}) / "file",
            tmp_path / "empty",
            tmp_path / "missing",
        ):
            assert paths(source, to, 5) == [[(str(source), to)]]

    def test_efs_paths_keep_their_form(self, paths, aws, tmp_path, monkeypatch):
        forget_mount_points()
        efs = aws.client("efs").create_file_system(CreationToken="t")["FileSystemId"]
        monkeypatch.setenv("EFS_MOUNT_POINT_PATH_1", str(tmp_path))
        monkeypatch.setenv("EFS_MOUNT_POINT_ID_1", efs)
        write(tmp_path / "run", {"a": 9, "sub/b": 5})
        for root in (f"efs://{efs}:/run", f"{efs}:run"):
            assert paths(root, "s3://other/dst", 10) == [
                [(f"{root}/a", "s3://other/dst/a")],
                [(f"{root}/sub/", "s3://other/dst/sub/")],
            ]
            assert paths(root, "s3://other/dst", 99) == [[(f"{root}/", "s3://other/dst/")]]
        assert paths(tmp_path / "run", f"efs://{efs}:/copy/", 10) == [
            [(f"{tmp_path}/run/a", f"efs://{efs}:/copy/a")],
            [(f"{tmp_path}/run/sub", f"efs://{efs}:/copy/sub")],
        ]

    def test_source_prefix_becomes_part_of_the_destination(self, prepare, paths, put):
        put(**{"run/A/x": 9, "run/A/s/y": 5})
        source, to = "s3://bucket/run/A/", "s3://other/dst"
        assert paths(source, to, 10, source_path_prefix="run/") == [
            [("s3://bucket/run/A/x", "s3://other/dst/A/x")],
            [("s3://bucket/run/A/s/", "s3://other/dst/A/s/")],
        ]
        [batch] = prepare(source, to, 99, source_path_prefix="run")
        [sync] = batch["requests"]
        assert sync["destination_path"] == "s3://other/dst/A/"
        assert "source_path_prefix" not in sync
        assert paths("s3://bucket/run/A/x", to, source_path_prefix="run/") == [
            [("s3://bucket/run/A/x", "s3://other/dst/A/x")]
        ]

    def test_prefix_that_source_keys_lack_is_refused(self, paths, put):
        put(**{"run/A/x": 9})
        with pytest.raises(ValueError, match="source_path_prefix 'other/'"):
            paths("s3://bucket/run/A/", "s3://other/d", source_path_prefix="other/")

    def test_class_methods_return_the_paths_of_a_part(self):
        request = PrepareBatchDataSyncRequest(
            source_path="s3://bucket/src", destination_path="s3://other/dst"
        )
        node = Node("sub/", 1, 1, 0.0, "folder")
        handler = PrepareBatchDataSyncHandler
        assert handler.build_source_path(request, node) == "s3://bucket/src/sub/"
        assert handler.build_destination_path(request, node) == "s3://other/dst/sub/"

    def test_anything_with_a_size_can_be_packed(self):
        class Box(NamedTuple):
            size_bytes: int

        boxes = [Box(6), Box(7), Box(3), Box(2)]
        assert PrepareBatchDataSyncHandler.build_node_batches(boxes, 10) == [
            [Box(7), Box(3)],
            [Box(6), Box(2)],
        ]


class TestRequests:
    def test_settings_are_passed_on(self, prepare, put):
        put(**{"src/a": 9, "src/sub/b": 5})
        chosen = {
            "delete": False,
            "force": True,
            "max_concurrency": 3,
            "filter_config": {"exclude": "z"},
            "remote_to_local_config": {"use_custom_tmp_dir": True},
        }
        batches = prepare("s3://bucket/src", "s3://other/d", 10, **chosen)
        assert len(batches) == 2
        for batch in batches:
            assert batch["allow_partial_failure"] is False
            for sync in batch["requests"]:
                assert chosen.items() <= sync.items()
                assert sync["filter_root"] == "s3://bucket/src"
                assert "batch_size_bytes_limit" not in sync

    def test_filter_root_is_kept(self, prepare, put):
        put(**{"src/a": 9})
        [batch] = prepare("s3://bucket/src/", "s3://other/d", filter_root="s3://bucket")
        assert batch["requests"][0]["filter_root"] == "s3://bucket"

    def test_stored_batches_are_numbered_lists(self, prepare, aws, put, tmp_path):
        put()
        source = write(tmp_path / "src", {"a": 9, "b": 3})
        location = "s3://bucket/tmp"
        assert prepare(source, "s3://other/d", 10, temporary_request_payload_path=location) == [
            {"requests": f"s3://bucket/tmp/request_{n}.json", "allow_partial_failure": False}
            for n in (0, 1)
        ]
        [stored] = json.loads(aws.get("bucket", "tmp/request_1.json"))
        assert stored["source_path"] == f"{source}/b"

    def test_filters_apply_before_splitting(self, paths, tmp_path):
        source = write(tmp_path / "run", {"A/r.bam": 9, "A/n.txt": 50, "B/r.bam": 8})
        only = {"include": r".*\.bam"}
        assert paths(source, "s3://other/d/", 10, filter_config=only) == [
            [(f"{source}/A", "s3://other/d/A/")],
            [(f"{source}/B", "s3://other/d/B/")],
        ]

    def test_filters_that_exclude_everything_are_an_error(self, paths, tmp_path):
        source, to = write(tmp_path / "run", {"a": 1}), "s3://other/d"
        only = {"include": ["b", "c"]}
        with pytest.raises(ValueError, match=rf"\['b', 'c'\].* exclude all files of {source}"):
            paths(source, to, filter_config=only)
        found = paths(source, to, filter_config=only, fail_if_missing=False)
        assert found == [[(str(source), to)]]

    def test_filters_between_local_paths_are_refused(self, paths, tmp_path):
        with pytest.raises(ValueError, match="filters"):
            paths(tmp_path, tmp_path / "to", filter_config={"include": "a"})


class TestRefusals:
    def test_missing_bucket_is_an_error(self, paths, aws):
        with pytest.raises(ResourceNotFoundError, match="s3://missing"):
            paths("s3://missing/src", "s3://other/d", fail_if_missing=False)

    def test_key_that_leaves_the_destination_is_refused(self, paths, put, tmp_path):
        put(**{"src/../../x": 9, "src/a": 9})
        with pytest.raises(ValueError, match="would leave the destination"):
            paths("s3://bucket/src/", tmp_path, 10)

    def test_destination_inside_the_source_is_refused(self, paths, put):
        put(**{"src/a": 9, "src/b": 9})
        with pytest.raises(ValueError, match="source and destination overlap"):
            paths("s3://bucket/src/", "s3://bucket/src/copy/", 10)

    def test_object_with_objects_below_is_refused_to_local(self, paths, put, tmp_path):
        put(**{"src": 9, "src/b": 9})
        with pytest.raises(ValueError, match="a file and a folder"):
            paths("s3://bucket/src", tmp_path, 10)


class TestBatchesTogether:
    """Batches leave the same destination as one sync."""

    @pytest.fixture
    def differences(self, aws, lambda_context, tmp_path_factory):
        """Return what one sync of a tree, and the batches of it, leave there differently."""
        s3 = aws.client("s3")
        for bucket in ("bucket", "one", "parts"):
            aws.make_bucket(bucket)

        def compare(
            tree: dict[str, int],
            source: str,
            limit: int,
            *,
            to_disk: bool = False,
            before: dict[str, int] | None = None,
            **options: Any,
        ):
            for bucket in ("bucket", "one", "parts"):
                for key in _content(s3, bucket):
                    s3.delete_object(Bucket=bucket, Key=key)
            for key, size in tree.items():
                s3.put_object(Bucket="bucket", Key=key, Body=os.urandom(size))
            folder = tmp_path_factory.mktemp("disk")
            one, parts = (
                (folder / "1", folder / "2") if to_disk else ("s3://one/d", "s3://parts/d")
            )
            for key, size in (before or {}).items():
                for root in (one, parts):
                    if isinstance(root, Path):
                        (root / key).parent.mkdir(parents=True, exist_ok=True)
                        (root / key).write_bytes(b"x" * size)
                    else:
                        s3.put_object(Bucket=root[5:-2], Key=f"d/{key}", Body=b"x" * size)
            event = {"source_path": source, "batch_size_bytes_limit": limit, **options}
            done = [data_sync_handler({**event, "destination_path": str(one)}, lambda_context)]
            whole = {**event, "destination_path": str(parts)}
            batches = [
                batch_data_sync_handler(batch, lambda_context)
                for batch in prepare_batch_data_sync_handler(whole, lambda_context)["requests"]
            ]
            counts = [
                tuple(
                    sum(answer["result"][name] for answer in answers)
                    for name in ("files_transferred", "files_deleted", "bytes_deleted")
                )
                for answers in (done, batches)
            ]
            assert counts[0] == counts[1]
            if isinstance(one, Path):
                return _files(one).items() ^ _files(parts).items()
            return _content(s3, "one").items() ^ _content(s3, "parts").items()

        return compare

    @pytest.mark.parametrize("source", ["s3://bucket/src", "s3://bucket/src/", "s3://bucket"])
    def test_unusual_keys_are_copied(self, differences, source):
        tree = {
            "src": 3,
            "src/": 0,
            "src/a": 4,
            "src/a-": 1,
            "src/a/": 0,
            "src/a/a": 5,
            "src/a/b/": 2,
            "src/a/b/c": 6,
            "src/a/b//d": 6,
            "src/ü +%/x": 7,
            "src/./y": 8,
            "src2/z": 9,
        }
        assert differences(tree, source, limit=10) == set()

    names = st.text("ab", min_size=1, max_size=1)
    keys = st.lists(names, min_size=1, max_size=3).map("/".join)

    @given(st.dictionaries(keys, st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 20))
    @settings(
        max_examples=5,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_any_tree_is_copied(self, differences, tree, limit):
        below = {f"src/{key}": size for key, size in tree.items()}
        assert differences(below, "s3://bucket/src", limit) == set()

    @given(
        st.dictionaries(keys, st.integers(1, 9), min_size=1, max_size=6),
        st.dictionaries(keys, st.integers(1, 9), max_size=8),
        st.integers(1, 12),
        st.sampled_from([{}, {"filter_config": {"exclude": "a(/.*)?"}}]),
        st.sampled_from([{}, {"protect_excluded": True}]),
    )
    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_any_destination_becomes_the_same(
        self, differences, tree, before, limit, filters, protection
    ):
        below = {f"src/{key}": size for key, size in tree.items()} | {"src/b/b/b": 9}
        options = {**filters, **protection}
        assert differences(below, "s3://bucket/src", limit, before=before, **options) == set()

    @pytest.mark.parametrize("to_disk", [False, True])
    def test_extraneous_files_at_every_depth_are_deleted(self, differences, to_disk):
        tree = {f"src/c/0/{n}": 10 for n in range(4)} | {"src/zarr.json": 5}
        before = {f"c/{i}/{n}": 9 for i in range(3) for n in range(4)} | {"old": 1, "c/old": 1}
        where = {"to_disk": to_disk, "before": before}
        assert differences(tree, "s3://bucket/src/", 15, **where) == set()

    def test_tree_is_downloaded(self, differences):
        tree = {f"src/{key}": size for key, size in EXAMPLE.items()}
        placeholders = {"src/": 0, "src/e/": 0, "src/p/": 0}
        assert differences(tree | placeholders, "s3://bucket/src", 10, to_disk=True) == set()


def _content(s3: Any, bucket: str) -> dict[str, str]:
    listing = s3.list_objects_v2(Bucket=bucket)
    return {found["Key"]: found["ETag"] for found in listing.get("Contents", [])}


def _files(folder: Path) -> dict[Path, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def test_deletions_are_syncs_that_only_delete(prepare, put, aws):
    put(**{"src/a": 9, "src/b/c": 9})
    for key in ("a", "b/x", "old/1", "old/2", "top+"):
        aws.put("other", f"d/{key}", "x")

    *_, [deletion] = (
        batch["requests"] for batch in prepare("s3://bucket/src", "s3://other/d", 10)
    )

    assert deletion["source_path"] == "s3://bucket/src/"
    assert deletion["destination_path"] == "s3://other/d/"
    assert deletion["delete_only"] == ["old/(?s:.*)", r"top\+"]


@table(
    "destination, listings",
    {
        "nothing at the destination": (None, 1),
        "a folder that is empty": ("", 1),
        "something at the destination": ("extra", 2),
    },
)
def test_source_is_listed_once_unless_something_may_be_extraneous(
    prepare, tmp_path: Path, monkeypatch, destination, listings
):
    for name in ("a", "b/c"):
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_bytes(bytes(9))
    if destination is not None:
        (tmp_path / "dst").mkdir()
    if destination:
        (tmp_path / "dst" / destination).touch()
    listed, list_really = [], walk.list_source

    def list_source(folder: Path, *arguments: Any) -> Iterator[Entry]:
        listed.append(folder)
        return list_really(folder, *arguments)

    monkeypatch.setattr(walk, "list_source", list_source)
    batches = prepare(f"{tmp_path}/src", f"{tmp_path}/dst", 10, local_mirror=True)
    deletions = [sync for batch in batches for sync in batch["requests"] if "delete_only" in sync]
    assert [sync["delete_only"] for sync in deletions] == ([[destination]] if destination else [])
    assert len(listed) == listings


@table(
    "limit, deletes, looks",
    {
        "a source that exceeds the limit": (100, True, 1),
        "a source of one part": (1000, True, 0),
        "a sync that deletes nothing": (100, False, 0),
    },
)
def test_destination_is_looked_up_once_while_the_source_is_listed(
    prepare, tmp_path: Path, monkeypatch, limit, deletes, looks
):
    for number in range(100):
        path = tmp_path / f"src/{number // 50}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(9))
    looked, look = [], extraneous._is_empty
    is_listed, has_looked = threading.Event(), threading.Event()

    def is_empty(request: PrepareBatchDataSyncRequest) -> bool:
        looked.append(is_listed.is_set())
        has_looked.set()
        return look(request)

    def list_source(folder: Path, *arguments: Any) -> Iterator[Entry]:
        yield from list_really(folder, *arguments)
        if looks:
            assert has_looked.wait(timeout=180)
        is_listed.set()

    list_really = walk.list_source
    monkeypatch.setattr(extraneous, "_is_empty", is_empty)
    monkeypatch.setattr(walk, "list_source", list_source)
    prepare(f"{tmp_path}/src", f"{tmp_path}/dst", limit, delete=deletes)
    assert looked == [False] * looks


def test_destination_that_cannot_be_listed_is_left_to_the_syncs(
    prepare, tmp_path: Path, monkeypatch, caplog
):
    def fail(_: PrepareBatchDataSyncRequest) -> bool:
        raise ResourceNotFoundError("no such bucket")

    for number in range(100):
        (tmp_path / f"{number}").write_bytes(bytes(9))
    monkeypatch.setattr(extraneous, "_is_empty", fail)
    batches = prepare(tmp_path, "s3://bucket/missing", 100)
    assert not [one for batch in batches for one in batch["requests"] if "delete_only" in one]
    assert "cannot look for extraneous files: no such bucket" in caplog.text


def test_uri_of_a_part_keeps_its_key(paths, put):
    put(**{"src/a b+%41/é": 9, "src/c": 9})
    [[(first, _)], _] = paths("s3://bucket/src", "s3://other/d", 10)
    assert S3Path(first).key == "src/a b+%41/"


def test_each_part_has_a_report_of_its_own(prepare, tmp_path: Path):
    write(tmp_path, {"a": 10, "b": 10})
    report = "s3://bucket/reports/run.jsonl"
    batches = prepare(tmp_path, "s3://bucket/d/", 10, report_path=report)
    reports = {sync["report_path"] for batch in batches for sync in batch["requests"]}
    assert len(reports) == 2
    assert all(path.startswith("s3://bucket/reports/run-") for path in reports)
    [whole] = prepare(tmp_path, "s3://bucket/d/", 100, report_path=report)
    assert whole["requests"][0]["report_path"] == report


SLOW = """
import json, sys
from aibs_informatics_aws_lambda.handlers.data_sync.local import walk_process
from aibs_informatics_aws_lambda.handlers.data_sync.model import PrepareBatchDataSyncRequest
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.handler import (
    PrepareBatchDataSyncHandler,
)

walk_process.SLOW_SECONDS = -1.0
started, Process = [], walk_process.WalkProcess
walk_process.WalkProcess = lambda *arguments: started.append(arguments) or Process(*arguments)
request = PrepareBatchDataSyncRequest.from_dict(json.loads(sys.argv[1]))
responses = []
for cpus in (2, 1):
    walk_process._count_cpus = lambda: cpus
    responses.append(PrepareBatchDataSyncHandler().handle(request))
    assert len(started) == 1
assert responses[0] == responses[1]
assert len(responses[0].requests) == 2
"""


def test_folder_of_a_slow_file_system_is_walked_in_a_process_of_its_own(tmp_path: Path):
    source = write(tmp_path / "source", {f"d{number}/f": 10 for number in range(4)})
    request = {
        "source_path": str(source),
        "destination_path": "s3://bucket/key",
        "batch_size_bytes_limit": 20,
    }
    command = [sys.executable, "-W", "error", "-c", SLOW, json.dumps(request)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
