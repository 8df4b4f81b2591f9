from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.local.staging import temporary_path
from aibs_informatics_aws_lambda.handlers.data_sync.local.walk import (
    find_local,
    list_destination,
    list_files,
    list_source,
)
from hypothesis import given, strategies as st

NAMES = st.text(st.sampled_from("aA0!-./~é\U0001f600"), min_size=1, max_size=6)


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def paths(folder: Path) -> list[str]:
    return [entry.relative for entry in list_source(folder)]


def test_files_come_with_size_and_time(tmp_path: Path):
    file = write(tmp_path / "sub" / "a", "four")
    os.utime(file, (5, 7.5))
    [entry] = list_source(tmp_path)
    assert entry == Entry("sub/a", 4, 7.5, inode=file.stat().st_ino, accessed=5)


def test_folder_sorts_by_its_content(tmp_path: Path):
    for name in ("a/b", "a-", "a0", "a.txt"):
        write(tmp_path / name)
    assert paths(tmp_path) == ["a-", "a.txt", "a/b", "a0"]


@given(st.sets(NAMES))
def test_order_is_that_of_utf_8(tmp_path_factory: pytest.TempPathFactory, keys: set[str]):
    folder = tmp_path_factory.mktemp("tree")
    for key in keys:
        if not {"", ".", ".."} & set(key.split("/")):
            try:
                write(folder / key)
            except (FileExistsError, IsADirectoryError, NotADirectoryError):
                continue
    found = paths(folder)
    assert found == sorted(found, key=str.encode)
    assert set(found) == {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def test_link_to_a_file_counts_as_the_file(tmp_path: Path):
    write(tmp_path / "elsewhere", "four")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to("../elsewhere")
    [entry] = list_source(tmp_path / "root")
    assert (entry.relative, entry.size) == ("link", 4)


def test_link_to_a_folder_is_followed(tmp_path: Path):
    write(tmp_path / "elsewhere" / "sub" / "x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to("../elsewhere")
    assert paths(tmp_path / "root") == ["link/sub/x"]


def test_folder_that_lies_below_the_root_is_read_at_its_own_place_only(tmp_path: Path):
    write(tmp_path / "z" / "x")
    (tmp_path / "a").symlink_to("z")
    assert paths(tmp_path) == ["z/x"]


def test_two_links_to_one_folder_read_it_once(tmp_path: Path):
    write(tmp_path / "elsewhere" / "x")
    root = tmp_path / "root"
    root.mkdir()
    (root / "b").symlink_to("../elsewhere")
    (root / "a").symlink_to("../elsewhere")
    assert paths(root) == ["a/x"]


@pytest.mark.parametrize("target", [".", "..", "../..", "../other"])
def test_links_in_circles_end(tmp_path: Path, target: str):
    root = tmp_path / "top" / "root"
    write(root / "sub" / "x")
    (root / "sub" / "circle").symlink_to(target)
    write(root / "other" / "y")
    (root / "other" / "back").symlink_to("..")
    write(tmp_path / "top" / "z")
    found = paths(root)
    assert {"sub/x", "other/y"} <= set(found)
    assert found == sorted(set(found))
    assert len({os.path.realpath(root / path) for path in found}) == len(found)


def test_link_that_points_nowhere_is_an_error(tmp_path: Path):
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"/link is a dangling symlink"):
        paths(tmp_path)
    with pytest.raises(ValueError, match=r"/link is a dangling symlink"):
        find_local(tmp_path / "link")


def test_what_is_no_file_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert paths(tmp_path) == []
    assert "pipe is neither a file nor a directory" in caplog.text


def test_file_that_vanishes_meanwhile_is_left_out(tmp_path: Path):
    write(tmp_path / "a")
    write(tmp_path / "b")
    entries = list_source(tmp_path)
    next(entries)
    (tmp_path / "b").unlink()
    assert list(entries) == []


def test_folder_is_there_with_files_below(tmp_path: Path):
    write(tmp_path / "a")
    source = find_local(tmp_path)
    assert (source.single, source.exists) == (None, True)
    assert [entry.relative for entry in source.below] == ["a"]


def test_empty_folder_is_there(tmp_path: Path):
    source = find_local(tmp_path)
    assert (list(source.below), source.exists) == ([], True)


def test_file_is_a_single_item(tmp_path: Path):
    source = find_local(write(tmp_path / "a", "four"))
    assert source.single
    assert (source.single.relative, source.single.size, source.exists) == ("", 4, True)


@pytest.mark.parametrize("missing", ["nope", "file/below"])
def test_missing_path_is_not_there(tmp_path: Path, missing: str):
    write(tmp_path / "file")
    assert find_local(tmp_path / missing) == (None, (), False)


def test_pipe_is_no_source(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is neither a file nor a directory"):
        find_local(tmp_path / "pipe")


def test_temporary_files_of_a_running_sync_are_not_listed(tmp_path):
    target = temporary_path(str(tmp_path / "a"))
    left = temporary_path(str(tmp_path / "b"))
    for path in (target, left):
        Path(path).write_text("half")
    os.utime(left, (0, 0))
    assert list(list_source(tmp_path)) == []
    assert [entry.relative for entry in list_destination(tmp_path)] == [Path(left).name]


READERS = {"source": list_source, "destination": list_destination, "files": list_files}
UNREADABLE = [errno.EACCES, errno.EIO, errno.ELOOP, errno.ENOTDIR, errno.ESTALE, errno.ETIMEDOUT]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int], None]:
    """Let the next reading of a folder fail."""
    read = os.scandir

    def fail(folder: Path, number: int) -> None:
        def scandir(path: str) -> Any:
            if str(path) == str(folder):
                raise OSError(number, os.strerror(number), str(path))
            return read(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return fail


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("folder", ["root", "root/sub"])
@pytest.mark.parametrize("number", UNREADABLE, ids=errno.errorcode.get)
def test_folder_that_cannot_be_read_is_an_error_that_names_it(
    tmp_path: Path, failing, reader, folder, number
):
    write(tmp_path / "root" / "sub" / "a")
    failing(tmp_path / folder, number)
    with pytest.raises(OSError, match=f"{tmp_path / folder}'") as caught:
        list(READERS[reader](tmp_path / "root"))
    assert caught.value.errno == number


@pytest.mark.parametrize("reader", READERS)
def test_folder_that_vanishes_while_its_parent_is_read_is_left_out(
    tmp_path: Path, failing, reader
):
    write(tmp_path / "root" / "sub" / "a")
    write(tmp_path / "root" / "b")
    failing(tmp_path / "root" / "sub", errno.ENOENT)
    found = [entry.relative for entry in READERS[reader](tmp_path / "root")]
    assert [name for name in found if not name.endswith("/")] == ["b"]


def test_source_that_vanishes_is_an_error(tmp_path: Path, failing):
    write(tmp_path / "root" / "a")
    failing(tmp_path / "root", errno.ENOENT)
    with pytest.raises(FileNotFoundError, match="root"):
        list(list_source(tmp_path / "root"))


@pytest.mark.parametrize("target", ["nowhere", "file/nowhere", "link"])
def test_symlink_that_leads_nowhere_hides_no_other_entry(tmp_path: Path, target):
    for name in ("a", "file", "z"):
        write(tmp_path / name)
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(ValueError, match="/link is a dangling symlink"):
        list(list_source(tmp_path))
    assert [entry.relative for entry in list_files(tmp_path)] == ["a", "file", "z"]
    found = [(entry.relative, entry.kind) for entry in list_destination(tmp_path)]
    assert found == [("a", "file"), ("file", "file"), ("link", "symlink"), ("z", "file")]
