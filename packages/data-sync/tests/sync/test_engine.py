from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.data_sync.local.staging import StagedFile
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.result import SyncResult
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest

MEBIBYTE = 2**20


def sync(source, destination, **options) -> SyncResult:
    request = DataSyncRequest(
        source_path=str(source), destination_path=str(destination), **options
    )
    return Engine().sync(request).result


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file()
    }


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def age(path: Path, seconds: float = 1000) -> float:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return then


class TestWhereItemsGo:
    @pytest.mark.parametrize("source", ["s3://bucket/src", "s3://bucket/src/"])
    @pytest.mark.parametrize("destination", ["s3://bucket/dst", "s3://bucket/dst/"])
    def test_one_slash_wherever_slashes_are(self, bucket, source, destination):
        bucket.put("src/a", "1")
        bucket.put("src/s/b", "2")
        sync(source, destination)
        assert bucket.read("dst") == {"/a": b"1", "/s/b": b"2"}

    @pytest.mark.parametrize(
        ("destination", "key"),
        [
            ("s3://bucket/d", "d"),
            ("s3://bucket/d/", "d/f.txt"),
            ("s3://bucket", "f.txt"),
            ("s3://bucket/", "f.txt"),
        ],
    )
    def test_single_file_lands_at_the_key_or_in_the_folder(
        self, bucket, tmp_path, destination, key
    ):
        sync(write(tmp_path / "f.txt"), destination)
        assert bucket.read() == {key: b"x"}

    def test_single_object_lands_at_the_very_path(self, bucket, tmp_path):
        bucket.put("f.txt", "x")
        sync("s3://bucket/f.txt", f"{tmp_path}/new/name/")
        assert read(tmp_path) == {"new/name": "x"}

    @pytest.mark.parametrize("destination", ["s3://bucket/dst", "s3://bucket/dst/"])
    def test_prefix_is_cut_off_instead_of_the_source(self, bucket, destination):
        bucket.put("run/A/x", "1")
        sync("s3://bucket/run/A/", destination, source_path_prefix="run/")
        assert bucket.read("dst/") == {"A/x": b"1"}

    @pytest.mark.parametrize("prefix", ["run/", "run"])
    def test_prefix_of_a_single_object(self, bucket, prefix):
        bucket.put("run/A/x", "1")
        sync("s3://bucket/run/A/x", "s3://bucket/dst", source_path_prefix=prefix)
        assert bucket.read("dst/") == {"A/x": b"1"}

    def test_prefix_that_is_the_whole_key_counts_as_none(self, bucket):
        bucket.put("run/x", "1")
        sync("s3://bucket/run/x", "s3://bucket/dst", source_path_prefix="run/x")
        assert bucket.read("dst") == {"": b"1"}

    def test_prefix_that_does_not_fit_is_refused(self, bucket):
        bucket.put("run/x", "1")
        with pytest.raises(ValueError, match="'other/'"):
            sync("s3://bucket/run/", "s3://bucket/dst", source_path_prefix="other/")
        assert bucket.keys() == ["run/x"]

    def test_object_and_what_is_below_its_key_both_go_to_s3(self, bucket):
        bucket.put("k", "1")
        bucket.put("k/x", "2")
        sync("s3://bucket/k", "s3://bucket/d")
        assert bucket.read("d") == {"": b"1", "/x": b"2"}

    def test_object_beside_the_folder_it_lands_in_is_not_deleted_as_extra(self, bucket):
        bucket.put("k", "1")
        bucket.put("k/x", "2")
        sync("s3://bucket/k", "s3://bucket/d/")
        assert bucket.read("d/") == {"k": b"1", "x": b"2"}

    def test_object_and_what_is_below_its_key_cannot_both_be_local(self, bucket, tmp_path):
        bucket.put("k", "1")
        bucket.put("k/x", "2")
        with pytest.raises(ValueError, match="a file and a folder"):
            sync("s3://bucket/k", tmp_path / "d")
        assert not (tmp_path / "d").exists()

    def test_path_that_starts_like_the_destination_is_still_relative(self, tmp_path):
        inner = str(tmp_path / "data").lstrip("/")
        write(tmp_path / "src" / inner / "x")
        sync(tmp_path / "src", tmp_path / "data")
        assert read(tmp_path / "data") == {f"{inner}/x": "x"}

    def test_dots_in_the_destination_are_resolved(self, bucket, tmp_path):
        bucket.put("src/a", "1")
        (tmp_path / "sub").mkdir()
        sync("s3://bucket/src", f"{tmp_path}/sub/../dst")
        assert read(tmp_path) == {"dst/a": "1"}


