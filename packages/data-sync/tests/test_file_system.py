from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.handlers import data_sync
from aibs_informatics_aws_lambda.handlers.data_sync import file_system
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry, Listing
from aibs_informatics_aws_lambda.storage.mount_discovery import forget_mount_points

DAY = 86400


@pytest.fixture
def call(lambda_context) -> Callable[..., Any]:
    return lambda name, **event: getattr(data_sync, f"{name}_handler")(event, lambda_context)


@pytest.fixture
def stats(call):
    return lambda path: call("get_data_path_stats", path=str(path))


@pytest.fixture
def listed(call):
    return lambda path, **event: call("list_data_paths", path=str(path), **event)["paths"]


@pytest.fixture
def stale(call):
    """Scan; times are in days since 1970, and it is day 10."""

    def scan(path: Path, days: float = 1, **event: Any) -> list[str]:
        found = call(
            "outdated_data_path_scanner",
            path=str(path),
            days_since_last_accessed=days,
            current_time=10 * DAY,
            **event,
        )
        return [text.removeprefix(f"{path}/") for text in found["paths"]]

    return scan


@pytest.fixture
def remove(call):
    return lambda *paths, **event: call("remove_data_paths", paths=list(map(str, paths)), **event)


@pytest.fixture
def efs(aws, tmp_path, monkeypatch) -> str:
    """The id of a file system that is mounted at the folder ``mount``."""
    forget_mount_points()
    (tmp_path / "mount").mkdir()
    file_system: str = aws.client("efs").create_file_system(CreationToken="t")["FileSystemId"]
    monkeypatch.setenv("EFS_MOUNT_POINT_PATH_1", str(tmp_path / "mount"))
    monkeypatch.setenv("EFS_MOUNT_POINT_ID_1", file_system)
    return file_system


