"""New trees beside a folder: how far a killed run has come, and what its journal tells."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Entry
from aibs_informatics_aws_lambda.handlers.data_sync.local import exchange, new_tree
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import open_folder
from aibs_informatics_aws_lambda.handlers.data_sync.local.journal import (
    Header,
    Known,
    compared,
    read_entries,
)
from aibs_informatics_aws_lambda.handlers.data_sync.local.link_tree import (
    delete_known,
    find_change,
    link_tree,
)
from aibs_informatics_aws_lambda.handlers.data_sync.local.new_tree import find_state
from tables import table

OLD, NEW, OTHER = (1, 10), (1, 20), (1, 30)
FIRST, AGAIN = Header("p", None), Header("p", OLD)


@table(
    "header, there, new, old, state",
    {
        "without a journal, files are missing": (None, OLD, NEW, None, "unfinished"),
        "without a journal, nothing is deleted that was there": (None, NEW, None, OLD, "replaced"),
        "the destination is as it was": (AGAIN, OLD, NEW, None, "resumable"),
        "nothing was there, and nothing is": (FIRST, None, NEW, None, "resumable"),
        "another folder is there": (AGAIN, OTHER, NEW, None, "outdated"),
        "the folder that was there is gone": (AGAIN, None, NEW, None, "outdated"),
        "a folder was made where none was": (FIRST, OTHER, NEW, None, "outdated"),
        "both are exchanged": (AGAIN, NEW, OLD, None, "switched"),
        "both are exchanged, and the new one was replaced": (AGAIN, OTHER, OLD, None, "switched"),
        "the new one is in a free place": (FIRST, NEW, None, None, "switched"),
        "the old one is moved away": (AGAIN, None, NEW, OLD, "interrupted"),
        "the old one is moved away, and the new one there": (AGAIN, NEW, None, OLD, "switched"),
        "another one was made in the gap": (AGAIN, OTHER, NEW, OLD, "replaced"),
        "the new one was deleted after the switch": (AGAIN, None, None, OLD, "replaced"),
    },
)
def test_state_of_a_run_that_was_killed(header, there, new, old, state):
    assert find_state(header, there, new, old) == state


def entry(relative: str, inode: int = 1) -> Entry:
    return Entry(relative, 5, 7.0, inode=inode)


def line(relative: str, inode: int = 1) -> Known:
    return Known(relative, inode, 5, 7.0)


@table(
    "journal, there, pairs",
    {
        "nothing": ([], [], []),
        "the same": ([line("a")], [entry("a")], [(entry("a"), line("a"))]),
        "one has come": (
            [line("b")],
            [entry("a"), entry("b")],
            [
                (entry("a"), None),
                (entry("b"), line("b")),
            ],
        ),
        "one is gone": (
            [line("a"), line("b")],
            [entry("b")],
            [
                (None, line("a")),
                (entry("b"), line("b")),
            ],
        ),
        "the last one is gone": (
            [line("a"), line("b")],
            [entry("a")],
            [
                (entry("a"), line("a")),
                (None, line("b")),
            ],
        ),
    },
)
def test_journal_is_compared_with_what_is_there(journal, there, pairs):
    assert list(compared(journal, there)) == pairs


class Trees:
    """A tree, and another one that is linked from it."""

    def __init__(self, folder: Path) -> None:
        self.old, self.new = folder / "old", folder / "new"
        for name in ("a", "b", "d/e", "\udcff"):
            (self.old / name).parent.mkdir(parents=True, exist_ok=True)
            (self.old / name).write_text(name.encode(errors="surrogateescape").hex())
        (self.old / "empty").mkdir()
        (self.old / "link").symlink_to("nowhere")
        os.mkfifo(self.old / "pipe")
        lines = io.StringIO()
        link_tree(f"{self.old}/", f"{self.new}/", lines, lambda: None)
        self.lines = lines.getvalue().splitlines()

    @property
    def journal(self):
        return read_entries(self.lines)

    def change(self) -> str | None:
        found = find_change(self.journal, f"{self.old}/", f"{self.new}/")
        return found and found.removeprefix(f"{self.old}/")

    def delete(self) -> int:
        return delete_known(self.journal, f"{self.old}/", f"{self.new}/")


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_linked_tree_has_all_that_the_other_has(trees):
    assert names(trees.new) == names(trees.old)
    assert trees.change() is None
    assert all((trees.new / name).samefile(trees.old / name) for name in ("a", "d/e", "pipe"))


def test_what_was_linked_is_deleted(trees):
    assert trees.delete() == 0
    assert names(trees.old) == []
    assert len(names(trees.new)) == 8


def touch(path: Path) -> None:
    os.utime(path, (5, 5))


@table(
    "change, found, kept",
    {
        "a file that came": (lambda old: (old / "c").touch(), "c", ["c"]),
        "a folder that came": (lambda old: (old / "c").mkdir(), "c/", ["c"]),
        "a file that was replaced": (
            lambda old: ((old / "c").write_text("61"), (old / "c").rename(old / "a")),
            "a",
            ["a"],
        ),
        "a file in a folder": (lambda old: (old / "d/x").touch(), "d/x", ["d", "d/x"]),
        "a file that is gone": (lambda old: (old / "d/e").unlink(), "d/e", []),
        "a file that both have, and was touched": (lambda old: touch(old / "a"), None, []),
    },
)
def test_what_has_changed_since_is_kept(trees, change, found, kept):
    change(trees.old)
    assert trees.change() == found
    assert trees.delete() == len([name for name in kept if name != "d"])
    assert names(trees.old) == kept


def test_touched_file_that_the_new_tree_has_replaced_is_kept(trees):
    (trees.new / "a").unlink()
    touch(trees.old / "a")
    assert trees.change() == "a"
    assert trees.delete() == 1


def test_file_of_another_file_system_is_an_error(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "cross-device")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OSError, match="another file system is mounted above this file"):
        Trees(tmp_path)


@pytest.mark.parametrize("supported", [True, False])
def test_folder_is_moved_to_a_free_name_only(tmp_path, monkeypatch, supported):
    if not supported:
        monkeypatch.setattr(exchange, "_rename", lambda *_: False)
    for name in ("one/x", "other"):
        (tmp_path / name).mkdir(parents=True)
    one, other = open_folder(str(tmp_path / "one")), open_folder(str(tmp_path / "other"))
    exchange.move("x", one, other)
    assert names(tmp_path) == ["one", "other", "other/x"]
    (tmp_path / "one/x").mkdir()
    with pytest.raises(FileExistsError):
        exchange.move("x", one, other)
    assert names(tmp_path) == ["one", "one/x", "other", "other/x"]


def test_folders_are_exchanged(tmp_path):
    for name in ("one/x/1", "other/x/2"):
        (tmp_path / name).mkdir(parents=True)
    one, other = open_folder(str(tmp_path / "one")), open_folder(str(tmp_path / "other"))
    if not exchange.exchange("x", one, other):
        pytest.skip("the file system cannot exchange folders")
    assert names(tmp_path) == ["one", "one/x", "one/x/2", "other", "other/x", "other/x/1"]


def test_call_that_the_system_does_not_have_is_made_by_number(tmp_path, monkeypatch):
    import ctypes

    class Libc:
        """A library of C that has no function for it."""

        syscall = ctypes.CDLL(None, use_errno=True).syscall

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Libc())
    test_folders_are_exchanged(tmp_path)


def test_exchange_with_nothing_is_an_error(tmp_path):
    (tmp_path / "one").mkdir()
    folder = open_folder(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        exchange.exchange("one", folder, open_folder(str(tmp_path / "one")))


def test_failed_recovery_leaves_no_lock(tmp_path):
    destination = f"{tmp_path}/dst"
    (tmp_path / "dst").mkdir()
    tree = new_tree.create(destination)
    tree.build("p", lambda: None)
    # As after a kill between two renames, and another folder at the destination.
    above, old = open_folder(str(tmp_path)), Path(tree.folder, "old")
    old.mkdir()
    exchange.move("dst", above, open_folder(str(old)))
    (tmp_path / "dst").mkdir()
    tree.close()
    for _ in range(2):
        with pytest.raises(new_tree.SwitchError, match="another one is there now"):
            new_tree.recover(destination, "p")
