from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.files import (
    filename_in_errors,
    unwritable_reason,
    write_atomically,
)


def test_new_file_holds_the_text_and_follows_the_umask(tmp_path):
    path = tmp_path / "new.txt"
    before = os.umask(0o027)
    try:
        write_atomically(path, "é")
    finally:
        os.umask(before)

    assert path.read_text(encoding="utf-8") == "é"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_existing_file_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "old.txt"
    path.write_text("old and long")
    path.chmod(0o600)

    write_atomically(path, "new")

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_new_content_is_never_open_to_more_readers_than_the_old(tmp_path, monkeypatch, mode):
    path = tmp_path / "old.txt"
    path.touch(mode)
    modes = []
    monkeypatch.setattr(os, "fsync", lambda number: modes.append(os.fstat(number).st_mode & 0o477))

    write_atomically(path, "new")

    assert modes == [mode & 0o477]
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_reader_that_has_the_old_file_open_sees_all_of_it(tmp_path):
    path = tmp_path / "old.txt"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, "new")

        assert reader.read() == "old"


def test_link_is_followed_and_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target.txt", tmp_path / "link.txt"
    link.symlink_to(target)

    write_atomically(link, "first")
    write_atomically(link, "second")

    assert link.is_symlink()
    assert target.read_text() == "second"


@pytest.mark.parametrize("name", ["x" * 255, "ж" * 127])
def test_name_may_be_as_long_as_the_file_system_allows(tmp_path, name):
    write_atomically(tmp_path / name, "text")

    assert (tmp_path / name).read_text() == "text"


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "old.txt"
    path.write_text("old")

    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "a" * 100_000 + "\ud800")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_directory_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "file.txt", "text")


def test_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()

    write_atomically(pipe, "through the pipe")
    reader.join()

    assert received == ["through the pipe"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["new.json", "missing/folder/new.json", "old.json"])
def test_writable_places_have_no_obstacle(tmp_path, name):
    (tmp_path / "old.json").write_text("{}")

    assert unwritable_reason(tmp_path / name) is None


def test_bare_name_stands_for_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert unwritable_reason(Path("new.json")) is None
    assert unwritable_reason(Path()) == "it is a directory, not a file"


def test_obstacles_are_named(tmp_path):
    (tmp_path / "file").write_text("")

    assert unwritable_reason(tmp_path) == "it is a directory, not a file"
    assert unwritable_reason(tmp_path / "file" / "new") == f"{tmp_path}/file is not a directory"


def test_directory_that_may_not_be_written_to_is_named(tmp_path, monkeypatch):
    # Root may write anywhere, so that the response of the system is set here; the command line's
    # tests ask the system itself.
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert unwritable_reason(tmp_path / "new") == f"the directory {tmp_path} is not writable"
    assert (
        unwritable_reason(tmp_path / "missing" / "new")
        == f"the directory {tmp_path} is not writable"
    )
    assert unwritable_reason(Path(os.devnull)) == "it is not writable"


def test_full_disk_is_named():
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write_atomically(Path("/dev/full"), "text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(5, "Input/output error"), "[Errno 5] Input/output error: '/data/f'"),
        (OSError(5, "Input/output error", "/data/g"), "[Errno 5] Input/output error: '/data/g'"),
        (OSError("f changed meanwhile"), "f changed meanwhile"),
    ],
)
def test_error_names_a_file_and_keeps_a_message_of_its_own(error, text):
    with pytest.raises(OSError) as raised, filename_in_errors("/data/f"):  # noqa: PT011
        raise error
    assert str(raised.value) == text