class TestWhatIsMissing:
    @pytest.mark.parametrize("source", ["s3://bucket/nope", "/no/such/path"])
    def test_missing_source_is_an_error_that_names_it(self, bucket, source):
        bucket.put("dst/a", "1")
        with pytest.raises(FileNotFoundError, match=source):
            sync(source, "s3://bucket/dst")
        assert bucket.keys() == ["dst/a"]

    @pytest.mark.parametrize("source", ["s3://bucket/nope", "/no/such/path"])
    def test_missing_source_can_be_allowed(self, bucket, source):
        bucket.put("dst/a", "1")
        assert sync(source, "s3://bucket/dst", fail_if_missing=False) == SyncResult()
        assert bucket.keys() == ["dst/a"]

    def test_missing_bucket_is_always_an_error(self, bucket, tmp_path):
        with pytest.raises(ResourceNotFoundError, match="nope"):
            sync("s3://nope/src", tmp_path, fail_if_missing=False)

    def test_empty_folder_empties_the_destination(self, bucket, tmp_path):
        bucket.put("dst/a", "1")
        result = sync(tmp_path, "s3://bucket/dst")
        assert bucket.keys() == []
        assert (result.files_deleted, result.bytes_deleted) == (1, 1)

    @pytest.mark.parametrize("source", ["s3://bucket/src", "s3://bucket/src/"])
    def test_placeholder_alone_is_an_empty_folder(self, bucket, source):
        bucket.put("src/")
        bucket.put("dst/a", "1")
        result = sync(source, "s3://bucket/dst")
        assert result.files_transferred == 0
        assert bucket.keys() == ["src/"]

    def test_placeholders_are_copied_within_s3(self, bucket):
        for key in ("src/", "src/a", "src/sub/"):
            bucket.put(key)
        assert sync("s3://bucket/src", "s3://bucket/dst").files_transferred == 3
        assert bucket.keys("dst") == ["dst/", "dst/a", "dst/sub/"]


class TestHostileNames:
    @pytest.mark.parametrize(
        ("key", "why"),
        [
            ("a/" + "n" * 256, "more than 255 bytes"),
            ("a/.", "would be the folder"),
        ],
    )
    def test_key_that_cannot_be_a_file_is_refused_before_anything_moves(
        self, bucket, tmp_path, key, why
    ):
        bucket.put("src/0", "1")
        bucket.put(f"src/{key}", "2")
        with pytest.raises(ValueError, match=why):
            sync("s3://bucket/src", tmp_path / "dst")
        assert not (tmp_path / "dst").exists()

    def test_object_with_content_whose_key_ends_in_a_slash_is_refused(self, bucket, tmp_path):
        bucket.put("src/0", "1")
        bucket.put("src/a/", "2")
        with pytest.raises(ValueError, match="ends in a slash and is not empty"):
            sync("s3://bucket/src", tmp_path / "dst")
        assert not (tmp_path / "dst").exists()

    @pytest.mark.parametrize("keys", [("a", "a/b"), ("x//y", "x/y"), ("a", "a-", "a/b")])
    def test_keys_that_become_one_path_are_refused(self, bucket, tmp_path, keys):
        for key in keys:
            bucket.put(f"src/{key}", "1")
        with pytest.raises(ValueError, match="cannot both be local files"):
            sync("s3://bucket/src", tmp_path / "dst")
        assert not (tmp_path / "dst").exists()

    def test_keys_that_are_left_out_do_no_harm(self, bucket, tmp_path):
        bucket.put("src/a", "1")
        bucket.put("src/a/b", "2")
        sync("s3://bucket/src", tmp_path / "dst", filter_config={"exclude": "a/b"})
        assert read(tmp_path / "dst") == {"a": "1"}

    def test_empty_segments_are_dropped_on_a_disk_and_kept_in_s3(self, bucket, tmp_path):
        bucket.put("src/a//b", "1")
        sync("s3://bucket/src", tmp_path / "dst")
        assert read(tmp_path / "dst") == {"a/b": "1"}
        assert sync("s3://bucket/src", tmp_path / "dst").files_transferred == 0
        sync("s3://bucket/src", "s3://bucket/dst")
        assert bucket.keys("dst") == ["dst/a//b"]

    def test_file_name_that_is_not_utf_8_is_refused_before_anything_moves(self, bucket, tmp_path):
        write(tmp_path / "a")
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff")).write_text("x")
        with pytest.raises(ValueError, match="is not UTF-8"):
            sync(tmp_path, "s3://bucket/dst")
        assert bucket.keys() == []

    def test_key_of_more_than_1024_bytes_is_refused_before_anything_moves(self, bucket, tmp_path):
        write(tmp_path / "a")
        write(tmp_path / "/".join(["n" * 200] * 6))
        with pytest.raises(ValueError, match="more than 1024 bytes"):
            sync(tmp_path, "s3://bucket/dst")
        assert bucket.keys() == []


