"""Files that have changed are never taken for unchanged."""

import fcntl
import hashlib
import mmap
import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import checksum_cache
from aibs_informatics_aws_lambda.handlers.data_sync.local.checksum_cache import ChecksumCache
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import Folder, open_folder
from aibs_informatics_aws_lambda.handlers.data_sync.local.mounts import FileSystem, file_systems
from hypothesis import given, settings, strategies as st

LARGE = 20_000
HOUR_NS = 3600 * 10**9


def settle() -> None:
    """Wait until another change gives a file another time."""
    time.sleep(0.012)


@pytest.fixture(autouse=True)
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not shorter than a tick of any Linux.
    monkeypatch.setattr(checksum_cache, "_TICK_NS", 11_000_000)


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the type of the file system of the test, which is ext4 at first."""

    def set_type(kind: str | None, source: str = "/dev/vda") -> None:
        found = {tmp_path.stat().st_dev: FileSystem(kind, source)} if kind else {}
        monkeypatch.setattr(checksum_cache, "file_systems", lambda: found)

    set_type("ext4")
    return set_type


@pytest.fixture
def file(tmp_path: Path, mount) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"x" * LARGE)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return open_folder(str(tmp_path))


def opened(tmp_path: Path, **options):
    return closing(ChecksumCache(str(tmp_path / "cache.sqlite"), **options))


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def read(cache: ChecksumCache, path: Path) -> str:
    """Return the MD5 of a file, as the cache has it or as it is read."""
    found = cache.find(str(path)).get("md5")
    if found is None:
        begun = cache.begin(str(path))
        found = md5(path)
        cache.end(begun, str(path), "md5", found)
    return found


def rewrite(path: Path, *, restores: bool = True) -> None:
    """Change a byte of a file, and restore its size and modification time."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    if restores:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_file_that_was_read_is_known_to_the_next_sync(tmp_path: Path, file):
    settle()
    with opened(tmp_path) as cache:
        read(cache, file)
    with opened(tmp_path) as cache:
        assert cache.find(str(file)) == {"md5": md5(file)}


def test_file_that_has_just_changed_is_not_stored(tmp_path: Path, file, monkeypatch):
    monkeypatch.setattr(checksum_cache, "_TICK_NS", HOUR_NS)
    with opened(tmp_path) as cache:
        read(cache, file)
        assert cache.find(str(file)) == {}


def test_file_that_changes_while_it_is_read_is_not_stored(tmp_path: Path, file):
    settle()
    with opened(tmp_path) as cache:
        begun, found = cache.begin(str(file)), md5(file)
        rewrite(file)
        cache.end(begun, str(file), "md5", found)
        assert cache.find(str(file)) == {}


