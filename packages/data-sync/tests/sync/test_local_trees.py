"""Local trees: what is kept of them, and that a sync stays within them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import staging
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import Folders
from aibs_informatics_aws_lambda.handlers.data_sync.sync import engine as engine_module
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResult
from tables import table

MIB = 2**20


def sync(source, destination, **options) -> DataSyncResult:
    request = DataSyncRequest(
        source_path=str(source), destination_path=str(destination), **options
    )
    return Engine().sync(request).result


def write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("destination", ["{}/dst", "s3://bucket/dst"])
def test_move_removes_symlinks_whose_files_it_has_removed_before(
    bucket, tmp_path: Path, destination: str
):
    write(tmp_path / "src/a/f")
    for name, target in (("a/link", "f"), ("b", "a/f"), ("c/d", "../a/link")):
        (tmp_path / "src" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "src" / name).symlink_to(target)

    result = sync(tmp_path / "src", destination.format(tmp_path), retain_source_data=False)

    assert (result.files_transferred, result.files_removed) == (4, 4)
    assert not (tmp_path / "src").exists()


def read(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def folders_of(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


MODES = {"": 0o750, "private": 0o700, "group": 0o2775, "group/sub": 0o755, "sealed": 0o555}


class TestFolders:
    @pytest.mark.parametrize("retain", [True, False])
    def test_folders_have_the_permissions_of_the_source(self, tmp_path: Path, retain):
        for relative, mode in MODES.items():
            write(tmp_path / "src" / relative / "f")
            if retain or mode & stat.S_IWUSR:
                (tmp_path / "src" / relative).chmod(mode)
        sync(tmp_path / "src", tmp_path / "dst", retain_source_data=retain)
        for relative, mode in MODES.items():
            if retain or mode & stat.S_IWUSR:
                assert mode_of(tmp_path / "dst" / relative) == mode

    def test_folders_at_the_destination_keep_their_permissions(self, tmp_path: Path):
        write(tmp_path / "src" / "a" / "f")
        write(tmp_path / "dst" / "a" / "g")
        (tmp_path / "dst" / "a").chmod(0o700)
        sync(tmp_path / "src", tmp_path / "dst")
        assert mode_of(tmp_path / "dst" / "a") == 0o700

    def test_missing_parents_of_the_destination_are_as_new_folders(self, tmp_path: Path):
        write(tmp_path / "src" / "f")
        (tmp_path / "src").chmod(0o700)
        sync(tmp_path / "src", tmp_path / "new" / "dst")
        assert mode_of(tmp_path / "new" / "dst") == 0o700
        assert mode_of(tmp_path / "new") == 0o777 & ~staging._umask()

    def test_move_keeps_empty_folders(self, tmp_path: Path):
        write(tmp_path / "src" / "a" / "f")
        for relative in ("empty", "a/empty", "b/c/empty"):
            (tmp_path / "src" / relative).mkdir(parents=True)
        (tmp_path / "src" / "empty").chmod(0o2770)
        sync(tmp_path / "src", tmp_path / "dst", retain_source_data=False)
        assert folders_of(tmp_path / "dst") == ["a", "a/empty", "b", "b/c", "b/c/empty", "empty"]
        assert mode_of(tmp_path / "dst" / "empty") == 0o2770
        assert not (tmp_path / "src").exists()

    def test_move_of_an_empty_folder_is_one(self, tmp_path: Path):
        (tmp_path / "src").mkdir()
        sync(tmp_path / "src", tmp_path / "dst", retain_source_data=False)
        assert (tmp_path / "dst").is_dir()
        assert not (tmp_path / "src").exists()

    @pytest.mark.parametrize("options", [{}, {"retain_source_data": False, "dry_run": True}])
    def test_only_a_move_makes_empty_folders(self, tmp_path: Path, options):
        (tmp_path / "src" / "empty").mkdir(parents=True)
        sync(tmp_path / "src", tmp_path / "dst", **options)
        assert not (tmp_path / "dst" / "empty").exists()
        assert (tmp_path / "src" / "empty").exists()

    def test_empty_folder_does_not_replace_a_file(self, tmp_path: Path):
        write(tmp_path / "src" / "a")
        (tmp_path / "src" / "b").mkdir()
        write(tmp_path / "dst" / "b", b"kept")
        with pytest.raises(NotADirectoryError, match=f"'{tmp_path}/dst/b'"):
            sync(tmp_path / "src", tmp_path / "dst", retain_source_data=False)
        assert read(tmp_path) == {"src/a": b"x", "dst/a": b"x", "dst/b": b"kept"}

    @pytest.mark.parametrize("destination", ["s3://bucket/dst", "../dst"])
    def test_move_of_the_current_folder_keeps_the_folder(
        self, bucket, tmp_path: Path, monkeypatch, destination
    ):
        write(tmp_path / "src" / "a" / "f")
        monkeypatch.chdir(tmp_path / "src")
        result = sync(".", destination, retain_source_data=False)
        assert result.files_removed == 1
        assert list((tmp_path / "src").iterdir()) == []
        assert Path.cwd() == tmp_path / "src"


@table(
    "size, data",
    {
        "a hole alone": (3 * MIB, []),
        "data, then a hole": (3 * MIB, [0]),
        "a hole, then data": (3 * MIB, [3 * MIB - 1]),
        "holes between data": (8 * MIB, [0, 3 * MIB, 5 * MIB]),
    },
)
def test_sparse_file_stays_sparse(tmp_path: Path, size, data):
    path = write(tmp_path / "src" / "a", b"")
    with path.open("r+b") as file:
        file.truncate(size)
        for position in data:
            file.seek(position)
            file.write(b"x")
    if allocated(path) >= size:
        pytest.skip("the file system has no sparse files")
    sync(tmp_path / "src", tmp_path / "dst")
    assert (tmp_path / "dst" / "a").read_bytes() == path.read_bytes()
    assert allocated(tmp_path / "dst" / "a") <= allocated(path)


@pytest.mark.parametrize("path", ["/sys/kernel/mm/transparent_hugepage/enabled", "/proc/version"])
def test_file_with_another_size_than_its_content_is_an_error(tmp_path: Path, path):
    if not os.access(path, os.R_OK):
        pytest.skip("there is no such file")
    with pytest.raises(OSError, match=path):
        sync(path, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder for trees that are deeper than a path is long, or than Python calls itself."""
    (tmp_path / "deep").mkdir()
    yield tmp_path / "deep"
    subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)