class TestFilesAndFolders:
    @pytest.mark.parametrize("force", [False, True])
    def test_object_never_replaces_a_folder(self, bucket, tmp_path, force):
        bucket.put("a", "1")
        write(tmp_path / "a" / "kept")
        with pytest.raises(OSError, match="is a folder"):
            sync("s3://bucket/a", tmp_path / "a", force=force)
        assert read(tmp_path) == {"a/kept": "x"}

    @pytest.mark.parametrize("force", [False, True])
    def test_file_never_replaces_a_folder(self, tmp_path, force):
        write(tmp_path / "f")
        write(tmp_path / "a" / "kept")
        with pytest.raises(OSError, match="is a folder"):
            sync(tmp_path / "f", tmp_path / "a", force=force)
        assert read(tmp_path) == {"f": "x", "a/kept": "x"}

    def test_item_never_replaces_a_folder_below_the_destination(self, bucket, tmp_path):
        bucket.put("src/0", "1")
        bucket.put("src/a", "1")
        (tmp_path / "dst" / "a").mkdir(parents=True)
        with pytest.raises(ValueError, match="is a folder"):
            sync("s3://bucket/src", tmp_path / "dst")
        assert read(tmp_path) == {}

    @pytest.mark.parametrize("destination", ["dst", "dst/a/b"])
    def test_folder_never_replaces_a_file(self, bucket, tmp_path, destination):
        bucket.put("src/a/b", "1")
        write(tmp_path / destination)
        target = tmp_path / destination
        write(tmp_path / "f" / "a")
        with pytest.raises(OSError, match="is a file"):
            sync("s3://bucket/src", target)
        assert target.read_text() == "x"

    def test_file_below_the_destination_is_not_replaced_by_a_folder(self, bucket, tmp_path):
        bucket.put("src/a/b", "1")
        write(tmp_path / "dst" / "a")
        with pytest.raises(ValueError, match="is a file"):
            sync("s3://bucket/src", tmp_path / "dst")
        assert read(tmp_path) == {"dst/a": "x"}

    def test_link_to_a_folder_does_not_lead_out_of_the_destination(self, bucket, tmp_path):
        bucket.put("src/a/b", "1")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "dst").mkdir()
        (tmp_path / "dst" / "a").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ValueError, match="is a symlink"):
            sync("s3://bucket/src", tmp_path / "dst")
        assert read(tmp_path / "elsewhere") == {}

    def test_link_at_a_target_is_replaced_and_what_it_points_to_stays(self, bucket, tmp_path):
        bucket.put("src/a", "1")
        write(tmp_path / "elsewhere")
        (tmp_path / "dst").mkdir()
        (tmp_path / "dst" / "a").symlink_to(tmp_path / "elsewhere")
        sync("s3://bucket/src", tmp_path / "dst")
        assert (tmp_path / "elsewhere").read_text() == "x"
        assert (tmp_path / "dst" / "a").read_text() == "1"

    def test_links_at_the_destination_are_removed_not_followed(self, bucket, tmp_path):
        bucket.put("src/a", "1")
        write(tmp_path / "elsewhere" / "kept")
        (tmp_path / "dst").mkdir()
        (tmp_path / "dst" / "link").symlink_to(tmp_path / "elsewhere")
        sync("s3://bucket/src", tmp_path / "dst")
        assert names(tmp_path / "dst") == ["a"]
        assert read(tmp_path / "elsewhere") == {"kept": "x"}

    def test_emptied_folders_stay(self, bucket, tmp_path):
        bucket.put("src/a", "1")
        write(tmp_path / "dst" / "old" / "x")
        sync("s3://bucket/src", tmp_path / "dst")
        assert names(tmp_path / "dst") == ["a", "old"]

    def test_link_that_points_nowhere_stops_the_sync_before_anything_moves(self, bucket, tmp_path):
        write(tmp_path / "a")
        (tmp_path / "z").symlink_to("nowhere")
        bucket.put("dst/extra")
        with pytest.raises(ValueError, match="dangling symlink"):
            sync(tmp_path, "s3://bucket/dst")
        assert bucket.keys() == ["dst/extra"]


