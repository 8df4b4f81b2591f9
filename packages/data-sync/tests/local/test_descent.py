"""Visits to directories: each once, what is above last, and nothing outside."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.local import descent
from aibs_informatics_aws_lambda.handlers.data_sync.local.delete import remove_tree, stat_tree
from aibs_informatics_aws_lambda.handlers.data_sync.local.descent import Pace, descend
from aibs_informatics_aws_lambda.handlers.data_sync.local.folders import Folders, open_folder
from tables import table


class Slow(Pace):
    """The pace of a file system that is slow from the first operation on."""

    def is_slow(self) -> bool:
        return True


PACES = {"in turn": Pace, "side by side": Slow}


@pytest.fixture(params=PACES)
def pace(request: pytest.FixtureRequest) -> Pace:
    return PACES[request.param]()


@table(
    "seconds, expected",
    {
        "a network file system is slow": ([0.001] * 16, True),
        "also if it caches some of what is read": ([0.001] * 13 + [0.00001] * 4, True),
        "a local disk is not": ([0.00001] * 16, False),
        "nor on a busy processor": ([0.00001] * 5 + [0.05] * 12, False),
        "a few slow operations decide nothing": ([1.0] * 15, False),
        "later ones change nothing": ([0.001] * 64 + [0.00001] * 100, True),
    },
)
def test_pace(seconds, expected):
    pace = Pace()
    for each in seconds:
        pace.note(each)
    assert pace.is_slow() is expected


def visits(root: Path, pace: Pace) -> tuple[list[str], list[str]]:
    """Return the directories that are entered and left, in order."""
    entered: list[str] = []
    left: list[str] = []

    def enter(fd: int, path: str) -> list[str]:
        entered.append(path)
        with os.scandir(fd) as children:
            return sorted(child.name for child in children if child.is_dir(follow_symlinks=False))

    parent = open_folder(f"{root.parent}")
    descend(parent, root.name, enter, lambda name, _: left.append(name), pace)
    return entered, left


def test_directories_are_left_after_those_below_them(tmp_path: Path):
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    (tmp_path / "root" / "c").mkdir()
    (tmp_path / "root" / "d").symlink_to("c")
    in_order = (["root", "root/a", "root/a/b", "root/c"], ["b", "a", "c"])
    assert visits(tmp_path / "root", Pace()) == in_order
    entered, left = visits(tmp_path / "root", Slow())
    assert (sorted(entered), sorted(left)) == (in_order[0], ["a", "b", "c"])
    assert left.index("b") < left.index("a")
    assert visits(tmp_path / "gone", Slow()) == ([], [])


def test_directories_of_any_depth_are_visited(tmp_path: Path, pace: Pace):
    depth = descent._MOST_OPEN + 50
    folders = Folders(f"{tmp_path}/")
    for level in range(1, depth + 1):
        os.mkdir("e", dir_fd=folders.make("/".join("d" * level)).fd)
    entered, left = visits(tmp_path / "d", pace)
    assert (len(entered), len(set(entered)), len(left)) == (2 * depth, 2 * depth, 2 * depth - 1)
    found = stat_tree(tmp_path / "d")
    assert found
    remove_tree(tmp_path / "d", found)
    assert list(tmp_path.iterdir()) == []


def test_directory_that_was_moved_on_the_way_is_an_error(tmp_path: Path, pace: Pace):
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    (tmp_path / "other").mkdir()

    def enter(_: int, path: str) -> list[str]:
        if path == "root/a/b":
            (tmp_path / "root" / "a" / "b").rename(tmp_path / "other" / "b")
        return {"root": ["a"], "root/a": ["b"]}.get(path, [])

    with pytest.raises(OSError, match="moved in the meantime") as caught:
        descend(open_folder(str(tmp_path)), "root", enter, pace=pace)
    assert (caught.value.errno, caught.value.filename) == (errno.ESTALE, "root/a")


def test_symlink_in_place_of_a_directory_is_not_entered(tmp_path: Path, pace: Pace):
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "a").symlink_to(tmp_path / "outside")
    entered: list[str] = []

    def enter(_: int, path: str) -> list[str]:
        entered.append(path)
        return ["a"] if path == "root" else []

    with pytest.raises(OSError, match="a") as caught:
        descend(open_folder(str(tmp_path)), "root", enter, pace=pace)
    assert caught.value.errno in (errno.ENOTDIR, errno.ELOOP)
    assert entered == ["root"]


def test_error_ends_all_threads(tmp_path: Path):
    for number in range(100):
        (tmp_path / "root" / f"{number:02d}").mkdir(parents=True)

    def enter(fd: int, path: str) -> list[str]:
        if path.endswith("/50"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return sorted(os.listdir(fd))

    with pytest.raises(OSError, match="root/50"):
        descend(open_folder(str(tmp_path)), "root", enter, pace=Slow())
    assert not [one for one in threading.enumerate() if one.name.startswith("descent")]


def test_directories_and_work_are_visited_side_by_side(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / "root" / name).mkdir(parents=True)
    together = threading.Barrier(4)

    def enter(_: int, path: str) -> Iterator[descent.Unit]:
        if path == "root":
            # Broken if these are not visited at the same time.
            yield lambda: together.wait(timeout=180) and None
            yield from ("a", "b")
            yield lambda: together.wait(timeout=180) and None
        else:
            together.wait(timeout=180)

    descend(open_folder(str(tmp_path)), "root", enter, pace=Slow())
    assert not together.broken


@pytest.mark.parametrize("is_slow", [False, True])
def test_trees_are_summed_up_and_removed(tmp_path: Path, monkeypatch, is_slow: bool):
    monkeypatch.setattr(Pace, "is_slow", lambda _: is_slow)
    for number in range(200):
        file = tmp_path / "root" / f"{number % 3}" / f"{number % 7}" / f"{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(number))
        os.utime(file, (number, number))
    for number in range(100):
        (tmp_path / "root" / f"{number}").touch() if number > 2 else None
    os.utime(tmp_path / "root" / "0" / "0" / "189", (10**9, 10**9 + 0.5))
    for number in range(3, 100):
        os.utime(tmp_path / "root" / f"{number}", (0, 0))
    (tmp_path / "root" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    found = stat_tree(tmp_path / "root")
    assert found
    assert (found.size_bytes, found.last_modified) == (sum(range(200)), 10**9 + 0.5)
    remove_tree(tmp_path / "root", found)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
