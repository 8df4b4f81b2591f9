"""Syncs with a checksum cache: what has not changed is not read again, and what has is found."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import checksum_cache
from aibs_informatics_aws_lambda.handlers.data_sync.local.mounts import FileSystem
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import etags
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import local_copy
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.sync import DataSyncResult

SIZE = 300_000


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local disk, whatever the disk of the tests is."""
    found = {tmp_path.stat().st_dev: FileSystem("ext4", "/dev/vda")}
    monkeypatch.setattr(checksum_cache, "file_systems", lambda: found)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read to be compared."""
    found: list[str] = []
    digest, same = etags._File._compute, local_copy.same_content

    def compute(self, sizes):
        found.append(Path(self._path).name)
        return digest(self, sizes)

    def compare(path, other, check):
        found.append(Path(path).name)
        return same(path, other, check)

    monkeypatch.setattr(etags._File, "_compute", compute)
    monkeypatch.setattr(local_copy, "same_content", compare)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_bytes(name.encode() * SIZE)
    settle()
    return folder


def settle() -> None:
    """Wait until another change would give a file another time."""
    time.sleep(0.06)


def sync(source: Path | str, destination: Path | str, **options) -> DataSyncResult:
    cache = options.pop("cache", Path(destination if "s3:" in str(source) else source).parent)
    request = DataSyncRequest(
        source_path=str(source),
        destination_path=str(destination),
        checksum_cache=str(cache / "cache.sqlite"),
        **options,
    )
    return Engine().sync(request).result


def change(path: Path) -> None:
    """Change a byte of a file, and restore its size and modification time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(7)
        file.write(b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_upload_reads_unchanged_files_once(bucket, source: Path, reads):
    for _ in range(3):
        found = sync(source, "s3://bucket/dst/")
    assert found.files_unchanged == 2
    assert len(reads) <= 2


def test_upload_finds_a_changed_byte_though_size_and_time_are_restored(
    bucket, source: Path, reads
):
    for _ in range(3):
        sync(source, "s3://bucket/dst/")
    reads.clear()
    change(source / "a")

    assert sync(source, "s3://bucket/dst/").files_transferred == 1
    assert bucket.get("dst/a") == (source / "a").read_bytes()
    assert reads == ["a"]


def test_upload_of_several_parts_is_known_without_requests(
    bucket, source: Path, reads, monkeypatch
):
    (source / "a").write_bytes(b"a" * 9 * 2**20)
    settle()
    settings = {"part_size": 6 * 2**20}
    for _ in range(2):
        sync(source, "s3://bucket/dst/", object_settings=settings)
    reads.clear()
    monkeypatch.setattr(etags, "find_part_sizes", lambda *_: pytest.fail("asked"))

    assert sync(source, "s3://bucket/dst/", object_settings=settings).files_unchanged == 2
    assert reads == []


def test_download_reads_unchanged_files_once(bucket, tmp_path: Path, reads):
    for name in "ab":
        bucket.put(f"src/{name}", name * SIZE)
    destination = tmp_path / "dst"
    for _ in range(3):
        found = sync("s3://bucket/src/", destination)
        settle()
    assert found.files_unchanged == 2
    assert len(reads) <= 2
    reads.clear()
    change(destination / "b")

    assert sync("s3://bucket/src/", destination).files_transferred == 1
    assert (destination / "b").read_text() == "b" * SIZE
    assert reads == ["b"]


def test_files_that_are_in_sync_are_touched_all_the_same(bucket, tmp_path: Path):
    bucket.put("src/a", "a" * SIZE)
    destination, start = tmp_path / "dst", 0.0
    for _ in range(3):
        start = time.time()
        sync("s3://bucket/src/", destination)
    assert (destination / "a").stat().st_mtime >= start


def test_local_copy_is_known_at_once(source: Path, tmp_path: Path, reads):
    for _ in range(3):
        found = sync(source, tmp_path / "dst")
    assert found.files_unchanged == 2
    assert reads == []


@pytest.mark.parametrize("folder", ["src", "dst"])
def test_local_copy_finds_a_changed_byte_on_either_side(
    source: Path, tmp_path: Path, reads, folder
):
    for _ in range(2):
        sync(source, tmp_path / "dst")
    change(tmp_path / folder / "a")
    settle()

    assert sync(source, tmp_path / "dst").files_transferred == 1
    assert (tmp_path / "dst" / "a").read_bytes() == (source / "a").read_bytes()
    assert reads == ["a"]
    assert sync(source, tmp_path / "dst").files_unchanged == 2
    assert reads == ["a"]


@pytest.mark.parametrize("options", [{"size_only": True}, {"size_only": True, "cache": None}])
def test_local_files_are_not_read_by_size_only(source: Path, tmp_path: Path, reads, options):
    options["cache"] = source.parent
    for _ in range(2):
        found = sync(source, tmp_path / "dst", **options)
    assert found.files_unchanged == 2
    assert reads == []
    assert not (source.parent / "cache.sqlite").exists()


def test_verify_reads(source: Path, tmp_path: Path, reads):
    sync(source, tmp_path / "dst")

    assert sync(source, tmp_path / "dst", verify=True).verification.files_equal == 2
    assert sorted(reads) == ["a", "b"]


def test_file_is_read_before_it_is_removed_by_a_move(bucket, source: Path, reads):
    for _ in range(2):
        sync(source, "s3://bucket/dst/")
    reads.clear()
    sync(source, "s3://bucket/dst/", retain_source_data=False)

    assert {"a", "b"} <= set(reads)


def test_force_transfers_what_is_known(source: Path, tmp_path: Path):
    sync(source, tmp_path / "dst")

    assert sync(source, tmp_path / "dst", force=True).files_transferred == 2


@pytest.mark.parametrize("folder", ["src", "dst"])
def test_cache_below_what_is_synced_is_not_used(source: Path, tmp_path: Path, caplog, folder):
    for _ in range(2):
        found = sync(source, tmp_path / "dst", cache=tmp_path / folder)
    assert found.files_unchanged == 2
    assert not (tmp_path / folder / "cache.sqlite").exists()
    assert "is not used: it is below" in caplog.text


def test_damaged_cache_is_no_error(source: Path, tmp_path: Path, reads, caplog):
    sync(source, tmp_path / "dst")
    cache = tmp_path / "cache.sqlite"
    cache.write_bytes(cache.read_bytes()[:100] + os.urandom(9000))
    change(source / "a")

    assert sync(source, tmp_path / "dst").files_transferred == 1
    assert sorted(reads) == ["a", "b"]
    assert caplog.text.count("is damaged, and is deleted") == 1
    for _ in range(2):
        assert sync(source, tmp_path / "dst").files_unchanged == 2