def write(path: Path, content: str = "x", day: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    if day is not None:
        os.utime(path, (day * DAY, day * DAY))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


NOTHING = {"size_bytes": 0, "object_count": 0, "last_modified": "1970-01-01T00:00:00Z"}


class TestGetDataPathStats:
    def test_stores_are_single_items(self, call, tmp_path):
        write(tmp_path / "x.zarr" / "zarr.json", "{}", day=1)
        write(tmp_path / "x.zarr" / "c" / "0", "chunk", day=2)
        write(tmp_path / "a", "aaa", day=3)
        found = call("get_data_path_stats", path=str(tmp_path), stores=True)
        total = {"size_bytes": 10, "object_count": 3, "last_modified": "1970-01-04T00:00:00Z"}
        store = {"size_bytes": 7, "object_count": 2, "last_modified": "1970-01-03T00:00:00Z"}
        assert found == {
            "path": str(tmp_path),
            "path_stats": total,
            "children": {},
            "stores": [{"path": f"{tmp_path}/x.zarr/", "kind": "Zarr", "version": "3", **store}],
            "other_files": total | {"size_bytes": 3, "object_count": 1},
        }

    def test_stores_in_s3_can_be_stored_as_a_list(self, call, aws):
        bucket = aws.make_bucket()
        aws.put(bucket, "d/n5/attributes.json", b'{"n5": "2.5.1"}')
        aws.put(bucket, "d/n5/0/0", b"chunk")
        aws.put(bucket, "d/p/_metadata", b"PAR1\x15\x04\0\3\0\0\0PAR1")
        aws.put(bucket, "d/p/a.parquet", b"")
        found = call(
            "get_data_path_stats",
            path="s3://bucket/d",
            stores=True,
            response_path="s3://bucket/lists/",
        )
        assert found["stores"] == "s3://bucket/lists/stores.json"
        listed = json.loads(aws.get(bucket, "lists/stores.json"))
        assert [(each["path"], each["kind"], each["version"]) for each in listed] == [
            ("s3://bucket/d/n5/", "N5", "2.5.1"),
            ("s3://bucket/d/p/", "Parquet", "2"),
        ]

    def test_stats_are_summed_up_by_child(self, stats, tmp_path):
        write(tmp_path / "a", "aaa", day=1)
        write(tmp_path / "sub" / "b", "bb", day=2.5)
        write(tmp_path / "sub" / "deep" / "c", "c", day=2)
        assert stats(tmp_path) == {
            "path": str(tmp_path),
            "path_stats": {
                "size_bytes": 6,
                "object_count": 3,
                "last_modified": "1970-01-03T12:00:00Z",
            },
            "children": {
                "a": {
                    "size_bytes": 3,
                    "object_count": 1,
                    "last_modified": "1970-01-02T00:00:00Z",
                },
                "sub": {
                    "size_bytes": 3,
                    "object_count": 2,
                    "last_modified": "1970-01-03T12:00:00Z",
                },
            },
        }

    def test_single_file_counts_once_and_has_no_children(self, stats, tmp_path):
        found = stats(write(tmp_path / "a", "aaa"))
        assert found["path"] == str(tmp_path / "a")
        assert found["path_stats"]["object_count"] == 1
        assert found["children"] == {}

    @pytest.mark.parametrize("name", ["missing", "empty"])
    def test_missing_path_has_zero_stats(self, stats, tmp_path, name):
        (tmp_path / "empty").mkdir()
        path = tmp_path / name
        assert stats(path) == {"path": str(path), "path_stats": NOTHING, "children": {}}

    def test_prefix_does_not_match_sibling_keys(self, stats, aws):
        aws.make_bucket()
        for key in ("src", "src/a", "src/sub/", "src/sub/b", "src2/c", "src.txt"):
            aws.put("bucket", key, "xx" if not key.endswith("/") else "")
        for uri, count in (("s3://bucket/src", 4), ("s3://bucket/src/", 3)):
            found = stats(uri)
            assert found["path"] == "src"
            assert found["path_stats"]["object_count"] == count
            assert {n: c["object_count"] for n, c in found["children"].items()} == {
                "a": 1,
                "sub": 2,
            }

    def test_symlinks_to_folders_are_skipped(self, stats, tmp_path):
        write(tmp_path / "other" / "x")
        root = tmp_path / "root"
        write(root / "a", "aaa")
        (root / "folder").symlink_to("../other")
        (root / "file").symlink_to("a")
        (root / "nowhere").symlink_to("missing")
        (root / "circle").symlink_to("circle")
        found = stats(root)
        assert found["children"].keys() == {"a", "file"}
        assert found["path_stats"]["size_bytes"] == 6

    def test_efs_path_keeps_its_form(self, stats, efs, tmp_path):
        write(tmp_path / "mount" / "run" / "a")
        assert stats(f"efs://{efs}:/run")["path"] == f"efs://{efs}:/run/"

    def test_names_that_are_not_utf8_are_quoted(self, stats, tmp_path):
        for name in (b"\xff", b"\xfe", "\u201b".encode()):
            write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)))
        assert stats(tmp_path)["children"].keys() == {"\u201bFF", "\u201bFE", "\u201b\u201b"}

    @pytest.mark.parametrize(
        ("seconds", "time"),
        [
            (-2_177_452_800, "1901-01-01T00:00:00Z"),
            (1e12, "9999-12-31T23:59:59.999999Z"),
            (-1e12, "0001-01-01T00:00:00Z"),
        ],
    )
    def test_times_are_limited_to_the_years_1_to_9999(self, stats, monkeypatch, seconds, time):
        entries = [Entry("a/b", 1, seconds)]
        found = Listing(None, entries, exists=True)
        monkeypatch.setattr(file_system, "find_chosen_contents", lambda *_: found)
        assert stats("/x")["path_stats"]["last_modified"] == time

    def test_missing_bucket_is_an_error(self, stats, aws):
        with pytest.raises(ResourceNotFoundError, match="s3://missing"):
            stats("s3://missing/x")