def test_tree_of_1900_levels_is_copied_verified_and_moved(deep: Path):
    folders = Folders(f"{deep}/src/")
    relative = "d/" * 1900
    folder = folders.make(relative.rstrip("/"))
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=folder.fd))
    assert sync(deep / "src", deep / "dst").files_transferred == 1
    verified = sync(deep / "src", deep / "dst", verify=True).verification
    assert verified is not None
    assert (verified.files_equal, verified.files_extra) == (1, 0)
    assert sync(deep / "dst", deep / "moved", retain_source_data=False).files_removed == 1
    assert not (deep / "dst").exists()
    assert Path(f"{deep}/moved/{relative}f").exists()


@pytest.mark.parametrize("name", ["pipe", "link"])
@pytest.mark.parametrize("source", ["s3://bucket/a", "{tmp}/a"])
def test_file_does_not_replace_a_pipe(bucket, tmp_path: Path, source, name):
    bucket.put("a", "x")
    write(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(
        FileExistsError, match=f"{tmp_path}/{name} is a device, a pipe or a socket"
    ):
        sync(source.format(tmp=tmp_path), tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


@pytest.fixture
def before_transfers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Do something once a sync is planned, and before its first transfer."""

    def set_up(action: Callable[[], None]) -> None:
        execute = engine_module.execute

        def act_first(*arguments: Any) -> Any:
            action()
            return execute(*arguments)

        monkeypatch.setattr(engine_module, "execute", act_first)

    return set_up


class TestSwappedFolder:
    """A folder that is swapped for a link in mid-run leads nowhere outside."""

    @pytest.fixture
    def swap(self, tmp_path: Path, before_transfers) -> Callable[[str], dict[str, bytes]]:
        def set_up(name: str) -> dict[str, bytes]:
            write(tmp_path / "outside" / "f", b"outside, and as long")
            write(tmp_path / "outside" / "extra")
            folder = tmp_path / name

            def act() -> None:
                folder.rename(tmp_path / "moved")
                folder.symlink_to(tmp_path / "outside")

            before_transfers(act)
            return read(tmp_path / "outside")

        return set_up

    @pytest.mark.parametrize("source", ["s3://bucket/src", "{tmp}/src"])
    @pytest.mark.parametrize("folder", ["dst", "dst/a"])
    @pytest.mark.parametrize("size", [10, 300_000])
    def test_nothing_is_written_outside(self, bucket, tmp_path: Path, swap, source, folder, size):
        content = os.urandom(size)
        write(tmp_path / "src" / "a" / "f", content)
        bucket.put("src/a/f", content)
        write(tmp_path / "dst" / "a" / "extra")
        outside = swap(folder)
        with pytest.raises(NotADirectoryError, match=f"'{tmp_path}/dst"):
            sync(source.format(tmp=tmp_path), tmp_path / "dst")
        assert read(tmp_path / "outside") == outside

    @pytest.mark.parametrize("folder", ["dst", "dst/a"])
    def test_nothing_is_deleted_or_touched_outside(self, bucket, tmp_path: Path, swap, folder):
        bucket.put("src/a/f", b"x")
        file = write(tmp_path / "dst" / "a" / "f")
        write(tmp_path / "dst" / "a" / "extra")
        os.utime(file, (file.stat().st_mtime + 100,) * 2)
        outside = swap(folder)
        touched = (tmp_path / "outside" / "f").stat().st_mtime
        with pytest.raises(OSError, match=f"'{tmp_path}/dst"):
            sync("s3://bucket/src", tmp_path / "dst")
        assert read(tmp_path / "outside") == outside
        assert (tmp_path / "outside" / "f").stat().st_mtime == touched

    @pytest.mark.parametrize("folder", ["src", "src/a"])
    def test_nothing_is_removed_outside(self, bucket, tmp_path: Path, monkeypatch, swap, folder):
        file = write(tmp_path / "src" / "a" / "f", b"outside, and as long")
        bucket.put("dst/a/f", b"outside, and as long")
        outside = swap(folder)
        for path in (file, tmp_path / "outside" / "f"):
            os.utime(path, (1e9, 1e9))
        with pytest.raises(OSError, match=r"No such file|in place of this folder"):
            sync(tmp_path / "src", "s3://bucket/dst", retain_source_data=False)
        assert read(tmp_path / "outside") == outside


@pytest.mark.parametrize("source", ["s3://bucket/src", "{tmp}/src"])
def test_file_is_private_until_it_is_complete(bucket, tmp_path: Path, monkeypatch, source):
    content = os.urandom(300_000)
    write(tmp_path / "src" / "a", content).chmod(0o640)
    bucket.put("src/a", content)
    complete, modes = staging.StagedFile.complete, []

    def note(staged: staging.StagedFile, *arguments: Any, **options: Any) -> None:
        modes.extend(map(mode_of, (tmp_path / "dst").iterdir()))
        complete(staged, *arguments, **options)

    monkeypatch.setattr(staging.StagedFile, "complete", note)
    sync(source.format(tmp=tmp_path), tmp_path / "dst")
    assert modes == [0o600]
    is_copy = source.startswith("{")
    assert mode_of(tmp_path / "dst" / "a") == (0o640 if is_copy else 0o666 & ~staging._umask())
    assert (tmp_path / "dst" / "a").read_bytes() == content
