from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import staging
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import Folders
from aibs_informatics_aws_lambda.handlers.data_sync.local.staging import (
    Staging,
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


@pytest.fixture
def umask() -> Iterator[Callable[[int], None]]:
    """Set the umask until the end of a test."""
    before = os.umask(0o022)
    yield lambda mask: os.umask(mask) and None
    os.umask(before)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(f"{tmp_path}/")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_is_written_beside_its_target_by_default(tmp_path: Path, folders):
    staged = Staging(folders).file(f"{tmp_path}/new/a")
    staged.write_whole(b"content")
    [temporary] = (tmp_path / "new").iterdir()
    assert staging.is_temporary(str(temporary))
    staged.publish()
    assert (tmp_path / "new" / "a").read_bytes() == b"content"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]


def test_single_object_is_written_in_its_directory(tmp_path: Path, folders):
    (tmp_path / "stage").mkdir()
    staged = Staging(folders, f"{tmp_path}/stage").file(f"{tmp_path}/new/a")
    staged.write_whole(b"content")
    assert len(list((tmp_path / "stage").iterdir())) == 1
    staged.publish()
    assert (tmp_path / "new" / "a").read_bytes() == b"content"
    assert list((tmp_path / "stage").iterdir()) == []


def test_file_of_another_file_system_is_copied_with_its_permissions(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "stage").mkdir()
    staged = Staging(folders, f"{tmp_path}/stage").file(f"{tmp_path}/a")
    staged.open()
    staged.write(b"content")
    staged.complete(0o640)
    rename = staging.StagedFile._rename

    def refuse(file: staging.StagedFile) -> None:
        if file.folder is not file.target_folder:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(file)

    monkeypatch.setattr(staging.StagedFile, "_rename", refuse)
    staged.publish()
    assert (tmp_path / "a").read_bytes() == b"content"
    assert mode_of(tmp_path / "a") == 0o640
    assert list((tmp_path / "stage").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "stage"]


@pytest.mark.parametrize(("given", "mode"), [(None, 0o666 & ~0o027), (0o604, 0o604)])
def test_file_is_private_until_it_has_its_own_permissions(
    tmp_path: Path, folders, umask, given, mode
):
    umask(0o027)
    staged = Staging(folders).file(f"{tmp_path}/a")
    path = staged.open_path()
    Path(path).write_bytes(b"content")
    [temporary] = tmp_path.iterdir()
    assert mode_of(temporary) == 0o600
    staged.complete(given, fsync=True)
    staged.publish()
    assert (tmp_path / "a").read_bytes() == b"content"
    assert mode_of(tmp_path / "a") == mode


def test_file_that_is_written_as_a_whole_has_the_permissions_of_a_new_file(
    tmp_path: Path, folders, umask
):
    umask(0o027)
    staged = Staging(folders).file(f"{tmp_path}/a")
    staged.write_whole(b"content")
    [temporary] = tmp_path.iterdir()
    assert mode_of(temporary) == 0o640


def test_umask_is_read_where_the_system_does_not_show_it(monkeypatch: pytest.MonkeyPatch, umask):
    def no_status(*_: object) -> None:
        raise FileNotFoundError

    umask(0o037)
    assert staging._umask() == 0o037
    monkeypatch.setattr("builtins.open", no_status)
    assert staging._umask() == 0o037
    assert staging._umask() == 0o037


def test_file_is_opened_by_its_path_where_descriptors_have_none(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(staging, "_DESCRIPTORS", f"{tmp_path}/none")
    staged = Staging(folders).file(f"{tmp_path}/a")
    path = staged.open_path()
    assert Path(path).parent == tmp_path
    assert staging.is_temporary(path)
    staged.discard()


def test_holes_are_kept_up_to_the_end(tmp_path: Path, folders):
    staged = Staging(folders).file(f"{tmp_path}/a")
    staged.open()
    staged.seek(2)
    staged.write(b"a")
    staged.end_at(5)
    staged.complete()
    staged.publish()
    assert (tmp_path / "a").read_bytes() == b"\0\0a\0\0"


def test_file_that_is_discarded_is_closed_and_deleted(tmp_path: Path, folders):
    staged = Staging(folders).file(f"{tmp_path}/a")
    fd = staged.open()
    staged.discard()
    staged.discard()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


@pytest.mark.parametrize("call", ["open", "write_whole", "publish"])
def test_error_names_the_target(tmp_path: Path, folders, call):
    staged = Staging(folders).file(f"{tmp_path}/new/a")
    if call == "publish":
        staged.write_whole(b"x")
        (tmp_path / "new" / "a").mkdir()
    else:
        (tmp_path / "new").rmdir()
    with pytest.raises(OSError, match=f"'{tmp_path}/new/a'"):
        getattr(staged, call)(*([b"x"] if call == "write_whole" else []))
