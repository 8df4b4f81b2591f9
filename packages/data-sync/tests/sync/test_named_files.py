"""Syncs of the files that a list names: each is looked up, and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.file_system import GetDataPathStatsHandler
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.handler import (
    PrepareBatchDataSyncHandler,
)
from aibs_informatics_aws_lambda.handlers.data_sync.sync import named_files
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from faulty_s3 import refusal

FILES = {"a": b"1", "b/c": b"22", "b/d": b"333", "é": b"4444"}


@pytest.fixture(params=["local", "s3"])
def source(request, tmp_path: Path, s3) -> str:
    """A source with these files."""
    for name, content in FILES.items():
        s3.put("bucket", f"data/{name}", content)
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return "s3://bucket/data" if request.param == "s3" else str(tmp_path / "data")


@pytest.fixture
def listed(tmp_path):
    """Writes a list, and returns its path."""

    def write(*lines: str) -> Path:
        path = tmp_path / "list"
        path.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
        return path

    return write


def sync(source, files_from, **options):
    request = DataSyncRequest(
        source_path=source,
        destination_path="s3://copies/x/",
        files_from=files_from,
        local_mirror=None,
        **options,
    )
    return Engine().sync(request).result


def test_listed_files_are_synced_without_a_listing_of_the_source(source, listed, s3):
    files = listed("# comment", "é", "./b/c", "", "/a\r", "a")

    result = sync(source, files)

    assert (result.files_transferred, result.bytes_transferred) == (3, 7)
    assert s3.read("copies", "x/") == {name: FILES[name] for name in ("a", "b/c", "é")}
    operations = Counter(call.operation for call in s3.calls if call.bucket == "bucket")
    assert operations["ListObjectsV2"] == 0
    assert sync(source, files).files_unchanged == 3


def test_nothing_that_the_list_leaves_out_is_deleted(source, listed, s3):
    s3.put("copies", "x/b/d", b"old")
    s3.put("copies", "x/other", b"old")

    result = sync(source, listed("a"), delete=True)

    assert result.files_deleted == 0
    assert sorted(s3.read("copies", "x/")) == ["a", "b/d", "other"]


def test_missing_file_is_an_error_that_names_it(source, listed, s3):
    with pytest.raises(FileNotFoundError, match="data/none is in the list, but does not exist"):
        sync(source, listed("a", "none"))
    assert s3.read("copies") == {}

    result = sync(source, listed("a", "none", "a/below"), continue_on_error=True)

    assert result.files_failed == 2
    assert sorted(failed.path.rpartition("data/")[2] for failed in result.failed_files) == [
        "a/below",
        "none",
    ]
    assert s3.read("copies", "x/") == {"a": b"1"}


@pytest.mark.parametrize("line", ["b/", "../a", "b/../a", "/", "x" * 70_000])
def test_line_that_is_no_path_of_a_file_is_refused(source, listed, line):
    with pytest.raises(ValueError, match="line 2: "):
        sync(source, listed("a", line))


def test_missing_bucket_is_an_error_that_names_it(listed, s3):
    s3.fault = lambda call, proceed: (
        refusal(404, "NoSuchBucket") if call.operation == "HeadBucket" else proceed()
    )

    with pytest.raises(AWSError, match="bucket") as failure:
        sync("s3://bucket/data", listed("a", "b"), continue_on_error=True)

    assert "is listed" not in str(failure.value)
    assert len([call for call in s3.calls if call.operation == "HeadBucket"]) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_list_in_another_encoding_is_refused(source, tmp_path, encoding):
    files = tmp_path / "list"
    files.write_text("a\nb/c\n", encoding=encoding)

    with pytest.raises(ValueError, match=r"line 1: .*Save the list as UTF-8"):
        sync(source, files)


def test_list_may_start_with_a_byte_order_mark(source, tmp_path):
    files = tmp_path / "list"
    files.write_text("a\nb/c\n", encoding="utf-8-sig")

    assert sync(source, files).files_transferred == 2


def test_name_that_is_not_utf_8_is_refused_as_a_key(listed, s3):
    with pytest.raises(ValueError, match=r"line 2: .* is not a key"):
        sync("s3://bucket/data", listed("a", "\udcff"))


def test_local_file_has_one_path_however_it_is_listed(tmp_path, listed, s3):
    data = tmp_path / "data"
    (data / "b").mkdir(parents=True)
    (data / "b" / "c").write_bytes(b"1")
    (data / "b" / "d").write_bytes(b"1")

    files = listed("b/c", "b//c", "././b/c", "b/./c", "/b/c", "b//d", "b/./d")
    result = sync(str(data), files, filter_config={"exclude": "b/d"})

    assert result.files_transferred == 1
    assert list(s3.read("copies", "x/")) == ["b/c"]
    with pytest.raises(ValueError, match=r"line 1: 'b/\.' is not the path of a file"):
        sync(str(data), listed("b/."))


def test_empty_segments_of_keys_are_kept(listed, s3):
    s3.put("bucket", "data/b/c", b"1")
    s3.put("bucket", "data/b//c", b"2")

    sync("s3://bucket/data", listed("b//c", "b/c"))

    assert s3.read("copies", "x/") == {"b/c": b"1", "b//c": b"2"}


def test_list_may_be_an_object(source, s3):
    s3.put("lists", "names", b"b/c\na\n")

    assert sync(source, "s3://lists/names").files_transferred == 2


def test_missing_list_is_an_error(source, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sync(source, tmp_path / "nowhere")


def test_many_files_are_looked_up_in_order(source, listed, s3, monkeypatch):
    monkeypatch.setattr(named_files, "_IN_FLIGHT", 2)

    sync(source, listed(*reversed(FILES)))

    assert s3.read("copies", "x/") == FILES


def test_folder_is_no_file(listed, tmp_path, s3):
    (tmp_path / "data" / "b").mkdir(parents=True)

    with pytest.raises(ValueError, match="data/b is not a file: name the files"):
        sync(tmp_path / "data", listed("b"))


def test_parts_of_a_preparation_have_the_list_and_sync_what_is_theirs(source, listed, s3):
    handler = PrepareBatchDataSyncHandler()
    request = {
        "source_path": source,
        "destination_path": "s3://copies/x/",
        "files_from": str(listed("a", "b/c", "é")),
        "batch_size_bytes_limit": 3,
    }

    found = handler.handle(handler.deserialize_request(request))
    syncs = [sync for batch in found.requests for sync in batch.requests]
    for part in syncs:
        Engine().sync(part)

    assert len(syncs) == 3
    assert s3.read("copies", "x/") == {name: FILES[name] for name in ("a", "b/c", "é")}


def stats(**request):
    handler = GetDataPathStatsHandler()
    return handler.handle(handler.deserialize_request(request))


def test_stats_count_what_the_list_names_without_a_listing(source, listed, s3):
    found = stats(path=source, files_from=str(listed("b/d", "a", "b/c", "a")))

    assert (found.path_stats.object_count, found.path_stats.size_bytes) == (3, 6)
    assert {name: child.size_bytes for name, child in found.children.items()} == {"a": 1, "b": 5}
    assert {call.operation for call in s3.calls if call.bucket == "bucket"} <= {"HeadObject"}


def test_stats_of_a_missing_file_are_an_error_that_names_it(source, listed, tmp_path):
    with pytest.raises(FileNotFoundError, match="data/none is in the list, but does not exist"):
        stats(path=source, files_from=str(listed("none")))
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist, and .* lists files"):
        stats(path=str(tmp_path / "nowhere"), files_from=str(listed("a")))


@pytest.mark.parametrize("other", [{"stores": True}, {"inventory": "s3://reports/manifest.json"}])
def test_stats_by_a_list_exclude_other_ways_to_list(source, listed, other):
    with pytest.raises(ValueError, match="files_from are mutually exclusive"):
        stats(path=source, files_from=str(listed("a")), **other)


@pytest.mark.parametrize("other", [{"switch": True}, {"inventory": "s3://reports/manifest.json"}])
def test_list_excludes_other_listings(source, listed, other):
    with pytest.raises(ValueError, match="files_from"):
        sync(source, listed("a"), **other)