class TestListDataPaths:
    def test_all_files_and_folders_are_listed_in_order(self, listed, tmp_path):
        write(tmp_path / "a" / "b" / "c")
        write(tmp_path / "a-")
        (tmp_path / "empty").mkdir()
        assert listed(tmp_path) == [
            f"{tmp_path}/{rest}" for rest in ("", "a-", "a/", "a/b/", "a/b/c")
        ]

    def test_single_file_is_listed_alone(self, listed, tmp_path):
        assert listed(write(tmp_path / "a")) == [f"{tmp_path}/a"]

    def test_missing_path_is_listed_alone(self, listed, tmp_path):
        assert listed(tmp_path / "missing") == [f"{tmp_path}/missing"]

    def test_relative_path_becomes_absolute(self, listed, tmp_path, monkeypatch):
        write(tmp_path / "run" / "a")
        monkeypatch.chdir(tmp_path)
        assert listed("run/") == [f"{tmp_path}/run/", f"{tmp_path}/run/a"]

    def test_keys_are_listed_without_bucket(self, listed, aws):
        aws.make_bucket()
        for key in ("src/a//b", "src/p/", "src2/c"):
            aws.put("bucket", key)
        nodes = ["src/", "src/a/", "src/a//", "src/a//b", "src/p/"]
        assert listed("s3://bucket/src") == nodes
        assert listed("s3://bucket") == sorted(["", *nodes, "src2/", "src2/c"])

    def test_single_object_is_listed_alone(self, listed, aws):
        aws.make_bucket()
        uri = aws.put("bucket", "src/a.txt")
        assert listed(uri) == ["src/a.txt"]

    def test_patterns_match_from_the_start_of_the_relative_path(self, listed, tmp_path):
        for name in ("a.txt", "sub/b", "sub/nope", "xsub/c"):
            write(tmp_path / name)
        assert listed(tmp_path, include=["sub", r"a\.t"], exclude="sub/no") == [
            f"{tmp_path}/{name}" for name in ("a.txt", "sub/", "sub/b")
        ]

    def test_pattern_matches_the_root_as_a_dot(self, listed, tmp_path):
        write(tmp_path / "a")
        assert listed(tmp_path, include=r"\.$") == [f"{tmp_path}/"]
        assert listed(tmp_path, exclude=r"\.$") == [f"{tmp_path}/a"]

    def test_patterns_match_relative_paths_on_s3_and_efs(self, listed, aws, efs, tmp_path):
        aws.make_bucket()
        aws.put("bucket", "src/sub/x")
        write(tmp_path / "mount" / "src" / "sub" / "x")
        assert listed("s3://bucket/src/", include="sub/x") == ["src/sub/x"]
        root = f"fs-{efs.removeprefix('fs-')}:/src"
        assert listed(root, include="sub/x") == [f"{root}/sub/x"]

    def test_pattern_that_could_take_exponential_time_is_refused(self, listed, tmp_path):
        with pytest.raises(ValueError, match=r"the include pattern .* exponential time"):
            listed(tmp_path, include="(a+)+")

    def test_invalid_pattern_is_named(self, listed, tmp_path):
        with pytest.raises(ValueError, match=r"the exclude pattern '\('"):
            listed(tmp_path, exclude="(")


