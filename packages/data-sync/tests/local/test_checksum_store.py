"""Checksums in a database that may be damaged, foreign, locked, full or read-only."""

import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import checksum_store
from aibs_informatics_aws_lambda.handlers.data_sync.local.checksum_store import (
    ChecksumStore,
    FileState,
)
from hypothesis import given, strategies as st

STATE = FileState("1", 2, 3, 4, 5)
MD5 = "0123456789abcdef" * 2


def add(path: Path, *checksums: tuple[FileState, str, str], **options) -> None:
    with closing(ChecksumStore(str(path), **options)) as store:
        store.add(checksums)


def find(path: Path, state: FileState = STATE, **options) -> dict[str, str]:
    with closing(ChecksumStore(str(path), **options)) as store:
        return store.find(state)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A database with one checksum."""
    path = tmp_path / "cache" / "checksums.sqlite"
    add(path, (STATE, "md5", MD5))
    return path


def warnings(caplog) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_checksums_of_a_file_are_found_by_kind(cache):
    add(cache, (STATE, "md5:8388608", f"{MD5}-2"), (STATE, "same", f"={MD5}"))

    assert find(cache) == {"md5": MD5, "md5:8388608": f"{MD5}-2", "same": f"={MD5}"}


@pytest.mark.parametrize("field", FileState._fields)
def test_file_in_another_state_has_none(cache, field):
    other = STATE._replace(**{field: "x" if field == "device" else 9})

    assert find(cache, other) == {}


def test_new_state_of_a_file_replaces_the_old_one(cache):
    new = STATE._replace(ctime_ns=6)
    add(cache, (new, "md5", MD5[::-1]))

    assert (find(cache, new), find(cache)) == ({"md5": MD5[::-1]}, {})


def test_only_the_owner_can_read_the_database_and_its_folder(cache):
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (cache, cache.parent)]

    assert modes == [0o600, 0o700]


def test_other_files_are_left_as_they_are(tmp_path: Path, caplog):
    text, other = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("notes" * 100)
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE checksums (notes)")
    before = other.read_bytes()
    for path in (text, other):
        add(path, (STATE, "md5", MD5))
        assert find(path) == {}

    assert text.read_text() == "notes" * 100
    assert other.read_bytes() == before
    assert all("is no checksum cache" in message for message in warnings(caplog))
    assert len(warnings(caplog)) == 4


@pytest.mark.parametrize("content", [b"", bytes(4096)])
def test_file_without_content_becomes_a_database(tmp_path: Path, content):
    path = tmp_path / "cache"
    path.write_bytes(content)
    find(path)
    add(path, (STATE, "md5", MD5))

    assert find(path) == {"md5": MD5}


def damage(cache: Path, position: int, size: int) -> None:
    content = bytearray(cache.read_bytes())
    content[position : position + size] = b"\xa5" * size
    cache.write_bytes(content)


@pytest.mark.parametrize(("position", "size"), [(0, 16), (100, 60), (100, 8000), (4096, 4096)])
def test_damaged_database_is_deleted_with_a_message_and_made_again(cache, caplog, position, size):
    damage(cache, position, size)

    assert find(cache) == {}
    assert len(warnings(caplog)) == 1
    assert "is damaged, and is deleted" in warnings(caplog)[0]
    add(cache, (STATE, "md5", MD5))
    assert find(cache) == {"md5": MD5}


def test_truncated_database_is_made_again(cache):
    os.truncate(cache, 5000)
    find(cache)
    add(cache, (STATE, "md5", MD5))

    assert find(cache) == {"md5": MD5}


@given(st.data())
def test_flipped_bit_is_never_believed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cache") / "cache"
    add(path, (STATE, "md5", MD5), (STATE._replace(inode=7), "md5", MD5[::-1]))
    content = bytearray(path.read_bytes())
    # Where there is something: the rest of a page is empty.
    places = [place for place, byte in enumerate(content) if byte]
    place, bit = data.draw(st.sampled_from(places)), data.draw(st.integers(0, 7))
    content[place] ^= 1 << bit
    path.write_bytes(content)

    assert find(path).get("md5") in (None, MD5)


def test_database_of_another_version_is_made_again(cache):
    with closing(sqlite3.connect(cache)) as database:
        database.execute("PRAGMA user_version = 99")

    assert find(cache) == {}
    add(cache, (STATE, "md5", MD5))
    assert find(cache) == {"md5": MD5}


def test_folder_that_cannot_be_made_is_one_message(tmp_path: Path, caplog):
    (tmp_path / "file").touch()
    with closing(ChecksumStore(str(tmp_path / "file" / "cache"))) as store:
        store.add([(STATE, "md5", MD5)])
        assert store.find(STATE) == {}

    assert len(warnings(caplog)) == 1
    assert "is not used: File exists" in warnings(caplog)[0]


def test_database_that_cannot_be_written_is_read(cache, caplog, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **o: connect(f"file:{path}?mode=ro", uri=True, **o)
    )
    with closing(ChecksumStore(str(cache))) as store:
        for number in (7, 8):
            store.add([(STATE._replace(inode=number), "md5", MD5)])
        assert store.find(STATE) == {"md5": MD5}

    assert len(warnings(caplog)) == 1
    assert "is not updated: attempt to write a readonly database" in warnings(caplog)[0]


def test_database_that_others_can_write_to_is_not_used(cache, caplog):
    cache.chmod(0o620)

    assert find(cache) == {}
    assert "is not used: other users can write to it" in warnings(caplog)[0]


def test_database_with_the_journal_of_another_user_is_not_used(cache, caplog):
    journal = cache.with_name(f"{cache.name}-journal")
    journal.touch()
    journal.chmod(0o666)

    assert find(cache) == {}
    assert "is not used: other users can write to it" in warnings(caplog)[0]


@pytest.mark.parametrize("ending", ["", "-journal"])
def test_database_that_is_a_pipe_is_not_opened(cache, caplog, ending):
    path = cache.with_name(f"{cache.name}{ending}")
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)

    assert find(cache) == {}
    assert "is not a regular file" in warnings(caplog)[0]


def test_database_of_another_user_is_used_on_a_network_file_system_only(
    cache, caplog, monkeypatch
):
    monkeypatch.setattr(os, "geteuid", lambda: cache.stat().st_uid + 1)

    assert find(cache, is_remote=True) == {"md5": MD5}
    assert find(cache) == {}
    assert "is not used: other users can write to it" in warnings(caplog)[0]


def test_locked_database_is_not_waited_for_forever(cache, monkeypatch, caplog):
    monkeypatch.setattr(checksum_store, "_BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(cache, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert find(cache) == {}
        add(cache, (STATE, "md5", MD5[::-1]))

    assert find(cache) == {"md5": MD5}
    assert warnings(caplog) == []


def test_uses_are_noted_in_bounded_memory(cache, monkeypatch):
    day = checksum_store._today()
    monkeypatch.setattr(checksum_store, "_MOST_USED", 1)
    monkeypatch.setattr(checksum_store, "_today", lambda: day + 10)
    with closing(ChecksumStore(str(cache))) as store:
        store.find(STATE)
        assert store._used == {}
    with closing(sqlite3.connect(cache)) as database:
        assert database.execute("SELECT used FROM checksums").fetchall() == [(day + 10,)]


def test_checksums_that_were_not_used_for_longest_are_deleted(tmp_path: Path, monkeypatch):
    path, day = tmp_path / "cache", checksum_store._today()
    states = [STATE._replace(inode=number) for number in range(3000)]
    for today, some in ((day - 40, states[:1000]), (day - 20, states[1000:2000])):
        monkeypatch.setattr(checksum_store, "_today", lambda today=today: today)
        add(path, *((state, "md5", MD5) for state in some))
    monkeypatch.setattr(checksum_store, "_today", lambda: day)
    assert find(path, states[0]) == {"md5": MD5}
    size = path.stat().st_size

    add(path, *((state, "md5", MD5) for state in states[2000:]), max_bytes=size)

    assert find(path, states[0]) == {"md5": MD5}
    assert find(path, states[1]) == {}
    assert find(path, states[2500]) == {"md5": MD5}


def test_size_is_bounded_though_all_was_used_today(tmp_path: Path):
    path = tmp_path / "cache"
    for start in range(0, 5000, 500):
        states = [STATE._replace(inode=start + number) for number in range(500)]
        add(path, *((state, "md5", MD5) for state in states), max_bytes=100_000)

    assert path.stat().st_size < 250_000
    assert find(path, states[-1]) == {"md5": MD5}


def test_remote_database_is_copied_for_many_lookups(tmp_path: Path):
    path = tmp_path / "cache"
    states = [STATE._replace(inode=number) for number in range(100)]
    add(path, *((state, "md5", MD5) for state in states))

    with closing(ChecksumStore(str(path), is_remote=True)) as store:
        assert all(store.find(state) == {"md5": MD5} for state in states)
        store.add([(STATE._replace(inode=500), "md5", MD5)])
    assert find(path, STATE._replace(inode=500)) == {"md5": MD5}


def test_threads_and_stores_share_a_database(tmp_path: Path):
    path = tmp_path / "cache"

    def work(number: int) -> bool:
        state = STATE._replace(inode=number)
        with closing(ChecksumStore(str(path))) as store:
            store.add([(state, "md5", MD5)])
            return store.find(state) == {"md5": MD5}

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))
    assert all(find(path, STATE._replace(inode=number)) for number in range(40))


WRITE = """
import sys
from itertools import count
from aibs_informatics_aws_lambda.handlers.data_sync.local.checksum_store import (
    ChecksumStore, FileState,
)
store = ChecksumStore(sys.argv[1])
for number in count():
    states = [FileState("1", number * 1000 + n, 3, 4, 5) for n in range(1000)]
    store.add((state, "md5", "0123456789abcdef" * 2) for state in states)
    print(number, flush=True)
"""


def test_database_survives_a_process_that_is_killed_while_it_writes(tmp_path: Path, caplog):
    path = tmp_path / "cache"
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            time.sleep(0.005)
            process.send_signal(signal.SIGKILL)

    found = [find(path, STATE._replace(inode=number)) for number in range(1000)]
    assert found == [{"md5": MD5}] * 1000
    assert warnings(caplog) == []