class TestOverlap:
    def test_one_place_is_left_alone(self, bucket):
        bucket.put("src/a", "1")
        assert sync("s3://bucket/src", "s3://bucket/src/") == SyncResult()
        assert bucket.read() == {"src/a": b"1"}

    def test_one_file_is_left_alone_by_whatever_path(self, tmp_path):
        write(tmp_path / "a")
        (tmp_path / "link").symlink_to("a")
        assert sync(tmp_path / "a", f"{tmp_path}/./a") == SyncResult()
        assert sync(tmp_path / "a", tmp_path / "link") == SyncResult()
        assert read(tmp_path) == {"a": "x", "link": "x"}

    def test_one_place_is_not_removed(self, bucket, tmp_path):
        bucket.put("src/a", "1")
        write(tmp_path / "a")
        for path in ("s3://bucket/src", "s3://bucket/src/a", tmp_path, tmp_path / "a"):
            with pytest.raises(ValueError, match="the same location"):
                sync(path, path, retain_source_data=False)
        assert bucket.read() == {"src/a": b"1"}
        assert read(tmp_path) == {"a": "x"}

    @pytest.mark.parametrize("options", [{}, {"delete": False, "retain_source_data": False}])
    @pytest.mark.parametrize(
        ("source", "destination"), [("src", "src/sub"), ("src/sub", "src"), ("", "src")]
    )
    def test_one_inside_the_other_is_refused(self, bucket, source, destination, options):
        bucket.put("src/a", "1")
        bucket.put("src/sub/b", "2")
        with pytest.raises(ValueError, match="overlap"):
            sync(f"s3://bucket/{source}", f"s3://bucket/{destination}", **options)
        assert bucket.read() == {"src/a": b"1", "src/sub/b": b"2"}

    def test_copy_into_a_part_of_the_source_takes_what_was_there(self, bucket):
        bucket.put("src/a", "1")
        sync("s3://bucket/src", "s3://bucket/src/sub", delete=False)
        assert bucket.read() == {"src/a": b"1", "src/sub/a": b"1"}

    @pytest.mark.parametrize(("source", "destination"), [("src", "src/sub"), ("src/sub", "src")])
    def test_local_folders_inside_each_other_are_refused(self, tmp_path, source, destination):
        write(tmp_path / "src" / "sub" / "a")
        with pytest.raises(ValueError, match="overlap"):
            sync(tmp_path / source, tmp_path / destination, delete=False)
        assert read(tmp_path) == {"src/sub/a": "x"}

    def test_names_that_only_begin_alike_are_apart(self, bucket):
        bucket.put("src/a", "1")
        sync("s3://bucket/src", "s3://bucket/src2")
        assert bucket.read() == {"src/a": b"1", "src2/a": b"1"}


class TestDecision:
    def test_what_is_in_sync_is_not_moved(self, bucket, tmp_path):
        age(write(tmp_path / "src" / "a", "four"))
        first = sync(tmp_path / "src", "s3://bucket/dst")
        second = sync(tmp_path / "src", "s3://bucket/dst")
        assert (first.files_transferred, first.bytes_transferred) == (1, 4)
        assert (second.files_transferred, second.bytes_transferred) == (0, 0)
        assert (second.files_unchanged, second.bytes_unchanged) == (1, 4)

    @pytest.mark.parametrize(("size_only", "moved"), [(False, 1), (True, 0)])
    def test_content_counts_unless_size_alone_does(self, bucket, tmp_path, size_only, moved):
        bucket.put("dst/a", "1")
        age(write(tmp_path / "a", "2"))
        result = sync(tmp_path, "s3://bucket/dst", size_only=size_only)
        assert result.files_transferred == moved

    def test_source_that_is_newer_is_moved_though_its_size_is_the_same(self, bucket, tmp_path):
        bucket.put("src/a", "2")
        age(write(tmp_path / "a", "1"))
        assert sync("s3://bucket/src", tmp_path, size_only=True).files_transferred == 1
        assert read(tmp_path) == {"a": "2"}

    def test_file_that_differs_is_replaced_without_force(self, bucket, tmp_path):
        bucket.put("src/a", "new content")
        write(tmp_path / "a", "old")
        sync("s3://bucket/src", tmp_path)
        assert read(tmp_path) == {"a": "new content"}

    def test_force_moves_what_is_in_sync(self, bucket, tmp_path):
        age(write(tmp_path / "a"))
        sync(tmp_path, "s3://bucket/dst")
        assert sync(tmp_path, "s3://bucket/dst", force=True).files_transferred == 1

    def test_what_was_asked_for_is_fresh_afterwards(self, bucket, tmp_path):
        age(write(tmp_path / "src" / "a"))
        sync(tmp_path / "src", "s3://bucket/src")
        sync("s3://bucket/src", tmp_path / "dst")
        for destination in ("dst", "copy"):
            sync(tmp_path / "src", tmp_path / destination)
            age(tmp_path / destination / "a", 500)
        start = time.time()
        assert sync(tmp_path / "src", tmp_path / "copy").files_unchanged == 1
        age(tmp_path / "dst" / "a", -1)
        age(tmp_path / "dst" / "a", -1)
        assert sync("s3://bucket/src", tmp_path / "dst").files_unchanged == 1
        for destination in ("dst", "copy"):
            assert (tmp_path / destination / "a").stat().st_mtime >= start - 0.01

    def test_objects_are_compared_by_their_etags(self, bucket):
        bucket.put("src/a", "1")
        sync("s3://bucket/src", "s3://bucket/dst")
        assert sync("s3://bucket/src", "s3://bucket/dst").files_unchanged == 1
        bucket.put("dst/a", "2")
        assert sync("s3://bucket/src", "s3://bucket/dst").files_transferred == 1


