from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import staging
from aibs_informatics_aws_lambda.handlers.data_sync.local.staging import (
    find_staging_root,
    staging_folder,
)
from tables import table


@table(
    "destination, mounts, root",
    {
        "a file below a mount point is staged there": ("/mnt/efs/a/b", {"/mnt/efs"}, "/mnt/efs"),
        "the nearest mount point is taken": ("/mnt/efs/a/b", {"/mnt", "/mnt/efs/a"}, "/mnt/efs/a"),
        "a mount point itself is staged above": ("/mnt/efs", {"/mnt", "/mnt/efs"}, "/mnt"),
        "the root file system gives its first folder": ("/data/a/b", {"/"}, "/data"),
        "a file right below the root is its own first folder": ("/a", {"/"}, "/a"),
        "no mount point at all gives the first folder": ("/data/a/b", set(), "/data"),
    },
)
def test_staging_root(monkeypatch: pytest.MonkeyPatch, destination, mounts, root):
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in mounts)
    assert find_staging_root(destination) == root


def test_staging_folder_is_a_hidden_one_of_its_own(tmp_path: Path):
    with staging_folder(str(tmp_path)) as one, staging_folder(str(tmp_path)) as other:
        assert one != other
        assert Path(one).is_dir()
        assert Path(one).parent == tmp_path
        assert Path(one).name.startswith(".data-sync-")


def test_staging_folder_is_removed_with_what_is_in_it(tmp_path: Path):
    with staging_folder(str(tmp_path)) as folder:
        Path(folder, "object").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_staging_folder_is_removed_after_an_error(tmp_path: Path):
    def fail() -> None:
        with staging_folder(str(tmp_path)):
            raise OSError("failed")

    with pytest.raises(OSError, match="failed"):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_staging_needs_a_folder(tmp_path: Path, kind):
    root = tmp_path / "root"
    if kind == "file":
        root.write_text("x")
    with (
        pytest.raises(FileNotFoundError, match=f"{root}: no such directory"),
        staging_folder(str(root)),
    ):
        pytest.fail("the body ran")


@pytest.mark.parametrize("target", ["/data/a", "/data/.a", f"/data/{'n' * 200}", "/data/a\nb"])
def test_temporary_files_are_recognized_by_their_names(target):
    assert staging.is_temporary(staging.temporary_path(target))


@pytest.mark.parametrize("name", ["a.tmp", ".a.tmp", ".a.0123456789ab-1.tmp", ".a.b-1-1.tmp", "a"])
def test_other_names_are_those_of_users(name):
    assert not staging.is_temporary(f"/data/{name}")


@table(
    "name, beginning",
    {
        "a hidden file beside the target": ("a", ".a."),
        "a name of 48 characters is kept whole": ("n" * 48, f".{'n' * 48}."),
        "a longer one is cut, since names have at most 255 bytes": ("n" * 49, f".{'n' * 48}."),
    },
)
def test_temporary_name(name, beginning):
    path = staging.temporary_path(f"/data/{name}")
    folder, _, temporary = path.rpartition("/")
    assert folder == "/data"
    assert re.fullmatch(rf"{re.escape(beginning)}[0-9a-f]{{12}}-{os.getpid()}-\d+\.tmp", temporary)


def test_no_two_temporary_paths_are_equal():
    assert staging.temporary_path("/data/a") != staging.temporary_path("/data/a")


@table(
    "path, age, in_use",
    {
        "just written": ("own", 0, True),
        "a moment less than a day": ("own", 86399.5, True),
        "a day: left over": ("own", 86400, False),
        "older": ("own", 2 * 86400, False),
        "in the future, as clocks differ": ("own", -10, True),
        "a file of a user": ("/data/a.tmp", 0, False),
    },
)
def test_temporary_file_is_in_use(monkeypatch: pytest.MonkeyPatch, path, age, in_use):
    now = 1_700_000_000.0
    monkeypatch.setattr(staging.time, "time", lambda: now)
    path = staging.temporary_path("/data/a") if path == "own" else path
    assert staging.is_in_use(path, now - age) is in_use


@table(
    "directory, target, path",
    {
        "by default beside the target": (None, "{tmp}/new/a", "{tmp}/new/.a."),
        "in the directory for a single object": ("/stage", "{tmp}/new/a", "/stage/object"),
    },
)
def test_path_for_a_target(tmp_path: Path, directory, target, path):
    given = staging.Staging(directory).path_for(target.format(tmp=tmp_path))
    assert given.startswith(path.format(tmp=tmp_path))
    assert (tmp_path / "new").is_dir()


def test_parent_of_targets_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = []
    monkeypatch.setattr(staging, "make_directories", made.append)
    one = staging.Staging()
    for target in (f"{tmp_path}/a/1", f"{tmp_path}/a/2", f"{tmp_path}/b/1", "/top"):
        one.path_for(target)
    assert made == [f"{tmp_path}/a", f"{tmp_path}/b", "/"]
    assert staging.Staging(directory=None) == staging.Staging()


def test_directory_that_another_sync_makes_meanwhile_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = os.mkdir

    def lose_the_race(path: str) -> None:
        real(path)
        raise FileExistsError(path)

    monkeypatch.setattr(os, "mkdir", lose_the_race)
    staging.make_directories(f"{tmp_path}/a/b")
    assert (tmp_path / "a" / "b").is_dir()


def test_thousands_of_missing_directories_are_made(tmp_path):
    path = f"{tmp_path}/" + "d/" * 1500

    staging.make_directories(path.rstrip("/"))
    staging.make_directories(path.rstrip("/"))

    assert Path(path).is_dir()
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_directory_in_place_of_a_file_is_not_made(tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(OSError, match="file"):
        staging.make_directories(f"{tmp_path}/file/below")