class TestFileThatIsBeingWritten:
    """A write sets the time of change first, and then copies the data, which may take long."""

    def test_is_not_stored(self, tmp_path: Path, file):
        settle()
        with opened(tmp_path) as cache:
            with file.open("r+b"):
                read(cache, file)
            assert cache.find(str(file)) == {}

    def test_through_a_mapping_is_not_stored(self, tmp_path: Path, file):
        with opened(tmp_path) as cache, file.open("r+b") as opened_file:
            with mmap.mmap(opened_file.fileno(), 0) as mapping:
                mapping[7] = 1
                settle()
                read(cache, file)
                # This sets no time.
                mapping[8] = 1
            assert cache.find(str(file)) == {}

    def test_is_not_stored_where_it_would_not_show(self, tmp_path: Path, file, monkeypatch):
        def refuse(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(fcntl, "fcntl", refuse)
        settle()
        with opened(tmp_path) as cache:
            assert cache.begin(str(file)) is None
            monkeypatch.setattr(checksum_cache, "_WRITEBACK_NS", 0)
            assert cache.begin(str(file)) is not None

    def test_may_be_mapped_below_an_overlay(self, tmp_path: Path, file, mount, monkeypatch):
        mount("overlay")
        settle()
        with opened(tmp_path) as cache:
            assert cache.begin(str(file)) is None
            monkeypatch.setattr(checksum_cache, "_WRITEBACK_NS", 0)
            assert cache.begin(str(file)) is not None


def test_files_in_memory_are_read(tmp_path: Path, file, mount):
    mount("tmpfs")
    os.utime(file)
    settle()
    with opened(tmp_path) as cache:
        read(cache, file)
        assert cache.find(str(file)) == {}


def test_changed_byte_with_size_and_time_restored_is_noticed(tmp_path: Path, file):
    settle()
    with opened(tmp_path) as cache:
        read(cache, file)
        rewrite(file)
        assert cache.find(str(file)) == {}


def test_small_file_on_a_local_disk_is_read(tmp_path: Path, mount):
    small = tmp_path / "small"
    small.write_bytes(b"x")
    settle()
    with opened(tmp_path) as cache:
        read(cache, small)
        assert cache.find(str(small)) == {}


def test_nothing_is_found_where_files_must_be_read(tmp_path: Path, file):
    settle()
    with opened(tmp_path) as cache:
        read(cache, file)
    with opened(tmp_path, reads=False) as cache:
        assert cache.find(str(file)) == {}


def test_what_is_read_again_replaces_what_a_disk_has_changed(tmp_path: Path, file):
    settle()
    with opened(tmp_path) as cache:
        cache.end(cache.begin(str(file)), str(file), "md5", "0" * 32)
    with opened(tmp_path, reads=False) as cache:
        read(cache, file)
    with opened(tmp_path) as cache:
        assert cache.find(str(file)) == {"md5": md5(file)}


class TestTwoFiles:
    @pytest.fixture
    def other(self, file) -> Path:
        path = file.with_name("other")
        path.write_bytes(file.read_bytes())
        settle()
        return path

    def compare(self, cache: ChecksumCache, one: Path, two: Path) -> bool:
        if cache.are_same(str(one), str(two)):
            return True
        begun = cache.begin(str(one)), cache.begin(str(two))
        is_same = one.read_bytes() == two.read_bytes()
        cache.note_compared(begun, str(one), str(two), is_same=is_same)
        return is_same

    def test_are_the_same_once_they_were_compared(self, tmp_path: Path, file, other):
        with opened(tmp_path) as cache:
            assert not cache.are_same(str(file), str(other))
            assert self.compare(cache, file, other)
        with opened(tmp_path) as cache:
            assert cache.are_same(str(file), str(other))

    def test_and_a_third_that_is_the_same_as_one(self, tmp_path: Path, file, other):
        third = file.with_name("third")
        third.write_bytes(file.read_bytes())
        settle()
        with opened(tmp_path) as cache:
            self.compare(cache, file, other)
            self.compare(cache, file, third)
            assert cache.are_same(str(other), str(third))

    @pytest.mark.parametrize("name", ["file", "other"])
    def test_are_not_once_one_has_changed(self, tmp_path: Path, file, other, name):
        with opened(tmp_path) as cache:
            self.compare(cache, file, other)
            rewrite(file.with_name(name))
            assert not self.compare(cache, file, other)

    def test_that_differ_though_they_were_the_same_are_not(self, tmp_path: Path, file, other):
        with opened(tmp_path) as cache:
            self.compare(cache, file, other)
            begun = cache.begin(str(file)), cache.begin(str(other))
            cache.note_compared(begun, str(file), str(other), is_same=False)
            assert not cache.are_same(str(file), str(other))


class TestTouch:
    def test_keeps_what_is_known(self, tmp_path: Path, file, folder):
        settle()
        with opened(tmp_path) as cache:
            read(cache, file)
            assert cache.touch(folder, "file", LARGE, 1e9)
            assert file.stat().st_mtime == 1e9
        with opened(tmp_path) as cache:
            assert cache.find(str(file)) == {"md5": md5(file)}

    def test_adds_nothing_to_a_file_that_has_changed(self, tmp_path: Path, file, folder):
        settle()
        with opened(tmp_path) as cache:
            read(cache, file)
            rewrite(file)
            assert cache.touch(folder, "file", LARGE, 1e9)
            assert cache.find(str(file)) == {}

    def test_is_left_to_others_while_the_file_is_open_to_be_written(
        self, tmp_path: Path, file, folder
    ):
        settle()
        with opened(tmp_path) as cache, file.open("r+b"):
            read(cache, file)
            assert not cache.touch(folder, "file", LARGE, 1e9)

    def test_change_right_after_the_end_is_noticed(self, tmp_path: Path, file, folder):
        settle()
        with opened(tmp_path) as cache:
            read(cache, file)
            cache.touch(folder, "file", LARGE, 1e9)
        rewrite(file)
        with opened(tmp_path) as cache:
            assert cache.find(str(file)) == {}

    def test_does_not_follow_symlinks(self, tmp_path: Path, file, folder):
        (tmp_path / "link").symlink_to(file)
        with opened(tmp_path) as cache:
            assert not cache.touch(folder, "link", LARGE, 1e9)


class TestPublishedFile:
    def publish(self, cache, folder, file, modified: float = 1e9 + 0.25) -> None:
        os.utime(file, (1e9 + 0.25, 1e9 + 0.25))
        cache.note_published(folder, file.name, LARGE, modified, "md5", md5(file))

    def test_is_known(self, tmp_path: Path, file, folder):
        with opened(tmp_path) as cache:
            self.publish(cache, folder, file)
        with opened(tmp_path) as cache:
            assert cache.find(str(file)) == {"md5": md5(file)}

    def test_is_not_if_another_writer_gave_it_another_time(self, tmp_path: Path, file, folder):
        with opened(tmp_path) as cache:
            self.publish(cache, folder, file, modified=1e9)
            assert cache.find(str(file)) == {}

    def test_is_not_where_a_change_may_not_show_for_long(
        self, tmp_path: Path, file, folder, mount, monkeypatch
    ):
        mount("nfs4", "server:/")
        monkeypatch.setattr(checksum_cache, "_COARSE_NS", HOUR_NS)
        with opened(tmp_path) as cache:
            self.publish(cache, folder, file)
        with opened(tmp_path) as cache:
            assert cache.find(str(file)) == {}


def test_files_that_were_just_changed_wait_until_they_can_be_stored(
    tmp_path: Path, file, folder, monkeypatch
):
    monkeypatch.setattr(checksum_cache, "_MOST_PENDING", 2)
    others = [file.with_name(f"other-{number}") for number in range(6)]
    with opened(tmp_path) as cache:
        for other in others:
            other.write_bytes(b"y" * LARGE)
            os.utime(other, (1e9, 1e9))
            cache.note_published(folder, other.name, LARGE, 1e9, "md5", md5(other))
    with opened(tmp_path) as cache:
        assert all(cache.find(str(other)) for other in others)


class TestServer:
    """A network file system, whose clock may differ."""

    def test_change_is_recent_by_the_clock_of_the_server(
        self, tmp_path: Path, file, mount, monkeypatch
    ):
        mount("nfs4", "server:/")
        monkeypatch.setattr(checksum_cache, "_COARSE_NS", HOUR_NS)
        # The clock of this machine is far ahead of that of the server: all looks old.
        now = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: now() + 2 * HOUR_NS)
        with opened(tmp_path) as cache:
            (tmp_path / "cache.sqlite").touch()
            assert cache.begin(str(file)) is None
            monkeypatch.setattr(checksum_cache, "_COARSE_NS", 0)
            assert cache.begin(str(file)) is not None

    def test_clock_that_was_not_seen_may_differ_by_minutes(
        self, tmp_path: Path, file, mount, monkeypatch
    ):
        mount("nfs4", "server:/")
        now, ahead = time.time_ns, 0
        monkeypatch.setattr(time, "time_ns", lambda: now() + ahead)
        with opened(tmp_path) as cache:
            for seconds, is_stored in ((0, False), (800, False), (1000, True)):
                ahead = seconds * 10**9
                assert (cache.begin(str(file)) is not None) is is_stored

    def test_device_has_another_number_on_each_machine(self, tmp_path: Path, file, monkeypatch):
        device, states = file.stat().st_dev, []
        for number in (device, device + 1):
            systems = {number: FileSystem("nfs4", "server:/")}
            monkeypatch.setattr(checksum_cache, "file_systems", lambda systems=systems: systems)
            found = os.stat_result([*list(file.stat())[:2], number, *list(file.stat())[3:]])
            with opened(tmp_path) as cache:
                states.append(cache._state(found).device)
        assert states[0] == states[1]

    def test_small_file_is_stored_too(self, tmp_path: Path, mount, monkeypatch):
        mount("nfs4", "server:/")
        monkeypatch.setattr(checksum_cache, "_SKEW_NS", 0)
        monkeypatch.setattr(checksum_cache, "_COARSE_NS", 0)
        (tmp_path / "small").write_bytes(b"x")
        settle()
        with opened(tmp_path) as cache:
            read(cache, tmp_path / "small")
            assert cache.find(str(tmp_path / "small"))