class TestLargeObjects:
    def test_parts_are_of_8_mebibytes_and_the_second_sync_moves_nothing(self, bucket, tmp_path):
        file = tmp_path / "src" / "a"
        file.parent.mkdir()
        file.write_bytes(os.urandom(17 * MEBIBYTE))
        age(file)
        sync(tmp_path / "src", "s3://bucket/src")
        etag = bucket.client.head_object(Bucket="bucket", Key="src/a")["ETag"]
        assert etag.strip('"').endswith("-3")
        assert sync(tmp_path / "src", "s3://bucket/src").files_unchanged == 1
        sync("s3://bucket/src", tmp_path / "dst")
        assert (tmp_path / "dst" / "a").read_bytes() == file.read_bytes()

    def put_in_parts(self, bucket, key: str, *parts: bytes, **arguments) -> None:
        upload = bucket.client.create_multipart_upload(Bucket="bucket", Key=key, **arguments)
        name = {"Bucket": "bucket", "Key": key, "UploadId": upload["UploadId"]}
        sent = [
            bucket.client.upload_part(**name, PartNumber=number, Body=part)["ETag"]
            for number, part in enumerate(parts, 1)
        ]
        done = [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(sent, 1)]
        bucket.client.complete_multipart_upload(**name, MultipartUpload={"Parts": done})

    def test_file_is_compared_in_the_parts_that_the_object_has(self, bucket, tmp_path):
        content = os.urandom(7 * MEBIBYTE)
        self.put_in_parts(bucket, "src/a", content[: 5 * MEBIBYTE], content[5 * MEBIBYTE :])
        sync("s3://bucket/src", tmp_path / "dst")
        assert (tmp_path / "dst" / "a").read_bytes() == content
        assert sync("s3://bucket/src", tmp_path / "dst").files_unchanged == 1

    def test_object_of_parts_is_copied_in_the_same_parts_with_its_metadata(self, bucket):
        content = os.urandom(7 * MEBIBYTE)
        self.put_in_parts(
            bucket,
            "src/a",
            content[: 5 * MEBIBYTE],
            content[5 * MEBIBYTE :],
            ContentType="text/x",
            Metadata={"k": "v"},
            Tagging="t=1",
        )
        sync("s3://bucket/src", "s3://bucket/dst")
        one, other = (
            bucket.client.head_object(Bucket="bucket", Key=key) for key in ("src/a", "dst/a")
        )
        assert one["ETag"] == other["ETag"]
        assert (other["ContentType"], other["Metadata"]) == ("text/x", {"k": "v"})
        assert bucket.get("dst/a") == content
        tags = bucket.client.get_object_tagging(Bucket="bucket", Key="dst/a")["TagSet"]
        assert tags == [{"Key": "t", "Value": "1"}]
        assert sync("s3://bucket/src", "s3://bucket/dst").files_unchanged == 1