class TestOutdatedDataPathScanner:
    def test_age_of_a_folder_is_that_of_its_newest_file(self, stale, tmp_path):
        write(tmp_path / "a", day=1)
        write(tmp_path / "sub" / "b", day=1)
        write(tmp_path / "sub" / "c", day=9.5)
        write(tmp_path / "old" / "d", day=1)
        assert stale(tmp_path) == ["a", "old/", "sub/b"]

    def test_age_must_exceed_the_limit(self, stale, tmp_path):
        write(tmp_path / "a", day=9)
        write(tmp_path / "b", day=10)
        assert stale(tmp_path, days=1) == []
        assert stale(tmp_path, days=0.99) == ["a"]

    def test_stale_root_is_returned_as_a_whole(self, stale, tmp_path):
        write(tmp_path / "a", day=1)
        assert stale(tmp_path) == [""]

    def test_folders_above_min_depth_are_not_returned(self, stale, tmp_path):
        write(tmp_path / "a", day=1)
        write(tmp_path / "sub" / "deep" / "b", day=1)
        assert stale(tmp_path, min_depth=1) == ["a", "sub/"]
        assert stale(tmp_path, min_depth=2) == ["a", "sub/deep/"]

    def test_fresh_folder_at_max_depth_is_not_searched(self, stale, tmp_path):
        write(tmp_path / "fresh" / "now", day=10)
        write(tmp_path / "fresh" / "old", day=1)
        write(tmp_path / "old" / "deep" / "x", day=1)
        assert stale(tmp_path, min_depth=2, max_depth=1) == ["old/deep/"]
        assert stale(tmp_path, max_depth=0) == []

    def test_oldest_paths_are_taken_until_the_minimum_size(self, stale, tmp_path):
        write(tmp_path / "a", "aaaa", day=1)
        write(tmp_path / "b", "bbb", day=0)
        write(tmp_path / "c", "ccccc", day=2)
        assert stale(tmp_path, min_depth=1, min_size_bytes_allowed=8) == ["a", "b"]

    def test_ties_are_broken_by_path(self, stale, tmp_path):
        for name in "cab":
            write(tmp_path / name, day=1)
        assert stale(tmp_path, min_depth=1, min_size_bytes_allowed=1) == ["a", "b"]

    def test_missing_path_has_no_stale_paths(self, stale, tmp_path):
        assert stale(tmp_path / "missing") == []

    def test_single_file_can_be_stale(self, stale, tmp_path):
        assert stale(write(tmp_path / "a", day=1)) == [f"{tmp_path}/a"]

    def test_single_object_can_be_stale(self, call, aws):
        aws.make_bucket()
        uri = aws.put("bucket", "src/a.txt", "x")
        found = call("outdated_data_path_scanner", path=uri, current_time="2100-01-01T00:00:00")
        assert found == {"paths": ["src/a.txt"]}

    def test_stale_placeholder_does_not_select_its_fresh_folder(self, call, aws):
        aws.make_bucket()
        aws.put("bucket", "src/sub/")
        aws.put("bucket", "src/sub/a", "x")
        found = call(
            "outdated_data_path_scanner", path="s3://bucket/src", currentTime=4e12, min_depth=3
        )
        assert found == {"paths": ["src/sub/a"]}

    @pytest.mark.parametrize("time", ["2024-01-02T00:00:00", "2024-01-02T00:00:00Z", 1704153600])
    def test_time_without_zone_is_utc(self, call, tmp_path, time):
        write(tmp_path / "a", day=19722)  # 2023-12-31
        event = {"path": str(tmp_path), "current_time": time}
        scan = "outdated_data_path_scanner"
        assert call(scan, **event, days_since_last_accessed=1.9)["paths"] == [f"{tmp_path}/"]
        assert call(scan, **event, days_since_last_accessed=2.1)["paths"] == []

    def test_boolean_is_not_a_time(self, call, tmp_path):
        with pytest.raises(ValidationError, match="current_time"):
            call("outdated_data_path_scanner", path=str(tmp_path), current_time=True)

    def test_current_time_defaults_to_now(self, call, tmp_path):
        write(tmp_path / "a")
        scan = "outdated_data_path_scanner"
        assert call(scan, path=str(tmp_path), days_since_last_accessed=1)["paths"] == []

    def test_plan_is_not_supported_on_s3(self, call, aws):
        aws.make_bucket()
        with pytest.raises(ValueError, match="with_plan to false"):
            call("outdated_data_path_scanner", path="s3://bucket", with_plan=True)