@pytest.mark.parametrize("kind", ["fuse.sshfs", None])
def test_file_system_without_a_time_of_change_is_not_trusted(
    tmp_path: Path, file, mount, monkeypatch, kind
):
    mount(kind)
    monkeypatch.setattr(checksum_cache, "_SKEW_NS", 0)
    os.utime(file)
    settle()
    # As where one is made up from the other.
    same = os.stat_result([*file.stat()[:10], *[1.0] * 3, *[10**9] * 3])
    monkeypatch.setattr(os, "stat", lambda *_, **__: same)
    with opened(tmp_path) as cache:
        assert cache.begin(str(file)) is None


def test_file_systems_are_those_of_mountinfo():
    device = Path("/proc").stat().st_dev

    assert file_systems()[device].kind == "proc"


ACTIONS = st.sampled_from(
    [
        *("check", "check", "check", "settle", "settle", "reopen", "touch"),
        *("write", "rewrite", "restore", "rename", "link", "replace", "reuse", "append"),
    ]
)


@given(st.lists(st.tuples(ACTIONS, st.sampled_from("ab")), max_size=20))
@settings(max_examples=40)
def test_no_sequence_of_changes_is_taken_for_no_change(tmp_path_factory, steps):
    root = tmp_path_factory.mktemp("files")
    paths = {name: root / name for name in "ab"}
    for number, path in enumerate(paths.values()):
        path.write_bytes(bytes([number]) * LARGE)
    database = str(root / "cache.sqlite")
    cache, folder = ChecksumCache(database), open_folder(str(root))
    for number, (action, name) in enumerate([*steps, ("check", "a"), ("check", "b")]):
        path, other = paths[name], paths["b" if name == "a" else "a"]
        if action == "check":
            assert read(cache, path) == md5(path)
        elif action == "settle":
            settle()
        elif action == "reopen":
            cache.close()
            cache = ChecksumCache(database)
        elif action == "touch":
            cache.touch(folder, name, path.stat().st_size, time.time())
        else:
            change(action, path, other, number)
    cache.close()


def change(action: str, path: Path, other: Path, number: int) -> None:
    content = bytes([number % 256]) * LARGE
    if action == "write":
        path.write_bytes(content)
    elif action in ("rewrite", "restore"):
        rewrite(path, restores=action == "restore")
    elif action == "append":
        with path.open("ab") as file:
            file.write(b"y")
    elif action == "rename":
        hidden = path.with_name("hidden")
        path.rename(hidden)
        other.rename(path)
        hidden.rename(other)
    elif action == "link":
        path.unlink()
        path.hardlink_to(other)
    elif action == "replace":
        new, before = path.with_name("new"), path.stat()
        new.write_bytes(content)
        os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
        new.rename(path)
    elif action == "reuse":
        # The inode is often given to the next file.
        before = path.stat()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