class TestDeletion:
    def test_only_what_lies_below_the_destination_is_deleted(self, bucket, tmp_path):
        write(tmp_path / "a")
        for key in ("dst/x", "dst/s/y", "dst2/z", "dst.txt", "dst"):
            bucket.put(key)
        assert sync(tmp_path, "s3://bucket/dst").files_deleted == 2
        assert bucket.keys() == ["dst", "dst.txt", "dst/a", "dst2/z"]

    def test_single_item_deletes_nothing(self, bucket, tmp_path):
        for key in ("x.bam.bai", "x.bam/y"):
            bucket.put(key)
        sync(write(tmp_path / "x.bam"), "s3://bucket/x.bam")
        assert bucket.keys() == ["x.bam", "x.bam.bai", "x.bam/y"]

    def test_more_than_a_thousand_objects_go(self, s3, tmp_path):
        for number in range(1003):
            s3.put("bucket", f"dst/{number}", b"")
        assert sync(tmp_path, "s3://bucket/dst").files_deleted == 1003
        assert s3.read("bucket") == {}
        deletions = [call.body for call in s3.calls if call.operation == "DeleteObjects"]
        assert sorted(body.count(b"<Key>") for body in deletions) == [3, 1000]

    def test_odd_keys_go(self, bucket, tmp_path):
        for key in ("a&b", "<", "é", "c\x01", "a//b", " ", "%41"):
            bucket.put(f"dst/{key}")
        sync(tmp_path, "s3://bucket/dst")
        assert bucket.keys() == []

    def test_what_filters_leave_out_is_deleted(self, bucket, tmp_path):
        write(tmp_path / "a")
        bucket.put("dst/b")
        sync(tmp_path, "s3://bucket/dst", filter_config={"include": "nothing"})
        assert bucket.keys() == []


class TestRemovalOfTheSource:
    def test_whole_folder_goes(self, bucket, tmp_path):
        write(tmp_path / "src" / "sub" / "a")
        (tmp_path / "src" / "empty").mkdir()
        result = sync(tmp_path / "src", "s3://bucket/dst", retain_source_data=False)
        assert result.files_removed == 1
        assert names(tmp_path) == []

    def test_what_filters_left_out_stays(self, bucket, tmp_path):
        for path in ("a", "sub/b", "sub/c", "only/a"):
            write(tmp_path / "src" / path)
        (tmp_path / "src" / "empty").mkdir()
        sync(
            tmp_path / "src",
            "s3://bucket/dst",
            retain_source_data=False,
            filter_config={"include": [".*a", ".*b"]},
        )
        assert read(tmp_path / "src") == {"sub/c": "x"}
        assert names(tmp_path / "src") == ["empty", "sub"]

    def test_neighbours_in_s3_stay(self, bucket):
        for key in ("src/a", "src2/b", "src.txt"):
            bucket.put(key)
        sync("s3://bucket/src", "s3://bucket/dst", retain_source_data=False)
        assert bucket.keys() == ["dst/a", "src.txt", "src2/b"]

    def test_objects_stay_after_a_sync_to_a_disk(self, bucket, tmp_path, caplog):
        bucket.put("src/a")
        result = sync("s3://bucket/src", tmp_path, retain_source_data=False)
        assert bucket.keys() == ["src/a"]
        assert result.files_removed == 0
        assert "The source stays" in caplog.text

    def test_folder_behind_a_link_stays(self, bucket, tmp_path):
        write(tmp_path / "elsewhere" / "x")
        write(tmp_path / "src" / "a")
        (tmp_path / "src" / "link").symlink_to("../elsewhere")
        (tmp_path / "src" / "file").symlink_to("../elsewhere/x")
        sync(tmp_path / "src", "s3://bucket/dst", retain_source_data=False)
        assert bucket.keys() == ["dst/a", "dst/file", "dst/link/x"]
        assert read(tmp_path) == {"elsewhere/x": "x"}
        assert names(tmp_path) == ["elsewhere"]

    def test_move_merges_into_an_existing_folder(self, tmp_path):
        write(tmp_path / "src" / "a", "new")
        write(tmp_path / "dst" / "a", "old")
        write(tmp_path / "dst" / "kept")
        sync(tmp_path / "src", tmp_path / "dst", retain_source_data=False)
        assert read(tmp_path) == {"dst/a": "new", "dst/kept": "x"}
        assert names(tmp_path) == ["dst"]

    def test_move_of_a_file(self, tmp_path):
        sync(write(tmp_path / "a"), tmp_path / "new" / "b", retain_source_data=False)
        assert read(tmp_path) == {"new/b": "x"}


