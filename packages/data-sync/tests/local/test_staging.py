from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import staging
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import Folders
from aibs_informatics_aws_lambda.handlers.data_sync.local.staging import (
    Staging,
    find_staging_root,
    staging_folder,
)
from ignored_case import IgnoredCase
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


def test_error_of_a_read_only_file_system_names_the_target(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch
):
    staged = Staging(folders).file(str(tmp_path / "a"))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", ".a.tmp")

    with monkeypatch.context() as read_only:
        read_only.setattr(os, "open", refuse)
        read_only.setattr(os, "unlink", refuse)
        with pytest.raises(OSError, match=f"Read-only file system: '{tmp_path}/a'"):
            staged.open()
        # Its error would take the place of the first one.
        staged.discard()


def test_file_is_deleted_if_an_interruption_comes_as_soon_as_it_is_there(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch
):
    staged, make = Staging(folders).file(f"{tmp_path}/target"), os.open

    def interrupted(*arguments, **options):
        os.close(make(*arguments, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(staging.os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        staged.open()
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 1
    staged.discard()
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_discarded_is_closed_and_deleted(tmp_path: Path, folders):
    staged = Staging(folders).file(f"{tmp_path}/a")
    fd = staged.open()
    staged.discard()
    staged.discard()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


@pytest.mark.parametrize("call", ["write_whole", "complete"])
def test_error_of_a_close_names_the_target_and_closes_no_other_file(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch, call
):
    staged, close = Staging(folders).file(f"{tmp_path}/a"), os.close
    if call == "complete":
        staged.open()

    def lose(fd: int) -> None:
        """Close a file as NFS does where it cannot write what it was given."""
        close(fd)
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    with monkeypatch.context() as full:
        full.setattr(staging.os, "close", lose)
        with pytest.raises(OSError, match=f"Disk quota exceeded: '{tmp_path}/a'"):
            getattr(staged, call)(*([b"x"] if call == "write_whole" else []))
    # Most likely with the number of the one that was closed.
    with (tmp_path / "other").open("w") as other:
        staged.discard()
        assert not closes(other.fileno())
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_file_is_discarded_although_its_close_fails(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch
):
    staged, close = Staging(folders).file(f"{tmp_path}/a"), os.close
    staged.open()

    def lose(fd: int) -> None:
        close(fd)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(staging.os, "close", lose)
    staged.discard()
    assert list(tmp_path.iterdir()) == []


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


def closes(fd: int) -> bool:
    """Return whether a file descriptor is closed."""
    try:
        os.fstat(fd)
    except OSError:
        return True
    return False


OLD = 1_000_000_000.0


@table(
    "modified, fsync",
    {
        "as it was": (OLD, False),
        "on the disk": (None, True),
        "both": (OLD, True),
        "neither": (None, False),
    },
)
@pytest.mark.parametrize("whole", [True, False])
def test_time_and_fsync_of_a_file(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch, modified, fsync, whole
):
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    staged = Staging(folders).file(f"{tmp_path}/a")
    options = {"fsync": True} if fsync else {}
    if whole:
        staged.write_whole(b"content", modified, **options)
    else:
        staged.open()
        staged.write(b"content")
        staged.complete(modified=modified, **options)
    staged.publish()
    assert ((tmp_path / "a").stat().st_mtime == OLD) is (modified is not None)
    assert len(synced) == fsync


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("whole", [True, False])
def test_file_is_closed_once_it_is_complete(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch, whole, fails
):
    opened: list[int] = []
    create = staging.StagedFile._create

    def remember(file: staging.StagedFile, mode: int) -> int:
        opened.append(create(file, mode))
        return opened[-1]

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(staging.StagedFile, "_create", remember)
    if fails:
        monkeypatch.setattr(os, "fsync", fail)
    staged = Staging(folders).file(f"{tmp_path}/a")
    expected = pytest.raises(OSError, match=f"{tmp_path}/a") if fails else nullcontext()
    if not whole:
        staged.open()
    with expected:
        if whole:
            staged.write_whole(b"content", fsync=True)
        else:
            staged.complete(fsync=True)
    assert staged.fd == -1
    assert closes(opened[0])


def test_file_is_not_open_at_first(tmp_path: Path, folders):
    staged = Staging(folders).file(f"{tmp_path}/a")
    assert staged.fd == -1
    # It closes nothing that is not its own.
    staged.discard()
    assert not closes(1)


def test_first_descriptor_is_closed_as_any_other(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch
):
    closed: list[int] = []
    staged = Staging(folders).file(f"{tmp_path}/a")
    staged.fd = 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", closed.append)
        staged.discard()
    assert closed == [0]
    assert staged.fd == -1


def test_error_of_a_write_names_the_target(tmp_path: Path, folders):
    staged = Staging(folders).file(f"{tmp_path}/a")
    staged.open()
    os.close(staged.fd)
    with pytest.raises(OSError, match=f"'{tmp_path}/a'"):
        staged.write(b"content")
    staged.fd = -1


@table(
    "position, size, length",
    {
        "a hole at the end": (2, 5, 5),
        "a hole of one byte": (4, 5, 5),
        "no hole": (5, 5, 5),
        "a file that is longer": (6, 5, 6),
    },
)
def test_end_of_a_file(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch, position, size, length
):
    truncated: list[int] = []
    truncate = os.ftruncate

    def remember(fd: int, length: int) -> None:
        truncated.append(length)
        truncate(fd, length)

    monkeypatch.setattr(os, "ftruncate", remember)
    staged = Staging(folders).file(f"{tmp_path}/a")
    staged.open()
    staged.write(b"x" * position)
    staged.end_at(size)
    staged.complete()
    staged.publish()
    assert (tmp_path / "a").stat().st_size == length
    assert truncated == ([size] if length > position else [])


@table(
    "mask, mode",
    {
        "of a group": (0o027, 0o640),
        "of all": (0o000, 0o666),
        "of one": (0o077, 0o600),
    },
)
@pytest.mark.parametrize("whole", [True, False])
def test_permissions_of_a_new_file(tmp_path: Path, folders, umask, mask, mode, whole):
    umask(mask)
    staged = Staging(folders).file(f"{tmp_path}/a")
    if whole:
        staged.write_whole(b"content")
    else:
        staged.open()
        staged.complete()
    staged.publish()
    assert mode_of(tmp_path / "a") == mode


def test_parents_of_a_path_beside_a_file_are_made(tmp_path: Path):
    path = staging.path_beside(f"{tmp_path}/b/c/a")
    assert Path(path).parent == tmp_path / "b" / "c"
    assert (tmp_path / "b" / "c").is_dir()
    assert staging.is_temporary(path)


def test_path_beside_a_file_of_the_root(monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []
    monkeypatch.setattr(staging, "make_directories", made.append)
    assert staging.path_beside("/a").startswith("/.a.")
    assert made == ["/"]


def test_umask_is_found_in_what_the_system_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shown = tmp_path / "status"
    shown.write_text("Name:\tUmask:\nUmask:\t0013\nState:\tR\n")
    real = open
    monkeypatch.setattr("builtins.open", lambda path, mode: real(shown, mode))
    assert staging._umask() == 0o013


def test_umask_is_private_while_it_is_read(monkeypatch: pytest.MonkeyPatch):
    def no_status(*_: object) -> None:
        raise FileNotFoundError

    masks: list[int] = []

    def remember(mask: int) -> int:
        masks.append(mask)
        return 0o037

    monkeypatch.setattr("builtins.open", no_status)
    monkeypatch.setattr(os, "umask", remember)
    assert staging._umask() == 0o037
    assert masks == [0o077, 0o037]


@pytest.fixture
def elsewhere(tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch) -> staging.StagedFile:
    """A complete file whose target is on another file system."""
    (tmp_path / "stage").mkdir()
    staged = Staging(folders, f"{tmp_path}/stage").file(f"{tmp_path}/a")
    staged.open()
    staged.write(b"content")
    staged.complete(0o640, OLD)
    rename = staging.StagedFile._rename

    def refuse(file: staging.StagedFile) -> None:
        if file.folder is not file.target_folder:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(file)

    monkeypatch.setattr(staging.StagedFile, "_rename", refuse)
    return staged


def test_copy_from_another_file_system_is_on_the_disk_with_its_time(
    tmp_path: Path, elsewhere, monkeypatch: pytest.MonkeyPatch
):
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    elsewhere.publish()
    assert (tmp_path / "a").stat().st_mtime == OLD
    assert len(synced) == 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_copy_from_another_file_system_that_fails_leaves_the_file(
    tmp_path: Path, elsewhere, monkeypatch: pytest.MonkeyPatch, error
):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(staging.shutil, "copyfileobj", fail)
    with pytest.raises(type(error)):
        elsewhere.publish()
    assert [path.name for path in tmp_path.iterdir()] == ["stage"]
    assert len(list((tmp_path / "stage").iterdir())) == 1


def test_copy_from_another_file_system_does_not_follow_a_symlink(tmp_path: Path, elsewhere):
    [temporary] = (tmp_path / "stage").iterdir()
    temporary.unlink()
    (tmp_path / "secret").write_text("secret")
    temporary.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        elsewhere.publish()
    assert not (tmp_path / "a").exists()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors have no paths here")
def test_path_of_an_open_file_leads_to_it_although_its_folder_is_moved(tmp_path: Path, folders):
    staged = Staging(folders).file(f"{tmp_path}/folder/a")
    path = staged.open_path()
    (tmp_path / "folder").rename(tmp_path / "moved")
    Path(path).write_bytes(b"content")
    [file] = (tmp_path / "moved").iterdir()
    assert file.read_bytes() == b"content"
    staged.discard()


def test_file_is_private_whatever_the_umask(tmp_path: Path, folders, umask):
    umask(0)
    staged = Staging(folders).file(f"{tmp_path}/a")
    staged.open()
    [temporary] = tmp_path.iterdir()
    assert mode_of(temporary) == 0o600
    staged.discard()


@pytest.fixture
def ignored_case(monkeypatch: pytest.MonkeyPatch) -> IgnoredCase:
    """The file system ignores case."""
    ignored = IgnoredCase()
    monkeypatch.setattr(os, "stat", ignored.stat)
    monkeypatch.setattr(os, "replace", ignored.replace)
    return ignored


def publish(made: Staging, target: Path, content: bytes, *, is_new: bool = True) -> None:
    staged = made.file(str(target))
    staged.write_whole(content)
    try:
        made.publish(staged, is_new=is_new)
    except BaseException:
        staged.discard()
        raise


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_new_file_is_not_published_over_one_whose_name_differs_in_case(
    tmp_path: Path, folders, ignored_case
):
    made = Staging(folders)
    publish(made, tmp_path / "A", b"of A")
    with pytest.raises(FileExistsError, match=f"{tmp_path}/a exists under a name in other case"):
        publish(made, tmp_path / "a", b"of a")
    publish(made, tmp_path / "b", b"of b")
    assert contents(tmp_path) == {"A": b"of A", "b": b"of b"}


def test_file_that_was_listed_is_replaced_where_case_is_ignored(
    tmp_path: Path, folders, ignored_case
):
    made = Staging(folders)
    publish(made, tmp_path / "A", b"of A")
    publish(made, tmp_path / "A", b"newer", is_new=False)
    assert contents(tmp_path) == {"A": b"newer"}


def test_symlink_is_replaced_where_case_is_ignored(tmp_path: Path, folders, ignored_case):
    (tmp_path / "a").symlink_to("nowhere")
    publish(Staging(folders), tmp_path / "a", b"of a")
    assert not (tmp_path / "a").is_symlink()
    assert contents(tmp_path) == {"a": b"of a"}


def test_case_is_looked_at_once(tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch):
    looked_up, find = [], os.stat

    def look_up(path, **options):
        looked_up.append(path)
        return find(path, **options)

    monkeypatch.setattr(staging.os, "stat", look_up)
    made = Staging(folders)
    publish(made, tmp_path / "a", b"of a")
    # As another sync has made it meanwhile.
    publish(made, tmp_path / "a", b"again")
    publish(made, tmp_path / "A", b"of A")
    assert contents(tmp_path) == {"a": b"again", "A": b"of A"}
    assert [name[-4:] for name in looked_up if ".a." in str(name) or ".A." in str(name)] == [
        ".TMP"
    ]


@pytest.mark.parametrize("whole", [True, False])
def test_file_is_published_where_there_are_no_permissions(
    tmp_path: Path, folders, monkeypatch: pytest.MonkeyPatch, umask, whole
):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    umask(0o022)
    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse)
    staged = Staging(folders).file(f"{tmp_path}/a")
    if whole:
        staged.write_whole(b"content", mode=0o777)
    else:
        staged.open()
        staged.write(b"content")
        staged.complete(0o644)
    staged.publish()
    assert (tmp_path / "a").read_bytes() == b"content"
