"""What a sync would replace or delete is moved to the backup first, even if it is killed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.prepare.split import SubRequests
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.handlers.data_sync.tree import Node
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest, DataSyncResponse
from aibs_informatics_aws_lambda.storage.data_sync.batch import PrepareBatchDataSyncRequest
from faulty_s3 import FaultyS3, StoredObject, refusal
from tables import table

SOURCE = {"a": "new a", "new": "new", "same": "same", "sub/b": "new b"}
BEFORE = {"a": "a", "old": "old", "same": "same", "sub/b": "b", "sub/old": "sub/old"}
KEPT = {"a": "a", "old": "old", "sub/b": "b", "sub/old": "sub/old"}
DIRECTIONS = ["up", "down", "copy", "local"]
MUTATIONS = ("PutObject", "CopyObject", "DeleteObject", "DeleteObjects")


class Killed(BaseException):
    """The process is gone."""


class Sides:
    """Both sides of a sync, and the backup of what it replaces, in S3 or in folders."""

    def __init__(self, server: FaultyS3, folder: Path, direction: str) -> None:
        self._server = server
        self._folder = folder
        from_s3, self.to_s3 = direction in ("down", "copy"), direction in ("up", "copy")
        self.source = "s3://bucket/src/" if from_s3 else str(folder / "src")
        self.target = "s3://bucket/dst/" if self.to_s3 else str(folder / "dst")
        self.backup = "s3://bucket/kept/" if self.to_s3 else str(folder / "kept")
        # Objects that are older than their sources would be replaced all the same.
        self.write(self.target, BEFORE, modified=1_000_000)
        self.write(self.source, SOURCE, modified=2_000_000)
        self.write(self.target, {"same": "same"}, modified=3_000_000)

    def write(self, location: str, files: dict[str, str], modified: float) -> None:
        for name, text in files.items():
            if location.startswith("s3://"):
                key = location.removeprefix("s3://bucket/") + name
                stored = StoredObject(text.encode(), modified=modified)
                self._server.objects["bucket", key] = stored
            else:
                path = Path(location, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                os.utime(path, (modified, modified))

    def read(self, location: str) -> dict[str, str]:
        if location.startswith("s3://"):
            prefix = location.removeprefix("s3://bucket/")
            return {
                key.removeprefix(prefix): stored.content.decode()
                for (_, key), stored in self._server.objects.items()
                if key.startswith(prefix)
            }
        folder = Path(location)
        return {
            str(path.relative_to(folder)): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }

    def sync(self, **options: object) -> DataSyncResponse:
        fields = {"delete": True, "local_mirror": True, "backup_path": self.backup, **options}
        return Engine().sync(
            DataSyncRequest(source_path=self.source, destination_path=self.target, **fields)
        )

    def check_nothing_is_lost(self) -> None:
        found = {*self.read(self.target).items(), *self.read(self.backup).items()}
        assert set(BEFORE.items()) <= found


@pytest.fixture(params=DIRECTIONS)
def sides(request, s3: FaultyS3, tmp_path: Path) -> Sides:
    return Sides(s3, tmp_path, request.param)


def test_replaced_and_deleted_files_are_in_the_backup(sides):
    result = sides.sync().result

    assert sides.read(sides.target) == SOURCE
    assert sides.read(sides.backup) == KEPT
    assert (result.files_backed_up, result.files_deleted) == (4, 2)


def test_second_sync_leaves_the_backup_as_it_is(sides):
    sides.sync()

    result = sides.sync().result

    assert (result.files_transferred, result.files_backed_up) == (0, 0)
    assert sides.read(sides.backup) == KEPT


def test_forced_sync_without_delete_backs_up_what_it_replaces(sides):
    sides.sync(delete=False, force=True)

    assert sides.read(sides.backup) == {"a": "a", "same": "same", "sub/b": "b"}


@pytest.mark.parametrize("options", [{"dry_run": True}, {"verify": True}])
def test_nothing_is_moved_where_nothing_is_changed(sides, options):
    sides.sync(**options)

    assert sides.read(sides.backup) == {}
    assert sides.read(sides.target) == BEFORE


def test_move_backs_up_what_it_replaces(sides):
    if sides.target.startswith("s3://") or not sides.source.startswith("s3://"):
        sides.sync(delete=False, retain_source_data=False)

        assert sides.read(sides.source) == {}
        assert sides.read(sides.backup) == {"a": "a", "sub/b": "b"}


def test_single_file_is_kept_under_its_name(sides):
    fields = {"delete": False, "backup_path": sides.backup}
    source, target = (f"{path.rstrip('/')}/a" for path in (sides.source, sides.target))

    Engine().sync(DataSyncRequest(source_path=source, destination_path=target, **fields))

    assert sides.read(sides.backup) == {"a": "a"}


@pytest.mark.parametrize("kept", ["{target}", "{target}/kept", "{source}/kept", "{root}"])
def test_backup_that_overlaps_with_a_side_is_refused(sides, kept):
    target, source = sides.target.rstrip("/"), sides.source.rstrip("/")
    if source.startswith("s3://") != target.startswith("s3://"):
        # Only a backup on the side of the destination is possible.
        source = target
    path = kept.format(target=target, source=source, root=target.rpartition("/")[0])

    with pytest.raises(ValueError, match="overlap"):
        sides.sync(backup_path=path)

    assert sides.read(sides.target) == BEFORE


def test_backup_of_another_kind_is_refused(sides, tmp_path):
    other = str(tmp_path / "kept") if sides.to_s3 else "s3://bucket/kept/"

    with pytest.raises(ValueError, match="must be in S3 if the destination"):
        sides.sync(backup_path=other)


@pytest.mark.parametrize("direction", ["up", "copy"])
@pytest.mark.parametrize("is_done", [False, True])
def test_nothing_is_lost_when_a_sync_to_s3_is_killed(s3, tmp_path, direction, is_done):
    kills = 0
    while True:
        s3.reset()
        sides = Sides(s3, tmp_path / str(kills), direction)
        made = []

        def die(call, proceed, made=made, last=kills):
            if call.operation in MUTATIONS:
                made.append(call)
                if len(made) > last:
                    if is_done and len(made) == last + 1:
                        proceed()
                    return refusal(403, "AccessDenied")
            return proceed()

        s3.fault = die
        try:
            sides.sync(max_concurrency=1)
        except Exception:
            sides.check_nothing_is_lost()
        else:
            break
        finally:
            s3.heal()
        sides.sync()
        assert sides.read(sides.target) == SOURCE
        assert set(KEPT.items()) <= set(sides.read(sides.backup).items())
        kills += 1
    assert kills >= 6


@pytest.mark.parametrize("has_links", [True, False])
def test_nothing_is_lost_when_a_local_sync_is_killed(s3_server, tmp_path, monkeypatch, has_links):
    kills = 0
    while True:
        sides = Sides(s3_server, tmp_path / str(kills), "local")
        calls = []

        def alive(effect, calls=calls, last=kills):
            def act(*arguments, **options):
                if effect is not os.link or has_links:
                    calls.append(effect)
                if len(calls) > last:
                    raise Killed
                if effect is LINK and not has_links:
                    raise OSError(errno.EXDEV, "Invalid cross-device link")
                return effect(*arguments, **options)

            return act

        with monkeypatch.context() as patch:
            for name in ("link", "replace", "unlink", "rename", "open", "write"):
                patch.setattr(os, name, alive(getattr(os, name)))
            try:
                sides.sync(max_concurrency=1)
            except Killed:
                is_complete = False
            else:
                is_complete = True
        sides.check_nothing_is_lost()
        if is_complete:
            break
        if kills % 3 == 0:
            sides.sync()
            assert sides.read(sides.target) == SOURCE
            assert set(KEPT.items()) <= set(sides.read(sides.backup).items())
        kills += 1
    assert kills > 20


LINK = os.link


def test_symlink_at_the_destination_is_kept(tmp_path):
    source, target, kept = (tmp_path / name for name in ("src", "dst", "kept"))
    source.mkdir()
    target.mkdir()
    (source / "a").write_text("new")
    (target / "a").symlink_to("/elsewhere")

    Engine().sync(
        DataSyncRequest(
            source_path=source, destination_path=target, delete=False, backup_path=kept
        )
    )

    assert (target / "a").read_text() == "new"
    assert (kept / "a").readlink() == Path("/elsewhere")


def test_files_on_another_file_system_are_copied(tmp_path, monkeypatch):
    def no_link(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    sides = Sides(FaultyS3(), tmp_path, "local")
    Path(sides.target, "old").chmod(0o640)
    monkeypatch.setattr(os, "link", no_link)

    sides.sync()

    assert sides.read(sides.backup) == KEPT
    assert Path(sides.backup, "old").stat().st_mode & 0o777 == 0o640
    assert Path(sides.backup, "old").stat().st_mtime == 1_000_000


@table(
    "node, backup",
    {
        "the whole": (Node("", 1, 3, 0.0, "folder"), "s3://bucket/kept/p"),
        "a folder": (Node("x/", 1, 3, 0.0, "folder"), "s3://bucket/kept/p/x"),
        "a file": (Node("x/y", 1, 1, 0.0, "entry"), "s3://bucket/kept/p/x"),
    },
)
def test_parts_of_a_sync_keep_their_paths_in_the_backup(node, backup):
    request = PrepareBatchDataSyncRequest(
        source_path="s3://bucket/q/p/",
        source_path_prefix="q/",
        destination_path="s3://bucket/dst/",
        backup_path="s3://bucket/kept",
    )

    assert SubRequests(request).sync(node).backup_path == backup


@pytest.mark.parametrize("links", [True, False])
def test_file_that_was_replaced_already_takes_no_place_in_the_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links
):
    source, target, kept = tmp_path / "src", tmp_path / "dst", tmp_path / "kept"
    for folder, text in ((source, "new content"), (target, "old")):
        folder.mkdir()
        (folder / "a").write_text(text)
    os.utime(target / "a", (1_000_000, 1_000_000))
    rename, link, failed = os.replace, os.link, []

    def lose_response(name, new, **folders) -> None:
        """Rename a file, as NFS does where the response is lost and the request comes again."""
        rename(name, new, **folders)
        if new == "a" and (target / "a").read_text() == "new content" and not failed:
            failed.append(new)
            raise OSError(errno.EIO, "Input/output error")

    def refuse(*_, **__) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "replace", lose_response)
    monkeypatch.setattr(os, "link", link if links else refuse)
    request = DataSyncRequest(source_path=source, destination_path=target, backup_path=kept)
    with pytest.raises(OSError, match="dst/a changed after it was listed: it is neither kept"):
        Engine().sync(request)
    assert failed
    assert (target / "a").read_text() == "new content"
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"a": "old"}
    assert Engine().sync(request).result.files_unchanged == 1