class TestLocalToLocal:
    def test_parents_of_a_file_are_made(self, tmp_path):
        sync(write(tmp_path / "a"), tmp_path / "new" / "b")
        assert read(tmp_path) == {"a": "x", "new/b": "x"}

    def test_permissions_are_kept(self, tmp_path):
        write(tmp_path / "a").chmod(0o750)
        sync(tmp_path / "a", tmp_path / "b")
        assert (tmp_path / "b").stat().st_mode & 0o777 == 0o750

    def test_filters_are_refused(self, tmp_path):
        write(tmp_path / "src" / "a")
        with pytest.raises(ValueError, match="filters"):
            sync(tmp_path / "src", tmp_path / "dst", filter_config={"include": "a"})
        assert not (tmp_path / "dst").exists()

    def test_full_disk_leaves_the_old_file(self, tmp_path, monkeypatch):
        write(tmp_path / "src" / "a", "new")
        write(tmp_path / "dst" / "a", "older")

        def fail(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(StagedFile, "write", fail)
        with pytest.raises(OSError, match="No space left"):
            sync(tmp_path / "src", tmp_path / "dst", retain_source_data=False)
        assert read(tmp_path) == {"src/a": "new", "dst/a": "older"}

    def test_broken_connection_to_the_disk_is_tried_again(self, tmp_path, monkeypatch):
        write(tmp_path / "src" / "a", "new")
        write_really, errors = StagedFile.write, [5, 5]

        def fail_twice(staged: StagedFile, content: bytes) -> None:
            write_really(staged, content)
            if errors:
                raise OSError(errors.pop(), "Input/output error")

        monkeypatch.setattr(StagedFile, "write", fail_twice)
        sync(tmp_path / "src", tmp_path / "dst")
        assert read(tmp_path / "dst") == {"a": "new"}
        assert errors == []

    def test_files_are_on_the_disk_before_they_are_in_their_place(self, tmp_path, monkeypatch):
        write(tmp_path / "src" / "a")
        flushed = []
        flush_really = os.fsync

        def flush(descriptor: int) -> None:
            flushed.append((tmp_path / "dst" / "a").exists())
            flush_really(descriptor)

        monkeypatch.setattr(os, "fsync", flush)
        sync(tmp_path / "src", tmp_path / "dst", fsync=True)
        assert flushed == [False]


class TestStaging:
    def test_object_passes_through_the_folder(self, bucket, tmp_path):
        bucket.put("a", "1")
        (tmp_path / "staging").mkdir()
        config = {"use_custom_tmp_dir": True, "custom_tmp_dir": str(tmp_path / "staging")}
        sync("s3://bucket/a", tmp_path / "b", remote_to_local_config=config)
        assert read(tmp_path) == {"b": "1"}
        assert names(tmp_path / "staging") == []

    def test_folder_on_another_file_system_will_do(self, bucket, tmp_path):
        bucket.put("a", "1")
        config = {"use_custom_tmp_dir": True, "custom_tmp_dir": "/dev/shm"}
        sync("s3://bucket/a", tmp_path / "b", remote_to_local_config=config)
        assert read(tmp_path) == {"b": "1"}

    def test_missing_folder_is_named(self, bucket, tmp_path):
        bucket.put("a", "1")
        config = {"use_custom_tmp_dir": True, "custom_tmp_dir": str(tmp_path / "nope")}
        with pytest.raises(FileNotFoundError, match="nope"):
            sync("s3://bucket/a", tmp_path / "b", remote_to_local_config=config)

    def test_object_that_is_filtered_out_does_nothing(self, bucket, tmp_path):
        bucket.put("a", "1")
        config = {"use_custom_tmp_dir": True, "custom_tmp_dir": str(tmp_path)}
        result = sync(
            "s3://bucket/a",
            tmp_path / "b",
            remote_to_local_config=config,
            filter_config={"exclude": "a"},
        )
        assert result == SyncResult()
        assert read(tmp_path) == {}


class TestDryRun:
    def test_nothing_is_changed_and_all_of_it_is_counted(self, bucket, tmp_path):
        for path in ("new", "same", "differs"):
            age(write(tmp_path / "src" / path, "1"))
        bucket.put("dst/same", "1")
        bucket.put("dst/differs", "2")
        bucket.put("dst/extra", "333")
        before = bucket.read()
        result = sync(tmp_path / "src", "s3://bucket/dst", dry_run=True, retain_source_data=False)
        assert result == SyncResult(
            files_transferred=2,
            bytes_transferred=2,
            files_unchanged=1,
            bytes_unchanged=1,
            files_deleted=1,
            bytes_deleted=3,
            files_removed=3,
        )
        assert bucket.read() == before
        assert sorted(read(tmp_path / "src")) == ["differs", "new", "same"]

    def test_no_folder_and_no_time_is_changed_on_a_disk(self, bucket, tmp_path):
        bucket.put("src/a", "1")
        config = {"use_custom_tmp_dir": True, "custom_tmp_dir": str(tmp_path / "nope")}
        options = {"dry_run": True, "require_lock": True, "remote_to_local_config": config}
        assert sync("s3://bucket/src", tmp_path / "dst", **options).files_transferred == 1
        assert sync("s3://bucket/src/a", tmp_path / "x", **options).files_transferred == 1
        assert names(tmp_path) == []
        write(tmp_path / "src" / "a")
        write(tmp_path / "dst" / "a")
        then = age(tmp_path / "dst" / "a")
        age(tmp_path / "src" / "a", 2000)
        sync(tmp_path / "src", tmp_path / "dst", dry_run=True)
        assert (tmp_path / "dst" / "a").stat().st_mtime == then


class TestProtection:
    def test_more_deletions_than_allowed_are_refused_before_anything_moves(self, bucket, tmp_path):
        write(tmp_path / "a")
        for key in ("x", "y"):
            bucket.put(f"dst/{key}")
        with pytest.raises(ValueError, match="2 entries would be deleted"):
            sync(tmp_path, "s3://bucket/dst", max_delete=1)
        assert bucket.keys() == ["dst/x", "dst/y"]
        assert sync(tmp_path, "s3://bucket/dst", max_delete=2).files_deleted == 2

    @pytest.mark.parametrize("share", ["25%", 0.25])
    def test_more_than_a_share_of_the_destination_is_refused(self, bucket, tmp_path, share):
        for name in ("a", "b", "c"):
            write(tmp_path / name)
        sync(tmp_path, "s3://bucket/dst")
        bucket.put("dst/x")
        assert sync(tmp_path, "s3://bucket/dst", max_delete=share).files_deleted == 1
        bucket.put("dst/x")
        bucket.put("dst/y")
        with pytest.raises(ValueError, match=f"2 of 5 entries .* max_delete allows {share}"):
            sync(tmp_path, "s3://bucket/dst", max_delete=share)
        assert len(bucket.keys()) == 5

    @pytest.mark.parametrize("share", ["100.5%", "200%", "-5%", "5 %"])
    def test_share_of_more_than_all_is_no_limit_and_refused(self, tmp_path, share):
        with pytest.raises(ValueError, match="not a number of files, nor a share"):
            DataSyncRequest(
                source_path=tmp_path, destination_path="s3://bucket/c", max_delete=share
            )

    @pytest.mark.parametrize("share", ["0%", "99.5%", "100%", "100.0%"])
    def test_share_of_up_to_all_is_taken(self, tmp_path, share):
        request = DataSyncRequest(
            source_path=tmp_path, destination_path="s3://bucket/c", max_delete=share
        )
        assert request.max_delete == share

    @pytest.mark.parametrize("prefix", [None, "run/"])
    def test_what_filters_leave_out_can_be_protected(self, bucket, prefix):
        folder = "dst/A/" if prefix else "dst/"
        bucket.put("run/A/a.txt")
        bucket.put(f"{folder}b.log")
        bucket.put(f"{folder}c.txt")
        sync(
            "s3://bucket/run/A",
            "s3://bucket/dst",
            source_path_prefix=prefix,
            filter_config={"exclude": r".*\.log"},
            protect_excluded=True,
        )
        assert bucket.keys("dst/") == [f"{folder}a.txt", f"{folder}b.log"]


class TestRefusals:
    def test_bad_pattern_moves_nothing(self, bucket, tmp_path):
        write(tmp_path / "a")
        with pytest.raises(ValueError, match="not a valid regular expression"):
            sync(tmp_path, "s3://bucket/dst", filter_config={"include": "("})
        assert bucket.keys() == []

    def test_missing_destination_bucket_is_named(self, bucket, tmp_path):
        write(tmp_path / "a")
        with pytest.raises(AWSError, match="s3://nope/"):
            sync(tmp_path, "s3://nope/dst")


def test_copy_is_as_old_as_a_listing_that_began_before_the_sync(bucket, tmp_path):
    bucket.put("src/a", "1")
    began = int(time.time()) + 1000
    request = DataSyncRequest(
        source_path="s3://bucket/src/", destination_path=str(tmp_path), size_only=True
    )
    Engine(listed=began).sync(request)

    # By a second less, for services that list times in whole seconds.
    assert (tmp_path / "a").stat().st_mtime == began - 1