class TestRemoveDataPaths:
    def test_sizes_are_summed_up_and_paths_listed_in_order(self, remove, tmp_path):
        write(tmp_path / "z", "zzz")
        write(tmp_path / "sub" / "deep" / "x", "x")
        write(tmp_path / "keep")
        answer = remove(tmp_path / "z", tmp_path / "sub")
        assert answer == {
            "size_bytes_removed": 4,
            "paths_removed": [f"{tmp_path}/z", f"{tmp_path}/sub"],
        }
        assert names(tmp_path) == ["keep"]

    def test_missing_and_repeated_paths_are_listed(self, remove, tmp_path):
        file = write(tmp_path / "a", "aaa")
        answer = remove(file, file, tmp_path / "no" / "such")
        assert answer["size_bytes_removed"] == 3
        assert answer["paths_removed"] == [str(file), str(file), f"{tmp_path}/no/such"]

    def test_no_paths_remove_nothing(self, remove):
        assert remove() == {"size_bytes_removed": 0, "paths_removed": []}

    def test_quoted_names_of_a_list_can_be_removed(self, remove, listed, tmp_path):
        name = os.fsdecode(b"\xff\xe2\x80\x9b")
        file = write(tmp_path / "a" / name)
        assert listed(tmp_path / "a")[-1] == f"{tmp_path}/a/\u201bFF\u201b\u201b"
        answer = remove(*listed(tmp_path / "a")[1:])
        assert answer["paths_removed"] == [f"{tmp_path}/a/\u201bFF\u201b\u201b"]
        assert not file.exists()

    def test_s3_is_skipped(self, remove, aws):
        aws.make_bucket()
        uri = aws.put("bucket", "a")
        assert remove(uri)["paths_removed"] == []
        assert aws.keys("bucket") == ["a"]

    def test_efs_path_is_listed_as_its_local_path(self, remove, efs, tmp_path):
        file = write(tmp_path / "mount" / "run" / "a", "aa")
        answer = remove(f"efs://{efs}:/run/a")
        assert answer == {"size_bytes_removed": 2, "paths_removed": [str(file)]}
        assert not file.exists()

    def test_symlink_is_removed_and_its_target_kept(self, remove, tmp_path):
        write(tmp_path / "target" / "x", "xxx")
        (tmp_path / "folder").symlink_to("target")
        (tmp_path / "file").symlink_to("target/x")
        (tmp_path / "nowhere").symlink_to("missing")
        answer = remove(*(tmp_path / name for name in ("folder", "file", "nowhere")))
        assert answer["size_bytes_removed"] == 0
        assert names(tmp_path) == ["target"]
        assert (tmp_path / "target" / "x").read_text() == "xxx"

    def test_links_inside_a_folder_are_not_followed(self, remove, tmp_path):
        write(tmp_path / "other" / "x", "xxx")
        write(tmp_path / "sub" / "a", "a")
        (tmp_path / "sub" / "link").symlink_to("../other")
        assert remove(tmp_path / "sub")["size_bytes_removed"] == 1
        assert (tmp_path / "other" / "x").exists()

    @pytest.mark.parametrize("path", ["/", "//", "/proc", "/dev/../proc/"])
    def test_mount_points_are_refused_before_any_removal(self, remove, tmp_path, path):
        file = write(tmp_path / "a")
        with pytest.raises(ValueError, match="it is a mount point"):
            remove(file, path)
        assert file.exists()

    def test_efs_mount_point_is_refused(self, remove, efs, tmp_path):
        file = write(tmp_path / "mount" / "a")
        with pytest.raises(ValueError, match="it is a mount point"):
            remove(file, f"efs://{efs}:/")
        with pytest.raises(ValueError, match=r"contains the mount point .*/mount"):
            remove(file, tmp_path)
        assert file.exists()

    def test_only_paths_below_a_root_are_removed(self, remove, tmp_path, monkeypatch):
        inside, outside = write(tmp_path / "root" / "a"), write(tmp_path / "root2" / "b")
        (tmp_path / "root" / "link").symlink_to("../root2")
        monkeypatch.setenv("DATA_REMOVE_ROOTS", f"/nowhere:{tmp_path}/root")
        for path in (
            outside,
            tmp_path / "root",
            tmp_path / "root" / "link" / "b",
            tmp_path / "root" / ".." / "root2" / "b",
        ):
            with pytest.raises(ValueError, match=r"allows only paths below /nowhere:.*/root"):
                remove(inside, path)
        assert inside.exists()
        assert outside.exists()
        assert remove(inside)["paths_removed"] == [str(inside)]

    @pytest.mark.parametrize("path", ["", ".", "a/.", "..", "a/..", "a/../", "missing/.."])
    def test_path_that_names_no_entry_is_refused(self, call, tmp_path, monkeypatch, path):
        file = write(tmp_path / "a" / "x")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValidationError, match="paths"):
            call("remove_data_paths", paths=[path])
        assert file.exists()

    def test_path_through_a_missing_folder_does_not_exist(self, remove, tmp_path):
        file = write(tmp_path / "a" / "x")
        answer = remove(tmp_path / "missing" / ".." / "a")
        assert answer["size_bytes_removed"] == 0
        assert file.exists()

    def test_very_deep_tree_is_removed(self, remove, tmp_path):
        folder = os.open(tmp_path, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir("d", dir_fd=folder)
            below = os.open("d", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = below
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        os.close(folder)
        remove(tmp_path / "d")
        assert names(tmp_path) == []

    def test_relative_root_is_refused(self, remove, tmp_path, monkeypatch):
        monkeypatch.setenv("DATA_REMOVE_ROOTS", "data")
        with pytest.raises(ValueError, match="DATA_REMOVE_ROOTS contains 'data'"):
            remove(write(tmp_path / "a"))

    def test_failure_names_the_path_and_keeps_earlier_removals(self, remove, tmp_path):
        first = write(tmp_path / "a")
        # Not even root can remove it.
        with pytest.raises(PermissionError, match="cannot remove /proc/version: "):
            remove(first, "/proc/version")
        assert not first.exists()

    def test_event_is_not_modified(self, call, tmp_path):
        event = {"paths": [str(tmp_path / "missing")]}
        call("remove_data_paths", **event)
        assert event == {"paths": [str(tmp_path / "missing")]}


class TestPlannedRemoval:
    @pytest.fixture
    def plan(self, call, tmp_path):
        write(tmp_path / "old" / "a", "aaa", day=1)
        write(tmp_path / "file", "b", day=1)
        write(tmp_path / "fresh")
        return call(
            "outdated_data_path_scanner",
            path=str(tmp_path),
            days_since_last_accessed=1,
            with_plan=True,
        )

    def test_response_of_a_scan_is_a_request_to_remove(self, call, plan, tmp_path):
        answer = call("remove_data_paths", **plan)
        assert answer == {
            "size_bytes_removed": 4,
            "paths_removed": [f"{tmp_path}/file", f"{tmp_path}/old"],
            "paths_changed": [],
        }
        assert names(tmp_path) == ["fresh"]

    @pytest.mark.parametrize("year", [1, 1901, 1969])
    def test_folder_of_files_before_1970_is_removed(self, call, tmp_path, year):
        seconds = (
            datetime(year, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        ).total_seconds()
        try:
            os.utime(write(tmp_path / "old" / "a"), (seconds, seconds))
        except (OSError, OverflowError):
            pytest.skip("the file system has no such times")
        scan = {"path": str(tmp_path), "days_since_last_accessed": 1, "min_depth": 1}
        plan = call("outdated_data_path_scanner", **scan, with_plan=True)
        assert call("remove_data_paths", **plan)["paths_removed"] == [f"{tmp_path}/old"]
        assert not (tmp_path / "old").exists()

    def test_folder_with_a_newer_file_is_kept(self, call, plan, tmp_path):
        write(tmp_path / "old" / "new")
        answer = call("remove_data_paths", **plan)
        assert answer["paths_changed"] == [f"{tmp_path}/old"]
        assert answer["paths_removed"] == [f"{tmp_path}/file"]
        assert (tmp_path / "old" / "a").exists()

    def test_replaced_file_is_kept(self, call, plan, tmp_path):
        other = write(tmp_path / "other", day=1)
        other.rename(tmp_path / "file")
        assert call("remove_data_paths", **plan)["paths_changed"] == [f"{tmp_path}/file"]

    def test_path_missing_from_the_plan_is_refused(self, call, plan, tmp_path):
        paths = [*plan["paths"], f"{tmp_path}/fresh"]
        with pytest.raises(ValueError, match="fresh: the plan does not contain it"):
            call("remove_data_paths", paths=paths, plan=plan["plan"])
        assert names(tmp_path) == ["file", "fresh", "old"]
