from __future__ import annotations

import os
import subprocess
import time
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


@pytest.mark.parametrize(("age", "in_use"), [(0, True), (3600, True), (2 * 86400, False)])
def test_temporary_files_are_in_use_for_a_day_after_their_last_change(age, in_use):
    path = staging.temporary_path("/data/a")
    assert staging.is_in_use(path, time.time() - age) is in_use


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
