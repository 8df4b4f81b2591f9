"""Directories that are held open: nothing leads out of them."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import folders as module
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import (
    Folders,
    make_directories,
    set_mode,
)
from descriptors import descriptors_below

IN_PLACE = "a symbolic link or a file is in place of this folder"


def write(folders: Folders, path: str) -> None:
    """Write a file in a directory, which is made if it is missing."""
    folder = folders.make_parent(f"{folders.root}{path}")
    name = path.rpartition("/")[2]
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=folder.fd))


def below(root: Path) -> list[str]:
    """Return the paths below a directory; those of directories end in a slash."""
    return sorted(f"{path.relative_to(root)}{'/' * path.is_dir()}" for path in root.rglob("*"))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_missing_directories_are_made(tmp_path: Path):
    folders = Folders(f"{tmp_path}/root/")
    for path in ("a/b/c/1", "a/2", "3", "a/b/4"):
        write(folders, path)
    assert below(tmp_path / "root") == ["3", "a/", "a/2", "a/b/", "a/b/4", "a/b/c/", "a/b/c/1"]


def test_directory_is_located_only_if_it_exists(tmp_path: Path):
    (tmp_path / "a").mkdir()
    folders = Folders(f"{tmp_path}/")
    folder, name = folders.locate(f"{tmp_path}/a/b")
    assert (folder.path, name) == (f"{tmp_path}/a/", "b")
    for missing in ("b/c", "a/b/c"):
        with pytest.raises(FileNotFoundError, match=f"'{tmp_path}/{missing[:-2]}'"):
            folders.locate(f"{tmp_path}/{missing}")


def test_files_are_located_in_several_threads(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_HELD", 4)
    for number in range(20):
        (tmp_path / f"a/{number}").mkdir(parents=True)
    folders = Folders(f"{tmp_path}/")
    paths = [f"{tmp_path}/a/{number % 20}/b" for number in range(2000)]
    with ThreadPoolExecutor(8) as pool:
        found = [folder.path + name for folder, name in pool.map(folders.locate, paths)]
    assert found == paths
    assert descriptors_below(tmp_path) <= 4 + 1
    del folders
    assert descriptors_below(tmp_path) == 0


def test_root_may_be_named_by_a_path_through_symlinks(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    root = f"{tmp_path}/link/"
    with pytest.raises(NotADirectoryError, match=IN_PLACE):
        Folders(root).locate(f"{root}a")
    folder, name = Folders(root, real_root=os.path.realpath(root)).locate(f"{root}a")
    assert (folder.path, name) == (root, "a")


@pytest.mark.parametrize("held", [True, False], ids=["held before", "not held"])
@pytest.mark.parametrize("swapped", ["root", "root/a", "root/a/b"])
def test_nothing_is_written_behind_a_directory_that_was_swapped_for_a_symlink(
    tmp_path: Path, swapped, held
):
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    (tmp_path / "outside" / "a" / "b").mkdir(parents=True)
    folders = Folders(f"{tmp_path}/root/")
    if held:
        write(folders, "a/b/1")
    (tmp_path / swapped).rename(tmp_path / "moved")
    (tmp_path / swapped).symlink_to(f"{tmp_path}/outside")
    if held:
        # It goes on in the directory that was opened, wherever that is by now.
        write(folders, "a/b/2")
        assert len(list((tmp_path / "moved").rglob("[12]"))) == 2
    else:
        with pytest.raises(NotADirectoryError, match=IN_PLACE):
            write(folders, "a/b/2")
    assert below(tmp_path / "outside") == ["a/", "a/b/"]


def test_file_in_place_of_a_directory_is_an_error(tmp_path: Path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(NotADirectoryError, match=f"{IN_PLACE}.*'{tmp_path}/a'"):
        Folders(f"{tmp_path}/").make("a/b")


def test_directory_that_another_sync_makes_meanwhile_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_really = os.mkdir

    def lose_the_race(name: str, *arguments: int, **options: int) -> None:
        make_really(name, *arguments, **options)
        raise FileExistsError(name)

    monkeypatch.setattr(os, "mkdir", lose_the_race)
    write(Folders(f"{tmp_path}/root/"), "a/b/c")
    assert below(tmp_path / "root") == ["a/", "a/b/", "a/b/c"]


def test_few_directories_are_held_and_none_at_the_end(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_HELD", 4)
    folders = Folders(f"{tmp_path}/")
    for number in range(20):
        write(folders, f"{number}/a")
    assert 1 <= descriptors_below(tmp_path) <= 4 + 1
    write(folders, "0/b")
    assert below(tmp_path / "0") == ["a", "b"]
    del folders
    assert descriptors_below(tmp_path) == 0


def test_directories_have_the_permissions_that_are_given(tmp_path: Path):
    modes = {"": 0o2750, "a": 0o700, "a/b": 0o1777, "a/locked": 0o500}
    folders = Folders(f"{tmp_path}/root/", modes.__getitem__)
    write(folders, "a/b/c")
    write(folders, "a/locked/c")
    # Until the end, files can be written to it.
    assert mode_of(tmp_path / "root" / "a" / "locked") == 0o700
    folders.set_modes()
    for relative, mode in modes.items():
        assert mode_of(tmp_path / "root" / relative) == mode


def test_error_names_the_directory_whose_permissions_are_missing(tmp_path: Path):
    source = tmp_path / "source"
    folders = Folders(f"{tmp_path}/root/", lambda relative: (source / relative).stat().st_mode)
    source.mkdir()
    with pytest.raises(FileNotFoundError) as raised:
        folders.make("a")
    assert raised.value.filename == str(source / "a")


def test_directories_that_exist_keep_their_permissions(tmp_path: Path):
    (tmp_path / "root" / "a").mkdir(parents=True, mode=0o700)
    (tmp_path / "root" / "a").chmod(0o711)
    folders = Folders(f"{tmp_path}/root/", lambda _: 0o555)
    write(folders, "a/b")
    folders.set_modes()
    assert mode_of(tmp_path / "root" / "a") == 0o711


def test_thousands_of_missing_directories_are_made(tmp_path):
    path = f"{tmp_path}/" + "d/" * 1900

    make_directories(path.rstrip("/"))
    make_directories(path.rstrip("/"))
    write(Folders(f"{tmp_path}/"), "d/" * 2500 + "f")

    found = subprocess.run(
        ["find", "d", "-type", "d"], cwd=tmp_path, capture_output=True, check=True
    )
    assert found.stdout.count(b"\n") == 2500
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_directory_in_place_of_a_file_is_not_made(tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(OSError, match="file"):
        make_directories(f"{tmp_path}/file/below")


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_permissions_are_left_to_a_file_system_that_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error
):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse)
    folders = Folders(f"{tmp_path}/root/", lambda _: 0o500)
    write(folders, "a/b")
    folders.set_modes()
    assert below(tmp_path / "root") == ["a/", "a/b"]


def test_permissions_that_cannot_be_set_for_other_reasons_are_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        set_mode(f"{tmp_path}/none", 0o600)
